/** What kind of node or parameter is it? */

import type { Node, OpName, ParamRole } from "./types.ts";

/** A layer: it has a weight and mixes channels. */
export function isLayer({ op }: Pick<Node, "op">): boolean {
  return op === "Conv" || op === "Gemm" || op === "ColumnConv";
}

const OPAQUE: readonly OpName[] = ["LayerNormalization", "Softmax"];

/**
 * Every channel that it makes may depend on every channel that it reads: none goes alone, and pruning keeps them all. Of
 * other operators the axis of the channels decides (prune/atoms.ts).
 */
export function isOpaque({ op }: Pick<Node, "op">): boolean {
  return OPAQUE.includes(op);
}

/** A running mean or variance: measured, never trained. */
export function isStatistic(role: ParamRole): boolean {
  return role === "mean" || role === "variance";
}
