/** Sums, means and maxima over some axes. */

import { elements } from "../../tensor/tensor.ts";
import { type Array64, zeros } from "./array.ts";

type Axes = { readonly axes: readonly number[] };

export function reduceSumReference([x]: readonly Array64[], { axes }: Axes, shape: readonly number[]): Array64 {
  return accumulate(x, axes, zeros(shape), (sum, v) => sum + v);
}

export function reduceMeanReference([x]: readonly Array64[], { axes }: Axes, shape: readonly number[]): Array64 {
  const count = elements(axes.map((axis) => x.shape[axis]));
  return accumulate(x, axes, zeros(shape), (sum, v) => sum + v / count);
}

export function reduceMaxReference([x]: readonly Array64[], { axes }: Axes, shape: readonly number[]): Array64 {
  const least = { shape, data: new Float64Array(elements(shape)).fill(-Infinity) };
  return accumulate(x, axes, least, (most, v) => Math.max(most, v));
}

/** Takes each number of x into the element of y that stands at its place along the axes that stay. */
function accumulate(
  x: Array64,
  axes: readonly number[],
  y: Array64,
  take: (so: number, v: number) => number,
): Array64 {
  // How far y moves for each step along an axis of x: nowhere along one that goes.
  const strides = x.shape.map((_, axis) =>
    axes.includes(axis) ? 0 : elements(x.shape.filter((_, later) => later > axis && !axes.includes(later)))
  );
  x.data.forEach((v, i) => {
    let at = 0;
    let rest = i;
    for (let axis = x.shape.length - 1; axis >= 0; axis--) {
      at += strides[axis] * (rest % x.shape[axis]);
      rest = Math.floor(rest / x.shape[axis]);
    }
    y.data[at] = take(y.data[at], v);
  });
  return y;
}
