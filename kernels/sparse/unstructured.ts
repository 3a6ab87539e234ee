/**
 * Weights whose zeros lie anywhere: four filters at a time share the list of the columns that any of them uses, with zeros
 * where the others don't. Of a random density d that stores 1 − (1 − d)⁴: it is for weights that are very sparse.
 */
import type { SparseFormat } from "./format.ts";
import { lineKernels, packLines, usedColumns } from "./tap_lines.ts";

const HEIGHT = 4;

export const unstructured: SparseFormat = {
  name: "unstructured",
  pack(weight, shape) {
    return packLines(this.name, weight, shape, HEIGHT, usedColumns(weight, shape, HEIGHT));
  },
  ...lineKernels,
};
