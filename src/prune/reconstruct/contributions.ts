/** What each group adds to what layers make, and how alike these parts are: all that ThiNet and the LASSO look at. */
import type { Reader } from "./reader.ts";

/** G_gh = Σ_o E[a_g a_h] with a_g = Σ w x over the group's columns, summed over the layers: [groups, groups], row by row. */
export function contributions(readers: readonly Reader[]): Float64Array {
  const count = readers[0].groups.length;
  const gram = new Float64Array(count * count);
  for (const { inputs: n, outputs, weight, moments: { covariance }, groups } of readers) {
    // WᵀW, weighed by the covariance column by column, summed over pairs of groups.
    const products = new Float64Array(n * n);
    for (let o = 0; o < outputs; o++) {
      const row = weight.subarray(o * n, (o + 1) * n);
      for (let i = 0; i < n; i++) {
        const w = row[i];
        if (w === 0) continue;
        for (let j = 0; j < n; j++) products[i * n + j] += w * row[j];
      }
    }
    groups.forEach((a, g) =>
      groups.forEach((b, h) => {
        for (const i of a) for (const j of b) gram[g * count + h] += products[i * n + j] * covariance[i * n + j];
      })
    );
  }
  return gram;
}
