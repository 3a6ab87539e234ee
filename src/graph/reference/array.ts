import { elements } from "../../tensor/tensor.ts";

/** A contiguous float64 array, row-major: what the reference interpreter computes with. */
export interface Array64 {
  /** Sizes along the axes. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float64Array;
}

export function zeros(shape: readonly number[]): Array64 {
  return { shape, data: new Float64Array(elements(shape)) };
}

/** A function of each number. */
export function mapReference(x: Array64, f: (v: number, index: number) => number): Array64 {
  return { shape: x.shape, data: x.data.map(f) };
}

/** Pixels per channel: the product of the dimensions after batch and channel. */
export function plane(shape: readonly number[]): number {
  return elements(shape.slice(2));
}
