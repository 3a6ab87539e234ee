import { matrixFilters } from "./refusals.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** Dimensions of the values of heads: the projection behind the heads loses what it reads of them. */
export const v: StructureKind<StructureOf<"v">> = {
  summary: "dimension j of the values of a head, as many in each head",
  shrinks: true,
  counted: false,
  spans: "heads",
  label: () => "v",
  layout: (_, _layer, shape) => matrixFilters(shape),
  refusal: () => undefined,
};
