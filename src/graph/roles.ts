/** What kind of node or parameter is it? */

import type { Node, OpName, ParamRole } from "./types.ts";

/** A layer: it has a weight and mixes channels. */
export function isLayer({ op }: Pick<Node, "op">): boolean {
  return op === "Conv" || op === "Gemm" || op === "ColumnConv";
}

const VIEWS: readonly OpName[] = ["Flatten", "Reshape", "Identity", "Dropout"];

/** In inference it only sees its input in another shape: the two share their memory. */
export function isView({ op }: Pick<Node, "op">): boolean {
  return VIEWS.includes(op);
}

/** A running mean or variance: measured, never trained. */
export function isStatistic(role: ParamRole): boolean {
  return role === "mean" || role === "variance";
}
