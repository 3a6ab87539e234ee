/**
 * How far a latency table's sum is from what a network takes in whole, learnt from the networks that the device has timed while the
 * search runs. A sum leaves out what launches overlap or wait for, and widths between the table's points may run other kernels: both
 * are alike in networks that are alike.
 */
import { median } from "../../measure/stats.ts";

/** A network that was timed in whole. */
export interface Observation {
  /** What the table's entries add up to. */
  readonly predictedMs: number;
  readonly measuredMs: number;
  /** What may change which kernels run; those of one kind are nearer to each other. */
  readonly kind: string;
}

/** So many networks are asked. */
const NEAREST = 5;
/** A network of another kind is as far as one of the same kind whose time is so many times as long. */
const OTHER_KIND = 1.1;

/**
 * What a network takes that the table says takes `predictedMs`: that, times the median of measured / predicted over the five timed
 * networks that are nearest. Near are those of a like predicted time p′, by |ln(p / p′)|, to which ln 1.1 is added where the kind is
 * another; of equals the later one. A median, so that one time taken in a bad moment moves nothing. Without any it is `predictedMs`.
 */
export function correctedMs(
  observed: readonly Observation[],
  { predictedMs, kind }: Omit<Observation, "measuredMs">,
): number {
  if (observed.length === 0) return predictedMs;
  const away = (one: Observation) =>
    Math.abs(Math.log(predictedMs / one.predictedMs)) + (one.kind === kind ? 0 : Math.log(OTHER_KIND));
  const nearest = observed.toReversed().sort((a, b) => away(a) - away(b)).slice(0, NEAREST);
  return predictedMs * median(nearest.map((one) => one.measuredMs / one.predictedMs));
}

/** The factor changes where other networks become the nearest: going on longer may go round in a ring. */
const ROUNDS = 8;

/** What a network may take by the table, so that it takes `wantedMs` corrected: the least of what is found on the way there. */
export function aimFor(
  observed: readonly Observation[],
  { wantedMs, kind }: { wantedMs: number; kind: string },
): number {
  let aim = wantedMs, least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const next = aim * wantedMs / correctedMs(observed, { predictedMs: aim, kind });
    if (Math.abs(next / aim - 1) < 1e-9) return next;
    // The first ones are on the way; a ring is among the last.
    if (round >= ROUNDS / 2) least = Math.min(least, next);
    aim = next;
  }
  return least;
}
