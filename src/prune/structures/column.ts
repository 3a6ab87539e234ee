import { groupLayout } from "../../../kernels/project/layout.ts";
import { matrixRows } from "./refusals.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** A column of the GEMM view: one (channel, tap) over all filters. */
export const column: StructureKind<StructureOf<"column">> = {
  summary: "one channel and kernel tap, over all filters",
  shrinks: true,
  counted: false,
  spans: "layer",
  label: () => "column",
  layout: (_, layer, shape) => matrixRows(layer, shape) ?? groupLayout("column", shape),
  refusal: () => undefined,
};
