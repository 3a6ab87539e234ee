import { meanOverMaps, refusalWithoutMaps, requestMaps } from "./feature_maps.ts";
import { smallerGram } from "./gram.ts";
import { symmetricEigenvalues } from "./symmetric_eigenvalues.ts";
import type { Criterion } from "./types.ts";

/**
 * ‖A‖_* − ‖A without row j‖_* of an image's maps A [C, H·W], the mean over images: what a channel says that the others don't (Sui et
 * al. 2021, "CHIP: CHannel Independence-based Pruning for Compact Neural Networks"). The nuclear norm is the sum of the roots of
 * the eigenvalues of A·Aᵀ or Aᵀ·A, whichever is smaller.
 */
export const chip: Criterion = {
  name: "chip",
  summary: "how much of the feature maps' nuclear norm goes with a channel",
  source: "Sui et al. 2021, arXiv 2110.13981",
  needs: ["activations"],
  labels: false,
  refusal: refusalWithoutMaps,
  request: requestMaps,
  score: (groups, evidence) =>
    meanOverMaps(groups, evidence, (image, channels, [height, width]) => independence(image, channels, height * width)),
};

/** ‖A‖_* − ‖A without row j‖_* for each row j of A [rows, columns]. */
export function independence(a: Float64Array, rows: number, columns: number): Float64Array {
  const { n, products } = smallerGram(a, rows, columns);
  const whole = nuclearNorm(products, n);
  return Float64Array.from({ length: rows }, (_, j) => {
    const without = products.slice();
    if (rows <= columns) {
      for (let i = 0; i < rows; i++) without[i * rows + j] = without[j * rows + i] = 0;
    } else {
      for (let i = 0; i < columns; i++) {
        for (let k = 0; k < columns; k++) without[i * columns + k] -= a[j * columns + i] * a[j * columns + k];
      }
    }
    return whole - nuclearNorm(without, n);
  });
}

function nuclearNorm(gram: Float64Array, n: number): number {
  return symmetricEigenvalues(gram, n).reduce((sum, square) => sum + Math.sqrt(Math.max(0, square)), 0);
}
