/** Values that lie within others: the numbers of a slice, a transpose or a reshape, found where they were made. Pure. */
import type { SliceRange } from "./attrs.ts";
import type { Shape } from "./types.ts";

/** Element i of a value of this shape is number first + Σ i[axis] · strides[axis] of the storage that it lies in. */
export interface Strided {
  readonly first: number;
  readonly shape: Shape;
  readonly strides: readonly number[];
}

/** A value that fills its storage. */
export function contiguous(shape: Shape): Strided {
  let size = 1;
  const strides = shape.toReversed().map((d) => {
    const stride = size;
    size *= d === "N" ? 1 : d;
    return stride;
  });
  return { first: 0, shape, strides: strides.toReversed() };
}

/** Axis i is axis perm[i] of `x`. */
export function permuted({ first, shape, strides }: Strided, perm: readonly number[]): Strided {
  return { first, shape: perm.map((axis) => shape[axis]), strides: perm.map((axis) => strides[axis]) };
}

/** Of each axis what its range keeps, all of it where there is none. */
export function sliced({ first, shape, strides }: Strided, ranges: readonly (SliceRange | null)[]): Strided {
  return {
    first: ranges.reduce((sum, range, axis) => sum + (range ? range.start * strides[axis] : 0), first),
    shape: shape.map((d, axis) => ranges[axis]?.count ?? d),
    strides: strides.map((stride, axis) => stride * (ranges[axis]?.step ?? 1)),
  };
}

/**
 * The same numbers in another shape, of the same first axis; undefined where no strides say where they lie, because axes are
 * joined whose numbers don't follow each other.
 */
export function reshaped(x: Strided, shape: Shape): Strided | undefined {
  const runs = runsOf(x);
  const strides = shape.map(() => 0);
  strides[0] = x.strides[0];
  let run = runs.pop(), taken = 1;
  for (let axis = shape.length - 1; axis > 0; axis--) {
    const size = shape[axis] as number;
    if (size === 1) continue;
    if (!run || run.size % (taken * size) !== 0) return undefined;
    strides[axis] = run.stride * taken;
    taken *= size;
    if (taken < run.size) continue;
    run = runs.pop();
    taken = 1;
  }
  return { first: x.first, shape, strides };
}

/** The axes behind the first, joined with the next one wherever one stride takes a step in both. */
function runsOf({ shape, strides }: Strided): { size: number; stride: number }[] {
  const runs: { size: number; stride: number }[] = [];
  for (let axis = 1; axis < shape.length; axis++) {
    const size = shape[axis] as number, stride = strides[axis];
    const last = runs.at(-1);
    if (size === 1) continue;
    if (last && last.stride === size * stride) runs.splice(-1, 1, { size: last.size * size, stride });
    else runs.push({ size, stride });
  }
  return runs;
}
