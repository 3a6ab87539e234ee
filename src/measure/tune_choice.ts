/** Makes the tuner's decisions by its measurements. It is pure. */
import type { Contestant } from "./interleaved.ts";

/** A way that is slower than the fastest by this factor in a first short sample isn't worth measuring again. */
const HOPELESS = 1.5;
/** A challenger takes less than this part of the planner's own choice, or it is noise. */
const CLEARLY_FASTER = 0.97;
/** Ways add in different orders, so their NMSE against the planner's own choice may be so large. */
const SAME = 1e-9;

/**
 * Gives the ways that are measured again after a first short sample: the planner's own choice, and those that may still
 * be fastest.
 *
 * @param firstMs has a time for each way, in the order of `ways`
 */
export function worthMeasuring<Way extends Pick<Contestant, "name">>(
  ways: readonly Way[],
  firstMs: readonly number[],
  untuned: string,
): Way[] {
  const best = Math.min(...firstMs);
  return ways.filter(({ name }, i) => name === untuned || firstMs[i] <= HOPELESS * best);
}

/**
 * Gives the fastest way by its median in ms (the first of equals) where it is clearly faster than the planner's own
 * choice.
 */
export function winnerOf(medians: ReadonlyMap<string, number>, untuned: string): string {
  const fastest = [...medians.keys()].reduce((a, b) => medians.get(b)! < medians.get(a)! ? b : a);
  return medians.get(fastest)! < CLEARLY_FASTER * medians.get(untuned)! ? fastest : untuned;
}

/**
 * Throws where a way's outputs aren't those of the planner's own choice but for rounding.
 *
 * @throws Error that tells the normalised mean squared error
 */
export function requireSame(expected: readonly Float32Array[], found: readonly Float32Array[]): void {
  const apart = normalisedError(expected, found);
  if (!(apart <= SAME)) throw new Error(`its numbers differ: NMSE ${apart.toExponential(1)}`);
}

/** Computes the normalised mean squared error: Σ(e − f)² / Σe² over all outputs; 0 where all are equal. */
function normalisedError(expected: readonly Float32Array[], found: readonly Float32Array[]): number {
  let error = 0, energy = 0;
  expected.forEach((values, i) =>
    values.forEach((value, j) => {
      error += (value - found[i][j]) ** 2;
      energy += value ** 2;
    })
  );
  return error === 0 ? 0 : error / energy;
}
