import { groupLayout } from "../../../kernels/project/layout.ts";
import { elements } from "../../tensor/tensor.ts";
import { overTokens } from "./refusals.ts";
import type { StructureKind, StructureOf } from "./types.ts";

/** N:M: of each m weights that follow one another in a row of the GEMM view, n stay. */
export const nOfM: StructureKind<StructureOf<"n:m">> = {
  summary: "of each m neighbours along a row, n stay",
  shrinks: false,
  counted: true,
  spans: "layer",
  fault: ({ n, m }) =>
    Number.isInteger(n) && Number.isInteger(m) && n >= 1 && n < m
      ? undefined
      : `n is ${n} and m is ${m}, expected whole numbers of which n of each m weights stay, such as 2 and 4`,
  label: ({ n, m }) => `${n}:${m}`,
  layout: (_, _layer, shape) => groupLayout("element", shape),
  refusal({ n }, layer, shape) {
    const length = elements(shape.slice(1));
    return overTokens(layer) ?? (length <= n ? `its rows of ${length} weights have nothing beyond ${n}` : undefined);
  },
  rule: ({ n, m }, shape) => ({ kind: "runs", n, m, length: elements(shape.slice(1)) }),
};
