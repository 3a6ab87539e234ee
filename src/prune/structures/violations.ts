/** Whether a weight has the structure that it was pruned to, which a finished network must still show. */
import type { Params } from "../../graph/types.ts";
import { PATTERN_TAPS } from "./pattern.ts";
import type { Constraint } from "./types.ts";

/**
 * Non-zero numbers beyond what the constraint's rule allows in one place: more than n in a run of m; more than four taps in a
 * kernel, and the four of kernels whose pattern is not among the `library` most frequent. 0 for a constraint without such a rule.
 */
export function violations({ rule, members: [{ param }] }: Constraint, params: Params): number {
  // Whole groups are gone or not, evenly or otherwise.
  if (!rule || rule.kind === "even") return 0;
  const { data } = params.get(param)!;
  return rule.kind === "runs" ? violationsOfRuns(data, rule) : violationsOfPatterns(data, rule.library);
}

function violationsOfRuns(weight: Float32Array, { n, m, length }: { n: number; m: number; length: number }): number {
  let beyond = 0;
  for (let row = 0; row < weight.length; row += length) {
    for (let first = row; first < row + length; first += m) {
      const run = weight.subarray(first, Math.min(first + m, row + length));
      beyond += Math.max(0, run.filter((w) => w !== 0).length - n);
    }
  }
  return beyond;
}

function violationsOfPatterns(weight: Float32Array, library: number): number {
  let beyond = 0;
  const kernels = new Map<number, number>();
  for (let e = 0; e < weight.length; e += 9) {
    const taps = [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((k) => weight[e + k] !== 0);
    beyond += Math.max(0, taps.length - PATTERN_TAPS);
    // A kernel with fewer taps left may have had any pattern.
    if (taps.length !== PATTERN_TAPS) continue;
    const bits = taps.reduce((sum, k) => sum | 1 << k, 0);
    kernels.set(bits, (kernels.get(bits) ?? 0) + 1);
  }
  const rare = [...kernels.values()].sort((a, b) => b - a).slice(library);
  return rare.reduce((sum, count) => sum + PATTERN_TAPS * count, beyond);
}
