/** How far apart two outputs are, and how far apart they may be. */

import { layersOf } from "./roles.ts";
import type { Graph } from "./types.ts";

/** How far two outputs are from each other. */
export interface Difference {
  /** max |a − b|; NaN or infinite values that don't agree make it infinite. */
  readonly maxAbs: number;
  /** max |a − b| / max |a|. */
  readonly maxRel: number;
}

/**
 * `a` is what is expected: its largest magnitude scales `maxRel`.
 * @throws RangeError when the lengths differ, and for no outputs at all, of which nothing can be said
 */
export function compareOutputs(a: Float32Array | Float64Array, b: Float32Array | Float64Array): Difference {
  if (a.length !== b.length) throw new RangeError(`comparing ${a.length} outputs with ${b.length}`);
  if (a.length === 0) throw new RangeError("comparing no outputs at all");
  let maxAbs = 0;
  let scale = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    // NaN compares false with everything, so it is asked for.
    if (difference > maxAbs || Number.isNaN(difference)) maxAbs = Number.isNaN(difference) ? Infinity : difference;
    scale = Math.max(scale, Math.abs(a[i]));
  }
  return { maxAbs, maxRel: maxAbs === 0 ? 0 : maxAbs === Infinity ? Infinity : maxAbs / scale };
}

/** The largest `maxRel` that keeping a network's numbers in f16 explains: some four steps of f16. */
export const HALF_TOLERANCE = 2e-3;

/** The largest `maxRel` that float32 rounding explains: 1e-5 up to 20 layers (convolutions, Gemm, projections), 1e-4 above. */
export function tolerance(graph: Graph): number {
  const layers = layersOf(graph).length;
  return layers <= 20 ? 1e-5 : 1e-4;
}
