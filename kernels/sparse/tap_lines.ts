/**
 * Packs weights as lines of neighbouring filters, each with the list of the columns of the GEMM view that its filters
 * keep.
 */
import { ceilDiv } from "../launch.ts";
import type { Height, ListCost, TapLists } from "./cut.ts";
import type { PackedWeight, SparseFormat } from "./format.ts";
import { matrixShape, savingWeight } from "./packed.ts";
import { tapsConv, tapsGemm } from "./taps.ts";

/** These are the kernels of a format that packs lines. */
export const lineKernels: Pick<SparseFormat, "conv" | "gemm"> = {
  conv: (shape, packed, epilogue, tuning) =>
    tapsConv(shape, epilogue, () => tapLists(packed), listCost(packed), tuning),
  gemm: (shape, packed, tuning) => tapsGemm(shape, () => tapLists(packed), listCost(packed), tuning),
};

/** Lists for each `height` filters the columns in which one of them isn't zero, ascending. */
export function usedColumns(weight: Float32Array, shape: readonly number[], height: Height): number[][] {
  const { rows, columns } = matrixShape(shape);
  const used = Array.from({ length: ceilDiv(rows, height) }, () => new Uint8Array(columns));
  for (let r = 0; r < rows; r++) {
    const line = used[Math.floor(r / height)];
    for (let c = 0; c < columns; c++) if (weight[r * columns + c] !== 0) line[c] = 1;
  }
  return used.map((line) => Array.from(line.keys()).filter((c) => line[c]));
}

/** Counts the numbers in these columns that belong to a filter. */
export function coveredNumbers(lines: readonly (readonly number[])[], rows: number, height: Height): number {
  return lines.reduce((sum, taps, l) => sum + taps.length * Math.min(height, rows - l * height), 0);
}

/**
 * The parameter is `height`. The index is `starts` [lines + 1], where each line's list starts, and `taps`, the columns.
 * The values are [taps, height], zero beyond the last filter. It gives undefined where that is as many numbers as the
 * dense weight.
 */
export function packLines(
  format: string,
  weight: Float32Array,
  shape: readonly number[],
  height: Height,
  lines: readonly (readonly number[])[],
): PackedWeight | undefined {
  const { rows, columns } = matrixShape(shape);
  const starts = [0];
  for (const taps of lines) starts.push(starts[starts.length - 1] + taps.length);
  const stored = starts[lines.length] * height;
  const values = new Float32Array(Math.max(height, stored));
  lines.forEach((taps, l) =>
    taps.forEach((c, t) => {
      const filters = Math.min(height, rows - l * height), at = (starts[l] + t) * height;
      for (let f = 0; f < filters; f++) values[at + f] = weight[(l * height + f) * columns + c];
    })
  );
  const index = { starts: Uint32Array.from(starts), taps: Uint32Array.from(lines.flat()) };
  return savingWeight({ format, parameters: { height }, rows, columns, stored, values, index });
}

function tapLists({ parameters: { height }, rows, index: { starts, taps } }: PackedWeight): TapLists {
  const lines = Array.from({ length: starts.length - 1 }, (_, l) => ({
    first: l * height,
    taps: Array.from(
      taps.subarray(starts[l], starts[l + 1]),
      (column, t) => ({ column, source: (starts[l] + t) * height }),
    ),
  }));
  return { filters: rows, height: height as Height, perFilter: 1, perFour: 4, lines };
}

function listCost({ parameters: { height }, stored, index }: PackedWeight): ListCost {
  return { lines: index.starts.length - 1, height: height as Height, taps: stored / height };
}
