/** Operators that only move numbers. */

import type { Sampling } from "../../../kernels/shape/bilinear.ts";
import type { ResizeAttrs, SliceRange } from "../attrs.ts";
import { type Array64, zeros } from "./array.ts";

type Sizes = readonly number[];

/** The same numbers in the output's shape. */
export function sameNumbers([{ data }]: readonly Array64[], _: unknown, shape: Sizes): Array64 {
  return { shape, data };
}

export function concatReference(inputs: readonly Array64[], _: unknown, shape: Sizes): Array64 {
  const y = zeros(shape);
  let before = 0;
  for (const x of inputs) {
    const offset = before;
    // A parameter [1,C,…] stands in every sample.
    for (let n = 0; n < shape[0]; n += x.shape[0]) {
      place(x, y, (index) => index.map((i, axis) => axis === 0 ? i + n : axis === 1 ? i + offset : i));
    }
    before += x.shape[1];
  }
  return y;
}

export function sliceReference(
  [x]: readonly Array64[],
  ranges: readonly (SliceRange | null)[],
  shape: Sizes,
): Array64 {
  return pick(x, shape, (index) =>
    index.map((i, axis) => {
      const range = ranges[axis];
      return range ? range.start + i * range.step : i;
    }));
}

export function padReference([x]: readonly Array64[], { begins }: { readonly begins: Sizes }, shape: Sizes): Array64 {
  const y = zeros(shape);
  place(x, y, (index) => index.map((i, axis) => i + begins[axis]));
  return y;
}

export function gatherReference(
  [x]: readonly Array64[],
  { indices }: { readonly indices: readonly number[] },
  shape: Sizes,
): Array64 {
  return pick(x, shape, (index) => index.map((i, axis) => axis === 1 ? indices[i] : i));
}

export function depthToSpaceReference(
  [x]: readonly Array64[],
  { block, mode }: { readonly block: number; readonly mode: "DCR" | "CRD" },
  shape: Sizes,
): Array64 {
  return pick(x, shape, ([n, c, row, column]) => {
    const place = (row % block) * block + column % block;
    const depth = mode === "DCR" ? place * shape[1] + c : c * block ** 2 + place;
    return [n, depth, Math.floor(row / block), Math.floor(column / block)];
  });
}

/** Nearest neighbours: every pixel becomes a block of its value. Linear: the mean of the four pixels around a place. */
export function resizeReference([x]: readonly Array64[], attrs: ResizeAttrs, shape: Sizes): Array64 {
  if (attrs.mode === "nearest") {
    return pick(x, shape, (index) => index.map((i, axis) => axis < 2 ? i : Math.floor(i / attrs.scales[axis - 2])));
  }
  const y = zeros(shape);
  for (let i = 0; i < y.data.length; i++) {
    const [n, c, row, column] = position(i, shape);
    for (const [r, a] of neighbours(attrs.rows, row)) {
      for (const [k, b] of neighbours(attrs.columns, column)) {
        y.data[i] += a * b * x.data[offset([n, c, r, k], x.shape)];
      }
    }
  }
  return y;
}

/** The two lines of the input around an output line, and the share of each; those outside count as the line at the edge. */
function neighbours(
  { from, start, step }: Sampling,
  line: number,
): readonly (readonly [line: number, share: number])[] {
  const place = start + line * step;
  const before = Math.floor(place);
  const inside = (at: number) => Math.min(Math.max(at, 0), from - 1);
  return [[inside(before), 1 - (place - before)], [inside(before + 1), place - before]];
}

export function transposeReference([x]: readonly Array64[], { perm }: { readonly perm: Sizes }, shape: Sizes): Array64 {
  return pick(x, shape, (index) => x.shape.map((_, axis) => index[perm.indexOf(axis)]));
}

/** y[to(index)] = x[index] for every index of x. */
function place(x: Array64, y: Array64, to: (index: number[]) => number[]): void {
  for (let i = 0; i < x.data.length; i++) y.data[offset(to(position(i, x.shape)), y.shape)] = x.data[i];
}

/** y[index] = x[from(index)] for every index of y. */
function pick(x: Array64, shape: readonly number[], from: (index: number[]) => number[]): Array64 {
  const y = zeros(shape);
  for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[offset(from(position(i, shape)), x.shape)];
  return y;
}

function position(offset: number, shape: readonly number[]): number[] {
  const index = shape.map(() => 0);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = offset % shape[axis];
    offset = Math.floor(offset / shape[axis]);
  }
  return index;
}

function offset(index: readonly number[], shape: readonly number[]): number {
  return index.reduce((sum, i, axis) => sum * shape[axis] + i, 0);
}
