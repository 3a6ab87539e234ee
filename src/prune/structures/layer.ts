import { checkLayout, type GroupLayout } from "../../../kernels/project/layout.ts";
import { elements } from "../../tensor/tensor.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** All layers of a residual branch (branches.ts): the sum behind them becomes the stream. */
export const layer: StructureKind<StructureOf<"layer">> = {
  summary: "all layers between a stream and the sum that adds to it",
  shrinks: true,
  counted: false,
  spans: "branches",
  label: () => "layer",
  layout: (_, _layer, shape) => wholeTensor(shape),
  refusal: () => undefined,
};

/** One group of all numbers. */
export function wholeTensor(shape: readonly number[]): GroupLayout {
  return checkLayout({ F: 1, C: elements(shape), KK: 1, gf: 0, gc: 0, gk: 0, groups: 1 });
}
