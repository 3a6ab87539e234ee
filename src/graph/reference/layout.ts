/** Operators that only move numbers. */

import { gatherAttrs, padAttrs, reduceMeanAttrs, resizeAttrs, sliceAttrs, transposeAttrs } from "../attrs.ts";
import { concrete, inferNode } from "../infer.ts";
import type { Node } from "../types.ts";
import { type Array64, size, zeros } from "./array.ts";

type Kernel = (node: Node, inputs: readonly Array64[]) => Array64;

export const identity: Kernel = (_, [x]) => x;

export const flatten: Kernel = (_, [x]) => ({ shape: [x.shape[0], size(x.shape.slice(1))], data: x.data });

export const reshape: Kernel = (node, [x]) => ({
  shape: concrete(inferNode(node, [x.shape]), x.shape[0]),
  data: x.data,
});

export const concat: Kernel = (node, inputs) => {
  const y = zeros(concrete(inferNode(node, inputs.map((x) => x.shape)), Math.max(...inputs.map((x) => x.shape[0]))));
  let before = 0;
  for (const x of inputs) {
    const offset = before;
    // A parameter [1,C,…] stands in every sample.
    for (let n = 0; n < y.shape[0]; n += x.shape[0]) {
      place(x, y, (index) => index.map((i, axis) => axis === 0 ? i + n : axis === 1 ? i + offset : i));
    }
    before += x.shape[1];
  }
  return y;
};

export const slice: Kernel = (node, [x]) => {
  const ranges = sliceAttrs(node, x.shape);
  return pick(x, concrete(inferNode(node, [x.shape]), x.shape[0]), (index) =>
    index.map((i, axis) => {
      const range = ranges[axis];
      return range ? range.start + i * range.step : i;
    }));
};

export const pad: Kernel = (node, [x]) => {
  const { begins } = padAttrs(node, x.shape.length);
  const y = zeros(concrete(inferNode(node, [x.shape]), x.shape[0]));
  place(x, y, (index) => index.map((i, axis) => i + begins[axis]));
  return y;
};

export const gather: Kernel = (node, [x]) => {
  const { indices } = gatherAttrs(node);
  const shape = x.shape.map((d, axis) => axis === 1 ? indices.length : d);
  return pick(x, shape, (index) => index.map((i, axis) => axis === 1 ? indices[i] : i));
};

/** Nearest neighbours: every pixel becomes a block of its value. */
export const resize: Kernel = (node, [x]) => {
  const { scales } = resizeAttrs(node);
  return pick(
    x,
    inferNode(node, [x.shape]) as number[],
    (index) => index.map((i, axis) => axis < 2 ? i : Math.floor(i / scales[axis - 2])),
  );
};

/** The mean over some axes. */
export const reduceMean: Kernel = (node, [x]) => {
  const { axes } = reduceMeanAttrs(node, x.shape.length);
  const y = zeros(inferNode(node, [x.shape]) as number[]);
  const ones = x.shape.map((d, axis) => axes.includes(axis) ? 1 : d);
  const count = size(x.shape) / size(ones);
  x.data.forEach((v, i) => {
    const index = position(i, x.shape).map((k, axis) => axes.includes(axis) ? 0 : k);
    y.data[offset(index, ones)] += v / count;
  });
  return y;
};

export const transpose: Kernel = (node, [x]) => {
  const { perm } = transposeAttrs(node, x.shape.length);
  return pick(x, perm.map((axis) => x.shape[axis]), (index) => x.shape.map((_, axis) => index[perm.indexOf(axis)]));
};

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
