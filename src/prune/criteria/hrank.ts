import { meanOverMaps, refusalWithoutMaps, requestMaps } from "./feature_maps.ts";
import { symmetricEigenvalues } from "./symmetric_eigenvalues.ts";
import type { Criterion } from "./types.ts";

/** The mean rank of a channel's feature map (Lin et al. 2020, "HRank: Filter Pruning using High-Rank Feature Map"). */
export const hrank: Criterion = {
  name: "hrank",
  summary: "mean rank of a channel's feature maps",
  needs: ["activations"],
  labels: false,
  refusal: refusalWithoutMaps,
  request: requestMaps,
  score: (groups, evidence) =>
    meanOverMaps(
      groups,
      evidence,
      (image, channels, [height, width]) =>
        Float64Array.from({ length: channels }, (_, c) => {
          const size = height * width;
          return rankOf(image.subarray(c * size, (c + 1) * size), height, width);
        }),
    ),
};

/** Of float32 numbers: singular values count that are above max(rows, columns) · 2⁻²³ of the largest, as NumPy and PyTorch do. */
export function rankOf(matrix: Float64Array, rows: number, columns: number): number {
  const [n, m] = rows <= columns ? [rows, columns] : [columns, rows];
  const at = rows <= columns
    ? (i: number, k: number) => matrix[i * columns + k]
    : (i: number, k: number) => matrix[k * columns + i];
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < m; k++) sum += at(i, k) * at(j, k);
      gram[i * n + j] = sum;
    }
  }
  const squares = symmetricEigenvalues(gram, n);
  const largest = squares.reduce((most, value) => Math.max(most, value), 0);
  const least = largest * (m * 2 ** -23) ** 2;
  return largest > 0 ? squares.reduce((count, value) => count + (value > least ? 1 : 0), 0) : 0;
}
