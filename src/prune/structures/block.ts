import { blockLayout, punchedLayout } from "../../../kernels/project/layout.ts";
import { overTokens, withoutKernels } from "./refusals.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** A tile of rows × columns of the GEMM view. */
export const block: StructureKind<StructureOf<"block">> = {
  summary: "a tile of filters × columns",
  shrinks: false,
  counted: true,
  spans: "layer",
  label: (structure) => `block ${structure.block.join("×")}`,
  layout: (structure, _layer, shape) => blockLayout(shape, structure.block),
  refusal: (_, layer) =>
    overTokens(layer) ??
      (layer.group > 1 ? "the filters of a grouped convolution don't read the same columns" : undefined),
};

/** One tap of all the kernels of a tile of filters × channels. */
export const blockPunched: StructureKind<StructureOf<"block-punched">> = {
  summary: "one tap of the kernels of a tile of filters × channels",
  shrinks: false,
  counted: true,
  spans: "layer",
  label: (structure) => `block-punched ${structure.block.join("×")}`,
  layout: (structure, _layer, shape) => punchedLayout(shape, structure.block),
  refusal: (_, layer, shape) =>
    overTokens(layer) ??
      (layer.group > 1
        ? "the filters of a grouped convolution don't read the same channels"
        : withoutKernels(layer, shape)),
};
