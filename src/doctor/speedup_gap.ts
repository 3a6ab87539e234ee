/** Says why a network isn't as much faster as it has fewer multiply-adds. It is pure. */
import type { StepTime, Timeline } from "../measure/timelines.ts";
import type { BatchTimes } from "./types.ts";
import { type StepParts, stepParts, stepsByName } from "./step_time.ts";

/** What keeps the time from going down with the multiply-adds. */
export type GapCause = "launches" | "idle" | "other" | "rate" | "place" | "between";

/** How far the time is from what the multiply-adds promise, and what makes it so. Causes add up to `gapMs`. */
export interface SpeedupGap {
  /** dense ÷ now. */
  readonly macRatio: number;
  /** dense ÷ now. */
  readonly speedup: number;
  /** dense · now ÷ dense in multiply-adds: what the network would take. */
  readonly promisedMs: number;
  /** What it takes beyond that; below 0 where it is faster than promised. */
  readonly gapMs: number;
  /**
   * In ms. "launches": as many dispatches as before, or nearly so. "idle": fewer threads fill the device less. "other":
   * operators without multiply-adds. "rate": layers do fewer multiply-adds in a ms than before. "place": what went
   * lay where a ms does more multiply-adds than elsewhere. "between": what whole runs take beyond their steps.
   */
  readonly causes: Readonly<Record<GapCause, number>>;
}

/**
 * With r = MACs now ÷ dense of the network, ρ of a layer, and each step's time split into launches L, idle I and work W:
 *
 *     t − r·t_dense = Σ(L − r·L_d)                        launches
 *                   + Σ_layers (I − ρ·I_d)                idle
 *                   + Σ_layers (W − ρ·W_d)                rate
 *                   + Σ_layers (ρ − r)(I_d + W_d)         place
 *                   + Σ_others (I + W − r(I_d + W_d))     other
 *                   + (t − Σ steps) − r(t_d − Σ steps_d)  between
 *
 * which is an identity. Layers that have no counterpart of the same name (merged blocks) are one layer together.
 *
 * @param full the largest batch, if it isn't this one
 * @returns undefined where nothing is known of the dense network, or one of the two has no multiply-adds
 */
export function speedupGap(times: BatchTimes, full?: BatchTimes): SpeedupGap | undefined {
  const { dense, now } = times;
  if (!dense) return undefined;
  const [before, after] = [macsOf(dense), macsOf(now)];
  if (before === 0 || after === 0) return undefined;
  const r = after / before;
  const causes = { launches: 0, idle: 0, other: 0, rate: 0, place: 0, between: 0 };
  for (const { dense: d, now: n } of units(times, full)) {
    causes.launches += n.launches - r * d.launches;
    if (d.macs === 0 && n.macs === 0) {
      causes.other += n.idle + n.work - r * (d.idle + d.work);
      continue;
    }
    // What has only appeared, or only gone, has nothing to be compared with: it counts as promised by the network's ratio.
    const rho = d.macs > 0 ? n.macs / d.macs : r;
    causes.idle += n.idle - rho * d.idle;
    causes.rate += n.work - rho * d.work;
    causes.place += (rho - r) * (d.idle + d.work);
  }
  causes.between = now.wholeMs - sumOf(now) - r * (dense.wholeMs - sumOf(dense));
  const promisedMs = r * dense.wholeMs;
  return {
    macRatio: 1 / r,
    speedup: dense.wholeMs / now.wholeMs,
    promisedMs,
    gapMs: now.wholeMs - promisedMs,
    causes,
  };
}

/** The multiply-adds of one image. */
export function macsOf({ steps }: Timeline): number {
  return steps.reduce((sum, { macs }) => sum + macs, 0);
}

/** What the steps take one by one. */
export function sumOf({ steps }: Timeline): number {
  return steps.reduce((sum, { ms }) => sum + ms, 0);
}

type Amount = StepParts & { readonly macs: number };
const NOTHING: Amount = { launches: 0, idle: 0, work: 0, macs: 0 };

/** Steps of one name in both networks, and all others together: those with multiply-adds, and those without. */
function units(times: BatchTimes, full: BatchTimes | undefined): { dense: Amount; now: Amount }[] {
  const dense = amountsOf("dense", times, full);
  const now = amountsOf("now", times, full);
  const alike = [...now].filter(([name, { macs }]) => {
    const other = dense.get(name);
    return other && (other.macs > 0) === (macs > 0);
  }).map(([name]) => name);
  const paired = new Set(alike);
  const lone = (amounts: ReadonlyMap<string, Amount>, layers: "layers" | "others") =>
    [...amounts].filter(([name, { macs }]) => !paired.has(name) && (macs > 0) === (layers === "layers"))
      .reduce((sum, [, amount]) => added(sum, amount), NOTHING);
  return [
    ...alike.map((name) => ({ dense: dense.get(name)!, now: now.get(name)! })),
    ...(["layers", "others"] as const).map((kind) => ({ dense: lone(dense, kind), now: lone(now, kind) })),
  ];
}

function amountsOf(which: "dense" | "now", times: BatchTimes, full: BatchTimes | undefined): Map<string, Amount> {
  const wide = full?.[which] && stepsByName(full[which]);
  const partsOf = (step: StepTime) => {
    const same = wide?.get(step.name);
    return stepParts(step, times, same && { batch: full!.batch, launchMs: full!.launchMs, step: same });
  };
  return new Map(times[which]!.steps.map((step) => [step.name, { ...partsOf(step), macs: step.macs }]));
}

function added(a: Amount, b: Amount): Amount {
  return {
    launches: a.launches + b.launches,
    idle: a.idle + b.idle,
    work: a.work + b.work,
    macs: a.macs + b.macs,
  };
}
