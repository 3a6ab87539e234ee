/** What kind of node or parameter is it? */

import type { Node, ParamRole } from "./types.ts";

/** A layer: it has a weight and mixes channels. */
export function isLayer({ op }: Pick<Node, "op">): boolean {
  return op === "Conv" || op === "Gemm" || op === "ColumnConv";
}

/** A running mean or variance: measured, never trained. */
export function isStatistic(role: ParamRole): boolean {
  return role === "mean" || role === "variance";
}
