/**
 * Decides what is measured where tuning may take only a part of the time that it serves: kernels with a large share of
 * that time come first, and among those the ones whose estimates lie close together. It is pure but for its clock.
 */
import type { Candidate } from "../../kernels/tuning.ts";
import type { CountedRequest } from "../tensor/ops/launch.ts";

/** Tuning may take this part of the time that a stage is estimated to take. */
const BUDGET = 0.1;
/** A way that is estimated to take so many times the best one isn't measured. */
const CLOSE = 1.5;
/** Nothing is measured whose share of the time, times how close its estimates are, is less. */
const LEAST_VALUE = 0.02;
/** A way has to be compiled, warmed up and sampled: about so long before anything is known of this device. */
const FIRST_MS_PER_WAY = 150;
/** So often is a way run to be measured. */
const RUNS_PER_WAY = 9;

/** What tuning may take, in ms, that serves work of `workMs`. */
export function tuningBudget(workMs: number): number {
  return BUDGET * workMs;
}

/** A request with what makes it worth measuring. */
export interface Worth {
  /** Its `candidates` are the ways that are close to the best one by their estimates. */
  readonly request: CountedRequest;
  /** Its share of the time, times how close the estimates of the two best ways are; both in 0…1. */
  readonly value: number;
}

/**
 * Gives the requests that are worth measuring, the most valuable first.
 *
 * A request's share is its estimated time / `runMs`, or / the sum of all estimates where that is more. How close
 * estimates are is best / second best, and 1 where the second best has none (Infinity).
 *
 * @param runMs is what running all of the requests once takes, with what can't be tuned
 */
export function worthTuning(requests: readonly CountedRequest[], runMs: number): Worth[] {
  const all = requests.map(({ candidates, launches }) => launches * leastNs(candidates));
  const whole = Math.max(runMs * 1e6, all.reduce((sum, ns) => sum + ns, 0));
  return requests.flatMap((request, i) => {
    const candidates = closeWays(request.candidates);
    if (candidates.length < 2) return [];
    const value = all[i] / whole * closeness(candidates);
    return value < LEAST_VALUE ? [] : [{ request: { ...request, candidates }, value }];
  }).sort((a, b) => b.value - a.value);
}

/** The ways that may be fastest by their estimates, and those that have none. */
function closeWays(candidates: readonly Candidate[]): readonly Candidate[] {
  const best = leastNs(candidates);
  return candidates.filter(({ cost }) => cost <= CLOSE * best || cost === Infinity);
}

/** Where one of the two best ways has no estimate, nothing says that they aren't equal. */
function closeness(candidates: readonly Candidate[]): number {
  const [best, second] = candidates.map(({ cost }) => cost).sort((a, b) => a - b);
  return second === Infinity ? 1 : best / second;
}

function leastNs(candidates: readonly Candidate[]): number {
  return Math.min(...candidates.map(({ cost }) => cost));
}

/** How long measuring takes on this device, as far as is known. */
export interface Pace {
  readonly ways: number;
  readonly ms: number;
}

/** What measuring a request is expected to take, in ms. */
export function expectedMs({ candidates }: CountedRequest, { ways, ms }: Pace): number {
  const perWay = ways > 0 ? ms / ways : FIRST_MS_PER_WAY;
  const best = leastNs(candidates);
  const runsMs = ({ cost }: Candidate) => RUNS_PER_WAY * (cost === Infinity ? best : cost) / 1e6;
  return candidates.reduce((sum, way) => sum + Math.max(perWay, runsMs(way)), 0);
}

/** What was measured within a budget, and how long that took. */
export interface Spent<Found> {
  readonly found: readonly Found[];
  readonly pace: Pace;
}

/**
 * Measures one request after the other as long as the next one is expected to fit into the budget; what doesn't fit is
 * passed over.
 */
export async function measureWithin<Found>(
  worth: readonly Worth[],
  { budgetMs, pace, measure, now, signal }: {
    readonly budgetMs: number;
    readonly pace: Pace;
    readonly measure: (request: CountedRequest) => Promise<Found>;
    /** Gives milliseconds. */
    readonly now: () => number;
    readonly signal?: AbortSignal;
  },
): Promise<Spent<Found>> {
  const found: Found[] = [];
  let left = budgetMs;
  for (const { request } of worth) {
    if (signal?.aborted) break;
    if (expectedMs(request, pace) > left) continue;
    const start = now();
    found.push(await measure(request));
    const took = now() - start;
    left -= took;
    pace = { ways: pace.ways + request.candidates.length, ms: pace.ms + took };
  }
  return { found, pace };
}
