import { groupLayout } from "../../../kernels/project/layout.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** Single numbers. */
export const weight: StructureKind<StructureOf<"weight">> = {
  summary: "one number",
  shrinks: false,
  counted: false,
  spans: "layer",
  label: () => "weight",
  layout: (_, _layer, shape) => groupLayout("element", shape),
  refusal: () => undefined,
};
