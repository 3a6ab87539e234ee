import { groupLayout } from "../../../kernels/project/layout.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** Whole filters with their biases, γ and β. Coupled layers share them, so that the dependency graph says which can go. */
export const filter: StructureKind<StructureOf<"filter">> = {
  summary: "a filter with its bias, γ and β, of every coupled layer",
  shrinks: true,
  counted: false,
  spans: "coupled layers",
  label: () => "filter",
  layout: (_, _layer, shape) => groupLayout("filter", shape),
  refusal: () => undefined,
};
