import { vectorLayout } from "../../../kernels/project/layout.ts";
import { overTokens, withoutKernels } from "./refusals.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** A row or a column of a kernel. */
export const vector: StructureKind<StructureOf<"vector">> = {
  summary: "a row or a column of a kernel",
  shrinks: false,
  counted: false,
  spans: "layer",
  fault: ({ direction }) =>
    ["row", "column"].includes(direction) ? undefined : `direction is ${direction}, expected row or column`,
  label: ({ direction }) => `vector ${direction}s`,
  layout: ({ direction }, _layer, shape) => vectorLayout(shape, direction),
  refusal({ direction }, layer, shape) {
    const [KH, KW] = layer.kernel;
    const single = (direction === "row" ? KW : KH) === 1
      ? `the ${direction}s of its ${KH}×${KW} kernels are single weights`
      : undefined;
    return overTokens(layer) ?? withoutKernels(layer, shape) ?? single;
  },
};
