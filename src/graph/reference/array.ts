/** A contiguous float64 array, row-major: what the reference interpreter computes with. */
export interface Array64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function zeros(shape: readonly number[]): Array64 {
  return { shape, data: new Float64Array(size(shape)) };
}

export function size(shape: readonly number[]): number {
  return shape.reduce((product, d) => product * d, 1);
}

/** Pixels per channel: the product of the dimensions after batch and channel. */
export function plane(shape: readonly number[]): number {
  return size(shape.slice(2));
}
