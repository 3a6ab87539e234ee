import { groupLayout } from "../../../kernels/project/layout.ts";
import { keepsColumns, matrixRows } from "./refusals.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** An input channel of one layer. */
export const channel: StructureKind<StructureOf<"channel">> = {
  summary: "an input channel of one layer",
  shrinks: true,
  counted: false,
  spans: "layer",
  label: () => "channel",
  layout: (_, layer, shape) => matrixRows(layer, shape) ?? groupLayout("channel", shape),
  refusal: (_, layer) =>
    layer.perGroup === 1 && layer.group > 1
      ? "each of its filters reads one channel only: prune its filters"
      : keepsColumns(layer),
};
