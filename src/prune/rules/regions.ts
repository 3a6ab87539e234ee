/**
 * Which taps of a padded window see the image, per output position (docs/pipeline.md).
 *
 * Along one axis output j reads positions stride·j − pad + dilation·p of the input, p = 0 … kernel − 1. Outputs with the
 * same set of valid taps form a region. The sets are enumerated, never assumed: a large image with pad 1 has three of
 * them, a 1×1 image one.
 */

import { range } from "./operands.ts";

export interface AxisRegions {
  /** Region of each output position. */
  readonly of: readonly number[];
  /** Valid taps of each region, ascending. */
  readonly taps: readonly (readonly number[])[];
}

export interface WindowAxis {
  readonly size: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
  readonly dilation: number;
}

export function axisRegions({ size, out, kernel, stride, pad, dilation }: WindowAxis): AxisRegions {
  return regionsOf(out, (j) =>
    range(kernel).filter((p) => {
      const at = stride * j - pad + dilation * p;
      return at >= 0 && at < size;
    }));
}

/** @param tapsAt the valid taps of an output position, ascending */
function regionsOf(out: number, tapsAt: (j: number) => number[]): AxisRegions {
  const index = new Map<string, number>();
  const taps: number[][] = [];
  const of = Array.from({ length: out }, (_, j) => {
    const valid = tapsAt(j);
    const key = valid.join();
    let region = index.get(key);
    if (region === undefined) {
      region = taps.push(valid) - 1;
      index.set(key, region);
    }
    return region;
  });
  return { of, taps };
}

/** The same of a transposed convolution: output j hears of input i through tap p where j = stride·i − pad + dilation·p. */
export function transposedRegions({ size, out, kernel, stride, pad, dilation }: WindowAxis): AxisRegions {
  return regionsOf(out, (j) =>
    range(kernel).filter((p) => {
      const at = (j + pad - dilation * p) / stride;
      return Number.isInteger(at) && at >= 0 && at < size;
    }));
}

/** One position, one tap: what a Gemm has. */
export const POINT: AxisRegions = { of: [0], taps: [[0]] };

/** Taps of a KH×KW window that see the image at some output, as 0/1 per kh·KW + kw. */
export function reachableTaps(rows: AxisRegions, cols: AxisRegions, kernel: readonly [number, number]): Uint8Array {
  const [kh, kw] = kernel;
  const reachable = new Uint8Array(kh * kw);
  for (const r of new Set(rows.taps.flat())) {
    for (const c of new Set(cols.taps.flat())) reachable[r * kw + c] = 1;
  }
  return reachable;
}
