/**
 * ALPS (Meng et al. 2024, "ALPS: Improved Optimization for Highly Sparse One-Shot Pruning for Large Language Models", arXiv 2406.07831)
 * on groups of columns: ADMM on ½ tr((B − W) H (B − W)ᵀ) where all but some groups of B are 0. One eigendecomposition of H serves
 * every ρ, and the multipliers aren't divided by ρ, so that nothing has to be scaled when it changes.
 *
 * The paper stops when few of many weights change places. Groups are few, and the choice may rest for a while: so ρ begins lower here,
 * grows slowly, and of all choices on the way the one counts whose refit leaves the least error.
 */
import { symmetricEigenvectors } from "../criteria/symmetric_eigenvalues.ts";
import { topGroups } from "../structures/selection.ts";
import { factored, solveInPlace } from "./cholesky.ts";
import { onGroupColumns } from "./group_columns.ts";
import type { Reader } from "./reader.ts";

/** ρ at the beginning, where inputs have variance 1, and by what it grows with each iteration that changes the choice. */
const RHO = 0.01, GROWTH = 1.1;
/** Iterations without a change that end it, and the most there are. */
const QUIET = 10, MOST = 300;

/**
 * The groups that stay, ascending.
 *
 * @param readers layers that read the groups' channels, one at least, all with the same groups
 */
export function alpsKept(readers: readonly Reader[], keep: number): readonly number[] {
  const layers = readers.map((reader) => begun(onGroupColumns(reader)));
  let rho = RHO;
  let kept = project(layers, keep, rho);
  let best = { kept, explained: explainedBy(layers, kept) };
  const seen = new Set([kept.join()]);
  for (let iteration = 0, quiet = 0; iteration < MOST && quiet < QUIET; iteration++) {
    for (const layer of layers) minimise(layer, rho);
    const before = kept.join();
    kept = project(layers, keep, rho);
    const key = kept.join();
    if (key === before) quiet++;
    else [quiet, rho] = [0, rho * GROWTH];
    if (seen.has(key)) continue;
    seen.add(key);
    const explained = explainedBy(layers, kept);
    if (explained > best.explained) best = { kept, explained };
  }
  return best.kept;
}

/** A layer whose inputs are divided by their deviations, and its weights multiplied by them. */
interface Iterates {
  readonly n: number;
  readonly outputs: number;
  readonly groups: Reader["groups"];
  /** H, [n, n]: correlations. */
  readonly correlations: Float64Array;
  /** H = Σ values[i] · vᵢ vᵢᵀ. */
  readonly values: Float64Array;
  readonly vectors: Float64Array;
  /** W H, [outputs, n] as those that follow. */
  readonly pull: Float64Array;
  /** B, whatever it is. */
  readonly weight: Float64Array;
  /** D, of which groups are 0. */
  readonly sparse: Float64Array;
  /** V, the multipliers of B = D, not divided by ρ. */
  readonly dual: Float64Array;
}

function begun(reader: Reader): Iterates {
  const { inputs: n, groups, moments: { covariance } } = reader;
  const deviation = Float64Array.from({ length: n }, (_, i) => Math.sqrt(covariance[i * n + i]));
  const correlations = covariance.map((value, e) => value / deviation[Math.floor(e / n)] / deviation[e % n]);
  const narrow = narrowed(reader);
  const weight = narrow.map((value, e) => value * deviation[e % n]);
  const outputs = weight.length / n;
  const pull = new Float64Array(weight.length);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < n; i++) {
      const w = weight[o * n + i];
      for (let j = 0; j < n; j++) pull[o * n + j] += w * correlations[i * n + j];
    }
  }
  const dual = new Float64Array(weight.length);
  const eigen = symmetricEigenvectors(correlations, n);
  return { n, outputs, groups, correlations, ...eigen, pull, weight, sparse: weight.slice(), dual };
}

/** W, or where it has more rows than columns a square one with the same WᵀW: errors and norms of columns are the same. */
function narrowed({ inputs: n, outputs, weight }: Reader): Float64Array {
  if (outputs <= n) return weight;
  const products = new Float64Array(n * n);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < n; i++) {
      const w = weight[o * n + i];
      for (let j = 0; j <= i; j++) products[i * n + j] += w * weight[o * n + j];
    }
  }
  const lower = factored(products, n, 0);
  return lower.map((_, e) => lower[e % n * n + Math.floor(e / n)]);
}

/** B = (W H − V + ρD)(H + ρI)⁻¹. */
function minimise({ n, outputs, values, vectors, pull, weight, sparse, dual }: Iterates, rho: number): void {
  const right = new Float64Array(n);
  for (let o = 0; o < outputs; o++) {
    for (let j = 0; j < n; j++) right[j] = pull[o * n + j] - dual[o * n + j] + rho * sparse[o * n + j];
    const row = weight.subarray(o * n, (o + 1) * n).fill(0);
    for (let i = 0; i < n; i++) {
      let part = 0;
      for (let j = 0; j < n; j++) part += right[j] * vectors[i * n + j];
      part /= values[i] + rho;
      for (let j = 0; j < n; j++) row[j] += part * vectors[i * n + j];
    }
  }
}

/** D = Π(B + V/ρ), which keeps the groups of the largest norm over all layers, and V += ρ(B − D). */
function project(layers: readonly Iterates[], keep: number, rho: number): number[] {
  const energies = new Float64Array(layers[0].groups.length);
  for (const { n, outputs, groups, weight, dual, sparse } of layers) {
    sparse.forEach((_, at) => sparse[at] = weight[at] + dual[at] / rho);
    dual.fill(0);
    groups.forEach((columns, group) => {
      for (const column of columns) for (let o = 0; o < outputs; o++) energies[group] += sparse[o * n + column] ** 2;
    });
  }
  const kept = topGroups(energies, keep);
  for (const { n, outputs, groups, dual, sparse } of layers) {
    for (const column of columnsWithout(groups, kept)) {
      for (let at = column; at < outputs * n; at += n) [dual[at], sparse[at]] = [rho * sparse[at], 0];
    }
  }
  return kept;
}

/** What of E‖y‖² the layers make from these groups once they are fitted anew. */
function explainedBy(layers: readonly Iterates[], kept: readonly number[]): number {
  let sum = 0;
  for (const { n, outputs, groups, correlations, pull } of layers) {
    const gone = new Set(columnsWithout(groups, kept));
    const stay = Array.from({ length: n }, (_, i) => i).filter((i) => !gone.has(i)), size = stay.length;
    const inner = Float64Array.from(
      { length: size * size },
      (_, e) => correlations[stay[Math.floor(e / size)] * n + stay[e % size]],
    );
    const lower = factored(inner, size, 0);
    for (let o = 0; o < outputs; o++) {
      const fitted = Float64Array.from(stay, (i) => pull[o * n + i]);
      solveInPlace(lower, size, fitted);
      stay.forEach((i, a) => sum += pull[o * n + i] * fitted[a]);
    }
  }
  return sum;
}

/** The columns of all other groups. */
function columnsWithout(groups: Reader["groups"], kept: readonly number[]): number[] {
  const stay = new Set(kept);
  return groups.flatMap((columns, group) => stay.has(group) ? [] : columns);
}
