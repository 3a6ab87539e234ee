/**
 * Compressed sparse rows (CSR) are weights whose zeros lie anywhere. Each filter has a list of the columns that it
 * keeps: row pointers (`starts`), column indices (`taps`) and values, as tap_lines.ts packs them for lines of one
 * filter.
 */
import type { SparseFormat } from "./format.ts";
import { lineKernels, packLines, usedColumns } from "./tap_lines.ts";

const HEIGHT = 1;

export const csr: SparseFormat = {
  name: "csr",
  pack(weight, shape) {
    return packLines(this.name, weight, shape, HEIGHT, usedColumns(weight, shape, HEIGHT));
  },
  ...lineKernels,
};
