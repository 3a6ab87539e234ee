/** Every operator that a graph can hold: the tables of all families in one. */

import { nodeError } from "../attrs.ts";
import type { Node, OpName } from "../types.ts";
import { ACTIVATION_OPS } from "./activation_ops.ts";
import { ARITHMETIC_OPS } from "./arithmetic_ops.ts";
import { ATTENTION_OPS } from "./attention_ops.ts";
import { LAYER_OPS } from "./layer_ops.ts";
import { LAYOUT_OPS } from "./layout_ops.ts";
import { NORM_OPS } from "./norm_ops.ts";
import type { Op } from "./op.ts";
import { POOL_OPS } from "./pool_ops.ts";

export const OPS = {
  ...LAYER_OPS,
  ...NORM_OPS,
  ...ACTIVATION_OPS,
  ...ARITHMETIC_OPS,
  ...POOL_OPS,
  ...ATTENTION_OPS,
  ...LAYOUT_OPS,
} satisfies Readonly<Record<OpName, Op>>;

/** @throws UserError where a file names an operator that isn't known */
export function opOf(node: Pick<Node, "op" | "name">): Op {
  if (!Object.hasOwn(OPS, node.op)) throw nodeError(node, "unknown operator");
  return OPS[node.op];
}
