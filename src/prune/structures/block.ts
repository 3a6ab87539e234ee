import { blockLayout, punchedLayout } from "../../../kernels/project/layout.ts";
import { overTokens, withoutKernels } from "./refusals.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** @returns what is wrong with the sides of a tile */
function faultOfTile({ block }: { readonly block: unknown }): string | undefined {
  const fine = Array.isArray(block) && block.length === 2 && block.every((side) => Number.isInteger(side) && side > 0);
  return fine ? undefined : `block is ${JSON.stringify(block)}, expected two whole numbers above 0, such as [4, 4]`;
}

/** A tile of rows × columns of the GEMM view. */
export const block: StructureKind<StructureOf<"block">> = {
  summary: "a tile of filters × columns",
  shrinks: false,
  counted: true,
  spans: "layer",
  fault: faultOfTile,
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
  fault: faultOfTile,
  label: (structure) => `block-punched ${structure.block.join("×")}`,
  layout: (structure, _layer, shape) => punchedLayout(shape, structure.block),
  refusal: (_, layer, shape) =>
    overTokens(layer) ??
      (layer.group > 1
        ? "the filters of a grouped convolution don't read the same channels"
        : withoutKernels(layer, shape)),
};
