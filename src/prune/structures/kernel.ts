import { groupLayout } from "../../../kernels/project/layout.ts";
import { overTokens, withoutKernels } from "./refusals.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** One (filter, channel): the KH·KW neighbours of a kernel. */
export const kernel: StructureKind<StructureOf<"kernel">> = {
  summary: "the kernel of one filter and channel",
  shrinks: false,
  counted: false,
  spans: "layer",
  label: () => "kernel",
  layout: (_, _layer, shape) => groupLayout("kernel", shape),
  refusal: (_, layer, shape) => overTokens(layer) ?? withoutKernels(layer, shape),
};
