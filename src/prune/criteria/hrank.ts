import { meanOverMaps, refusalWithoutMaps, requestMaps } from "./feature_maps.ts";
import { smallerGram } from "./gram.ts";
import { symmetricEigenvalues } from "./symmetric_eigenvalues.ts";
import type { Criterion } from "./types.ts";

/** The mean rank of a channel's feature map (Lin et al. 2020, "HRank: Filter Pruning using High-Rank Feature Map"). */
export const hrank: Criterion = {
  name: "hrank",
  summary: "mean rank of a channel's feature maps",
  source: "Lin et al. 2020, arXiv 2002.10179",
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
  const { n, products } = smallerGram(matrix, rows, columns);
  const squares = symmetricEigenvalues(products, n);
  const largest = squares.reduce((most, value) => Math.max(most, value), 0);
  const least = largest * (Math.max(rows, columns) * 2 ** -23) ** 2;
  return largest > 0 ? squares.reduce((count, value) => count + (value > least ? 1 : 0), 0) : 0;
}
