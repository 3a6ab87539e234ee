/**
 * One view of all operators that mix channels by weights (layers.ts says which), as if each were a convolution. Every pass
 * over a network sees its layers this way.
 */

import type { HostTensor, Node } from "../../graph/types.ts";
import type { AxisRegions } from "./regions.ts";

export interface Layer {
  readonly node: Node;
  readonly x: string;
  readonly y: string;
  readonly weight: string;
  readonly bias: string | undefined;
  /** The axes of the weight along which filters and input channels stand. */
  readonly axes: { readonly filter: 0 | 1; readonly channel: 0 | 1 };
  readonly filters: number;
  /** Input channels. */
  readonly channels: number;
  readonly group: number;
  /** Input channels per group: what one filter sees. */
  readonly perGroup: number;
  readonly kernel: readonly [number, number];
  /** Taps of a kernel, KH·KW. */
  readonly size: number;
  readonly rows: AxisRegions;
  readonly cols: AxisRegions;
  /** 0/1 per tap: does it ever see the image? */
  readonly reachable: Uint8Array;
  /** ColumnConv: where the weight of column c·KH·KW + k stands in a row, −1 where there is none. */
  readonly columnAt: Int32Array | undefined;
  /** Can a ColumnConv stand for it when some of its columns go? */
  readonly hasColumns: boolean;
  /** Numbers of one filter. */
  readonly rowLength: number;
}

/** First input channel that filter f sees. */
export function firstChannel(layer: Layer, f: number): number {
  return Math.floor(f / (layer.filters / layer.group)) * layer.perGroup;
}

/** Position of w[f, local channel, tap] in the weight's data, −1 where a ColumnConv has none. */
export function weightAt(layer: Layer, f: number, local: number, tap: number): number {
  if (layer.axes.filter === 1) return (local * layer.filters + f) * layer.size + tap;
  const column = local * layer.size + tap;
  if (!layer.columnAt) return f * layer.rowLength + column;
  const t = layer.columnAt[column];
  return t < 0 ? -1 : f * layer.rowLength + t;
}

/** 0/1 per (filter, local channel): is any tap that sees the image non-zero? */
export function readsOf(layer: Layer, weight: HostTensor): Uint8Array {
  const { filters, perGroup, size, reachable, axes, columnAt } = layer;
  const reads = new Uint8Array(filters * perGroup);
  // A dense weight holds its kernels one after the other, by filters and their channels or by channels and their filters.
  if (!columnAt) {
    for (let q = 0; q < reads.length; q++) {
      const i = axes.filter === 0 ? q : q % filters * perGroup + Math.floor(q / filters);
      for (let k = 0; k < size && !reads[i]; k++) if (reachable[k] && weight.data[q * size + k] !== 0) reads[i] = 1;
    }
    return reads;
  }
  for (let f = 0; f < filters; f++) {
    for (let c = 0; c < perGroup; c++) {
      for (let k = 0; k < size; k++) {
        const at = weightAt(layer, f, c, k);
        if (at >= 0 && reachable[k] && weight.data[at] !== 0) {
          reads[f * perGroup + c] = 1;
          break;
        }
      }
    }
  }
  return reads;
}

/** Regions of the output, rows × columns. */
export function regionCount(layer: Layer): number {
  return layer.rows.taps.length * layer.cols.taps.length;
}

/** Σ of w[f, local, ·] over the taps that each region sees, float64, per region row · columns + region column. */
export function regionSums(layer: Layer, weight: HostTensor, f: number, local: number): Float64Array {
  const { rows, cols, kernel } = layer;
  const sums = new Float64Array(regionCount(layer));
  rows.taps.forEach((kh, r) =>
    cols.taps.forEach((kw, c) => {
      let sum = 0;
      for (const p of kh) {
        for (const q of kw) {
          const at = weightAt(layer, f, local, p * kernel[1] + q);
          if (at >= 0) sum += weight.data[at];
        }
      }
      sums[r * cols.taps.length + c] = sum;
    })
  );
  return sums;
}
