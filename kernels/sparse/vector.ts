/**
 * Vectors are whole rows of a kernel (KW taps side by side) that are kept or removed; each filter has a list of its
 * own.
 */
import { inFours } from "../conv/pack.ts";
import { ceilDiv } from "../launch.ts";
import type { SparseFormat } from "./format.ts";
import { listInput, type Lists } from "./kernel_lines.ts";
import { storageKernels } from "./kernel_list.ts";
import { uniformKernels } from "./kernel_list_uniform.ts";
import { byLength } from "./lists.ts";
import { savingWeight } from "./packed.ts";

/**
 * index.starts [F+1] says where each list starts, the longest first, index.filters [F] whose it is, and index.vectors
 * which rows c·KH + kh are kept. The values are these rows, each filled up to a multiple of four. The kernel is
 * kernel_list.wgsl with KH = 1.
 */
export const vector: SparseFormat = {
  name: "vector",
  pack(weight, shape) {
    if (shape.length !== 4 || shape[3] === 1) return undefined;
    const [filters, channels, kh, kw] = shape, rows = channels * kh;
    const lists = Array.from({ length: filters }, (_, f) => {
      const kept = (r: number) => weight.subarray((f * rows + r) * kw, (f * rows + r + 1) * kw).some(Boolean);
      return Array.from({ length: rows }, (_, r) => r).filter(kept);
    });
    const { order, starts, entries } = byLength(lists);
    const width = ceilDiv(kw, 4) * 4;
    const values = new Float32Array(Math.max(4, entries.length * width));
    order.forEach((f, l) => {
      for (let e = starts[l]; e < starts[l + 1]; e++) {
        const from = (f * rows + entries[e]) * kw;
        values.set(weight.subarray(from, from + kw), e * width);
      }
    });
    return savingWeight({
      format: this.name,
      parameters: { kh, kw },
      rows: filters,
      columns: rows * kw,
      stored: entries.length * kw,
      values,
      index: { starts: Uint32Array.from(starts), filters: Uint32Array.from(order), vectors: inFours(entries, 0) },
    });
  },
  conv(shape, packed, epilogue, tuning) {
    const input = listInput(shape);
    if (!input) return [];
    const { kh, kw } = packed.parameters, { starts, filters, vectors } = packed.index;
    const pieces = Array.from({ length: ceilDiv(kw, 4) }, (_, i) => i);
    const lists = Array.from(filters, (filter, l) => {
      const kept = Array.from(vectors.subarray(starts[l], starts[l + 1]));
      return { filter, kernels: [kept.flatMap((v) => pieces.map((i) => input.offset(Math.floor(v / kh), v % kh, i)))] };
    });
    const all: Lists = { shape, input, lists, kh: 1, kw: Math.min(4, kw), masks: [], epilogue };
    return [...uniformKernels(all, tuning), ...storageKernels(all, tuning)];
  },
  gemm: () => [],
};
