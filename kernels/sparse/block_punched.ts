/**
 * Block-punched weights: the kernels of a block of filters (and of channels) have lost the same taps, so that a tap
 * that was kept is kept for all of the block's filters. A 1-wide block column of a linear layer is the same.
 */
import type { Height } from "./cut.ts";
import type { SparseFormat } from "./format.ts";
import { countNonzeros } from "./packed.ts";
import { coveredNumbers, lineKernels, packLines, usedColumns } from "./tap_lines.ts";

/** The highest comes first: filters of a line share the loads of x. A higher block is several lines. */
const HEIGHTS: readonly Height[] = [16, 8, 4];
/** This share of the numbers in kept columns must not be zero, for the blocks to be what the zeros are about. */
const EXPLAINED = 0.95;

export const blockPunched: SparseFormat = {
  name: "block-punched",
  pack(weight, shape) {
    const nonzeros = countNonzeros(weight);
    for (const height of HEIGHTS) {
      // Most filters of such a line are missing.
      if (height > 4 && height >= 2 * shape[0]) continue;
      const lines = usedColumns(weight, shape, height);
      if (nonzeros < EXPLAINED * coveredNumbers(lines, shape[0], height)) continue;
      return packLines(this.name, weight, shape, height, lines);
    }
  },
  ...lineKernels,
};
