/**
 * Patterns: every 3×3 kernel that was kept has at most four taps, after one of a few masks (PatDNN); with connectivity
 * pruning some kernels are gone altogether. A filter's kernels are sorted by pattern, so that each pattern has a loop
 * whose taps are known when the shader is compiled.
 */
import type { PackedWeight, SparseFormat } from "./format.ts";
import { listInput, type Lists } from "./kernel_lines.ts";
import { storageKernels } from "./kernel_list.ts";
import { uniformKernels } from "./kernel_list_uniform.ts";
import { inFours } from "../conv/pack.ts";
import { byLength } from "./lists.ts";
import { savingWeight } from "./packed.ts";

/** The shader has a loop for each of so many patterns. */
const MOST_PATTERNS = 8;
const MOST_TAPS = 4;
const TAPS = 9;

/**
 * index.masks holds the patterns, with bit 3·kh + kw per tap; index.starts [F+1] and index.filters [F] are as in a
 * kernel list; index.kernels holds pattern · C + c, sorted. There are four values per kernel, the taps of its pattern
 * in order.
 */
export const pattern: SparseFormat = {
  name: "pattern",
  pack(weight, shape) {
    if (shape.length !== 4 || shape[2] !== 3 || shape[3] !== 3) return undefined;
    const [filters, channels] = shape;
    const found = Array.from({ length: filters * channels }, (_, k) => taps(weight, k * TAPS));
    const masks = library(found);
    if (!masks) return undefined;
    const lists = Array.from({ length: filters }, (_, f) =>
      found.slice(f * channels, (f + 1) * channels)
        .flatMap((mask, c) => mask === 0 ? [] : [masks.findIndex((m) => contains(m, mask)) * channels + c])
        .sort((a, b) => a - b));
    const { order, starts, entries } = byLength(lists);
    const values = new Float32Array(Math.max(4, entries.length * MOST_TAPS));
    order.forEach((f, l) => {
      for (let e = starts[l]; e < starts[l + 1]; e++) {
        const mask = masks[Math.floor(entries[e] / channels)], from = (f * channels + entries[e] % channels) * TAPS;
        let at = e * MOST_TAPS;
        for (let t = 0; t < TAPS; t++) if (mask >> t & 1) values[at++] = weight[from + t];
      }
    });
    return savingWeight({
      format: this.name,
      parameters: { channels, patterns: masks.length },
      rows: filters,
      columns: channels * TAPS,
      stored: entries.length * MOST_TAPS,
      values,
      index: {
        masks: Uint32Array.from(masks),
        starts: Uint32Array.from(starts),
        filters: Uint32Array.from(order),
        kernels: inFours(entries, 0),
      },
    });
  },
  conv(shape, packed, epilogue, tuning) {
    const input = listInput(shape);
    // The kernel slides over three neighbouring lines.
    if (!input || shape.stride[0] !== 1 || shape.dilation[0] !== 1) return [];
    const { channels } = packed.parameters, { masks, starts, filters, kernels } = packed.index;
    const lists = Array.from(filters, (filter, l) => {
      const kept = Array.from(kernels.subarray(starts[l], starts[l + 1]));
      const of = (p: number) => kept.filter((k) => Math.floor(k / channels) === p);
      return { filter, kernels: Array.from(masks, (_, p) => of(p).map((k) => input.offset(k % channels, 0, 0))) };
    });
    const all: Lists = { shape, input, lists, kh: 3, kw: 3, masks: Array.from(masks), epilogue };
    const expanded = byChannel(packed);
    const whole: Lists = {
      ...all,
      masks: [],
      lists: expanded.map(({ filter, entries }) => ({
        filter,
        kernels: [entries.map((e) => input.offset(kernels[e] % channels, 0, 0))],
      })),
    };
    const rows = () => expanded.flatMap(({ entries }) => entries.flatMap((e) => wholeKernel(packed, e)));
    return [...uniformKernels(whole, tuning, rows), ...storageKernels(all, tuning)];
  },
  gemm: () => [],
};

/** Gives each filter's kernels, by their places among all, in the order of channels. */
function byChannel({ parameters: { channels }, index: { starts, filters, kernels } }: PackedWeight) {
  return Array.from(filters, (filter, l) => ({
    filter,
    entries: Array.from({ length: starts[l + 1] - starts[l] }, (_, i) => starts[l] + i)
      .sort((a, b) => kernels[a] % channels - kernels[b] % channels),
  }));
}

/**
 * Says where the taps of a kernel's rows, each filled up to four, are among the values, plus one, and 0 where it has
 * none.
 */
function wholeKernel({ parameters: { channels }, index: { masks, kernels } }: PackedWeight, e: number): number[] {
  const mask = masks[Math.floor(kernels[e] / channels)];
  let at = e * MOST_TAPS;
  return Array.from({ length: 12 }, (_, i) => i % 4 < 3 && mask >> (Math.floor(i / 4) * 3 + i % 4) & 1 ? ++at : 0);
}

function taps(weight: Float32Array, from: number): number {
  let mask = 0;
  for (let t = 0; t < TAPS; t++) if (weight[from + t] !== 0) mask |= 1 << t;
  return mask;
}

function contains(mask: number, other: number): boolean {
  return (mask & other) === other;
}

/** Gives the masks that aren't part of another one; undefined if they are too many or have too many taps. */
function library(found: readonly number[]): number[] | undefined {
  const distinct = [...new Set(found)];
  const largest = distinct.filter((m) => !distinct.some((other) => other !== m && contains(other, m)));
  const fits = largest.length <= MOST_PATTERNS && largest.every((m) => bits(m) <= MOST_TAPS);
  return fits ? largest.sort((a, b) => a - b) : undefined;
}

function bits(mask: number): number {
  return mask.toString(2).replaceAll("0", "").length;
}
