/**
 * Gives the size that stands for `size` in names of shape classes: itself up to 4, above that the next power of two or
 * one and a half times one (5 and 6 → 6, 13 → 16, 250 → 256). Measurements of a network then hold for its pruned forms
 * and for other batches, which differ from it by less than a step.
 */
export function sizeClass(size: number): number {
  if (size <= 4) return size;
  const power = 2 ** Math.ceil(Math.log2(size));
  return size <= 0.75 * power ? 0.75 * power : power;
}
