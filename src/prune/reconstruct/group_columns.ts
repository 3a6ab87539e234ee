/** A layer's columns as far as groups have them: what else it reads stays whatever goes, and is always fitted along. */
import { affineMap } from "./affine_refit.ts";
import type { Reader } from "./reader.ts";

/**
 * The layer on its groups' columns alone, with what these hold beyond the columns of no group: Σ_GG − Σ_GR Σ_RR⁻¹ Σ_RG, whose inverse
 * is [Σ⁻¹]_GG. What groups cost is the same, and far less is inverted where a layer reads many concatenated values.
 */
export function onGroupColumns(reader: Reader): Reader {
  const { inputs: n, outputs, weight, moments, groups } = reader;
  const own = groups.flat().sort((a, b) => a - b), size = own.length;
  if (size === n) return reader;
  const { kept, map } = affineMap(moments, own);
  const covariance = Float64Array.from({ length: size * size }, (_, e) => {
    const [a, b] = [Math.floor(e / size), e % size];
    return kept.reduce(
      (left, r, i) => left - map[a * kept.length + i] * moments.covariance[r * n + own[b]],
      moments.covariance[own[a] * n + own[b]],
    );
  });
  const at = new Map(own.map((column, i) => [column, i]));
  return {
    inputs: size,
    outputs,
    weight: Float64Array.from({ length: outputs * size }, (_, e) => weight[Math.floor(e / size) * n + own[e % size]]),
    moments: { mean: Float64Array.from(own, (column) => moments.mean[column]), covariance },
    groups: groups.map((columns) => columns.map((column) => at.get(column)!)),
  };
}
