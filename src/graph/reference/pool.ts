/** Pooling: a maximum or a mean over each window. */

import type { PoolAttrs } from "../attrs.ts";
import { type Array64, plane, zeros } from "./array.ts";

/** Padding never wins a maximum. */
export function maxPoolReference([x]: readonly Array64[], attrs: PoolAttrs, shape: readonly number[]): Array64 {
  return overWindows(x, attrs, shape, (values) => Math.max(...values));
}

/** The divisor is the number of real pixels in the window, or the whole window with `count_include_pad`. */
export function averagePoolReference([x]: readonly Array64[], attrs: PoolAttrs, shape: readonly number[]): Array64 {
  const { kernel, countIncludePad } = attrs;
  return overWindows(x, attrs, shape, (values) => {
    const sum = values.reduce((total, v) => total + v, 0);
    return sum / (countIncludePad ? kernel[0] * kernel[1] : values.length);
  });
}

export function globalAveragePoolReference([x]: readonly Array64[]): Array64 {
  const y = zeros([x.shape[0], x.shape[1], 1, 1]);
  const pixels = plane(x.shape);
  for (let i = 0; i < x.data.length; i++) y.data[Math.floor(i / pixels)] += x.data[i] / pixels;
  return y;
}

/** `reduce` sees the window's pixels that lie inside the image. */
function overWindows(
  x: Array64,
  { kernel, strides, pads }: PoolAttrs,
  shape: readonly number[],
  reduce: (values: readonly number[]) => number,
): Array64 {
  const [batch, channels, h, w] = x.shape;
  const y = zeros(shape);
  const [, , oh, ow] = shape;
  let at = 0;
  for (let map = 0; map < batch * channels; map++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        const values: number[] = [];
        for (let ki = 0; ki < kernel[0]; ki++) {
          for (let kj = 0; kj < kernel[1]; kj++) {
            const row = i * strides[0] - pads[0] + ki;
            const col = j * strides[1] - pads[1] + kj;
            if (row >= 0 && row < h && col >= 0 && col < w) values.push(x.data[(map * h + row) * w + col]);
          }
        }
        y.data[at++] = reduce(values);
      }
    }
  }
  return y;
}
