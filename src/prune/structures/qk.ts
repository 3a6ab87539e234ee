import { matrixFilters } from "./refusals.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** Dimensions of the queries and keys of heads: both projections lose them together, and as many go from each head. */
export const qk: StructureKind<StructureOf<"qk">> = {
  summary: "dimension j of the queries and keys of a head, as many in each head",
  shrinks: true,
  counted: false,
  spans: "heads",
  label: () => "qk",
  layout: (_, _layer, shape) => matrixFilters(shape),
  refusal: () => undefined,
};
