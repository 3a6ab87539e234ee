/**
 * Splits the time of a step into what launches, an idle device and the work itself take, and says which roof the work
 * is under. It is pure: everything follows from measured times.
 */
import { bound } from "../measure/bound.ts";
import type { Roof } from "../measure/session/types.ts";
import type { StepTime, Timeline } from "../measure/timelines.ts";

/** Parts of a step's time, in ms, that add up to it. */
export interface StepParts {
  /** n·launchMs, at most all of it: dispatches that did nothing would take as long. */
  readonly launches: number;
  /**
   * What remains takes so much longer than as many images take within the largest batch that was measured: threads
   * are too few to fill the device. It is 0 at that batch itself.
   */
  readonly idle: number;
  /** The rest. */
  readonly work: number;
}

/** The same step in the largest batch that was measured. */
export interface FullStep {
  readonly batch: number;
  readonly launchMs: number;
  readonly step: StepTime;
}

/** "unknown": the work is far below both roofs, or there are none. */
export type Bound = "launches" | "threads" | "arithmetic" | "memory" | "unknown";

/** What reaches less than this share of its roof isn't held back by it. */
const NEAR_ROOF = 0.1;

/**
 * With n dispatches, b images, t the step's time and t_B, n_B that of the same step with B images:
 *
 *     launches = min(t, n·launchMs)
 *     work     = min(t − launches, b/B · (t_B − min(t_B, n_B·launchMs_B)))
 *     idle     = t − launches − work
 *
 * @param full undefined where no larger batch was measured: then nothing is said to be idle
 */
export function stepParts(
  { ms, dispatches }: StepTime,
  { batch, launchMs }: { readonly batch: number; readonly launchMs: number },
  full?: FullStep,
): StepParts {
  const launches = Math.min(ms, dispatches.length * launchMs);
  const rest = ms - launches;
  if (!full) return { launches, idle: 0, work: rest };
  const { step, batch: most, launchMs: fullLaunchMs } = full;
  const fullRest = step.ms - Math.min(step.ms, step.dispatches.length * fullLaunchMs);
  const work = Math.min(rest, fullRest * batch / most);
  return { launches, idle: rest - work, work };
}

/** What holds a step back, and how much of its time that is. */
export interface StepBound {
  readonly by: Bound;
  /** The part of the step's time that launches, or the idle device, or else the work take: the largest of the three. */
  readonly ofTime: number;
  /**
   * Of what launches leave, where there are roofs: the share of the roof that it is under, and which. It is above 1 where
   * caches do better than the memory, and where a roof was measured amid other work.
   */
  readonly roof?: { readonly by: "arithmetic" | "memory"; readonly share: number };
}

/** The largest part of a step's time names what bounds it; where that is the work, its roof does, if it is near. */
export function stepBound(step: StepTime, parts: StepParts, batch: number, roof: Roof | undefined): StepBound {
  const { launches, idle, work } = parts;
  const under = roof && bound(2 * step.macs * batch, step.bytes, roof);
  const told = under && idle + work > 0 ? { roof: { by: under.by, share: under.ms / (idle + work) } } : {};
  const most = Math.max(launches, idle, work);
  const ofTime = step.ms > 0 ? most / step.ms : 0;
  if (launches === most) return { by: "launches", ofTime, ...told };
  if (idle === most) return { by: "threads", ofTime, ...told };
  return { by: boundOfWork(told), ofTime, ...told };
}

/** What holds the work of a step back: its roof, if that is near. */
export function boundOfWork({ roof }: Pick<StepBound, "roof">): "arithmetic" | "memory" | "unknown" {
  return roof && roof.share >= NEAR_ROOF ? roof.by : "unknown";
}

/** The steps of a timeline by name. */
export function stepsByName({ steps }: Timeline): ReadonlyMap<string, StepTime> {
  return new Map(steps.map((step) => [step.name, step]));
}
