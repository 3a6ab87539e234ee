/**
 * How far a changed network's outputs are from the original ones, in parts of how much those vary: Σ‖z′ − z‖² / Σ‖z − z̄‖² over
 * images, with z̄ the mean of z over them. 0 is none, 1 as far as the mean is. It needs no labels.
 *
 * @param original [images, classes], row by row, as `changed`
 */
export function outputLoss(original: Float32Array, changed: Float32Array, images: number): number {
  const classes = original.length / images;
  const mean = new Float64Array(classes);
  original.forEach((z, i) => mean[i % classes] += z / images);
  let error = 0, spread = 0;
  original.forEach((z, i) => {
    error += (changed[i] - z) ** 2;
    spread += (z - mean[i % classes]) ** 2;
  });
  // Outputs that never vary are met exactly or not at all.
  return spread > 0 ? error / spread : error > 0 ? Infinity : 0;
}

/**
 * The fraction of images whose largest output is the same; undefined where there is only one output.
 *
 * @param before [images, outputs], row by row, as `after`
 */
export function sameLargest(before: Float32Array, after: Float32Array, images: number): number | undefined {
  const outputs = before.length / images;
  if (outputs < 2) return undefined;
  const largest = (all: Float32Array, i: number) => {
    const own = all.subarray(i * outputs, (i + 1) * outputs);
    return own.indexOf(own.reduce((a, b) => Math.max(a, b)));
  };
  const same = Array.from({ length: images }, (_, i) => i).filter((i) => largest(before, i) === largest(after, i));
  return same.length / images;
}
