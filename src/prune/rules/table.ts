/**
 * Every operator's rule for pruning. An operator without one doesn't compile: whoever adds an operator to the graph says
 * here how channels pass through it, in the file of its family.
 */

import type { Graph, Node, OpName } from "../../graph/types.ts";
import { ACTIVATIONS } from "./activations.ts";
import { ARITHMETIC } from "./arithmetic.ts";
import { ATTENTION } from "./attention.ts";
import { LAYERS } from "./layers.ts";
import { NORMS } from "./norms.ts";
import { RESHAPES } from "./reshapes.ts";
import { SELECTIONS } from "./selections.ts";
import { SPATIAL } from "./spatial.ts";
import type { NumberedGraph, Rule } from "./types.ts";

export const RULES: Readonly<Record<OpName, Rule>> = {
  ...LAYERS,
  ...NORMS,
  ...ACTIVATIONS,
  ...ARITHMETIC,
  ...SPATIAL,
  ...RESHAPES,
  ...SELECTIONS,
  ...ATTENTION,
};

/** The rule of a node: of an operator that is a layer only by a parameter, the one for products of activations without. */
export function ruleOf(node: Node, { params }: Graph): Rule {
  const rule = RULES[node.op];
  const multiplies = rule.kind === "layer" && !(node.inputs[1] in params);
  return multiplies && rule.ofActivations ? rule.ofActivations : rule;
}

/** The reason why no channel that the node reads or makes can go alone; undefined where channels can. */
export function whyWhole(node: Node, numbered: NumberedGraph): string | undefined {
  return ruleOf(node, numbered.graph).whole(node, numbered);
}
