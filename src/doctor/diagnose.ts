/** From what was measured to what is said of it. It is pure: the same numbers give the same diagnosis. */
import type { StepTime, Timeline } from "../measure/timelines.ts";
import { type NextToPrune, nextToPrune } from "./next_to_prune.ts";
import { type SpeedupGap, speedupGap, sumOf } from "./speedup_gap.ts";
import {
  type Bound,
  boundOfWork,
  type StepBound,
  stepBound,
  type StepParts,
  stepParts,
  stepsByName,
} from "./step_time.ts";
import type { BatchTimes, Checkup, StayedGroups } from "./types.ts";
import { type WidthFinding, widthFinding } from "./width_steps.ts";

/** All that can be said of a network on one device. */
export interface Diagnosis {
  readonly checkup: Checkup;
  readonly batches: readonly BatchDiagnosis[];
  readonly widths: readonly WidthFinding[];
  /** By batch size, and the best first; it is missing where losses or widths are. */
  readonly next?: readonly NextToPrune[];
  readonly stayed: readonly StayedGroups[];
}

export interface BatchDiagnosis {
  readonly batch: number;
  readonly launchMs: number;
  /** True where the networks do the same: then there is no speed-up to explain. */
  readonly unpruned: boolean;
  readonly gap?: SpeedupGap;
  readonly now: NetworkDiagnosis;
  readonly dense?: NetworkDiagnosis;
}

/** What holds a network back at one batch size. */
export interface NetworkDiagnosis {
  readonly wholeMs: number;
  /** What the steps take one by one. */
  readonly stepsMs: number;
  readonly dispatches: number;
  /** Of all steps, in ms. */
  readonly parts: StepParts;
  /** What the most time goes into, with its part of the steps' time. */
  readonly by: Bound;
  readonly ofTime: number;
  readonly steps: readonly StepDiagnosis[];
}

export interface StepDiagnosis extends StepBound {
  readonly step: StepTime;
  readonly parts: StepParts;
}

export function diagnose(checkup: Checkup): Diagnosis {
  const { batches, widths, losses, stayed } = checkup;
  const largest = batches.reduce<BatchTimes | undefined>((a, b) => a && a.batch >= b.batch ? a : b, undefined);
  return {
    checkup,
    batches: batches.map((times) => diagnoseBatch(checkup, times, largest === times ? undefined : largest)),
    widths: widths.flatMap((times) => widthFinding(times) ?? []),
    ...losses && widths.length > 0 && { next: nextToPrune(widths, losses) },
    stayed,
  };
}

function diagnoseBatch(checkup: Checkup, times: BatchTimes, full: BatchTimes | undefined): BatchDiagnosis {
  const { batch, launchMs, dense, now } = times;
  const unpruned = dense === undefined || sameWork(dense, now);
  const gap = unpruned ? undefined : speedupGap(times, full);
  return {
    batch,
    launchMs,
    unpruned,
    ...gap && { gap },
    now: diagnoseNetwork(checkup, times, now, full && { times: full, timeline: full.now }),
    ...dense && {
      dense: diagnoseNetwork(checkup, times, dense, full?.dense && { times: full, timeline: full.dense }),
    },
  };
}

function diagnoseNetwork(
  { roof }: Checkup,
  { batch, launchMs }: BatchTimes,
  timeline: Timeline,
  full: { readonly times: BatchTimes; readonly timeline: Timeline } | undefined,
): NetworkDiagnosis {
  const wide = full && stepsByName(full.timeline);
  const steps = timeline.steps.map((step): StepDiagnosis => {
    const same = wide?.get(step.name);
    const parts = stepParts(step, { batch, launchMs }, same && { ...full!.times, step: same });
    return { step, parts, ...stepBound(step, parts, batch, roof) };
  });
  const stepsMs = sumOf(timeline);
  const amounts = new Map<Bound, number>();
  const add = (by: Bound, ms: number) => amounts.set(by, (amounts.get(by) ?? 0) + ms);
  for (const { parts, ...found } of steps) {
    add("launches", parts.launches);
    add("threads", parts.idle);
    add(boundOfWork(found), parts.work);
  }
  const [by, ms] = [...amounts].reduce((a, b) => b[1] > a[1] ? b : a, ["unknown", 0]);
  return {
    wholeMs: timeline.wholeMs,
    stepsMs,
    dispatches: steps.reduce((sum, { step }) => sum + step.dispatches.length, 0),
    parts: {
      launches: steps.reduce((sum, { parts }) => sum + parts.launches, 0),
      idle: steps.reduce((sum, { parts }) => sum + parts.idle, 0),
      work: steps.reduce((sum, { parts }) => sum + parts.work, 0),
    },
    by,
    ofTime: stepsMs > 0 ? ms / stepsMs : 0,
    steps,
  };
}

/** The same steps with the same multiply-adds. */
function sameWork(dense: Timeline, now: Timeline): boolean {
  const text = ({ steps }: Timeline) => steps.map(({ name, op, macs }) => `${name} ${op} ${macs}`).join("\n");
  return text(dense) === text(now);
}
