/** Where a network's affine layers stand in a row: what can be merged without a change of what it computes. */
import type { Graph, Node } from "../../graph/types.ts";
import { mayBeAffine } from "./affine_ops.ts";
import { type MergeOptions, type MergePlan, planMerge } from "./plan.ts";
import { type Passage, passage, passageBack } from "./region.ts";

/**
 * The plans of all runs of affine nodes, each as long as it can be, in order of execution.
 *
 * @param within nodes that may belong to one; default: all
 */
export function affineRuns(
  graph: Graph,
  options: MergeOptions = {},
  within: (node: Node) => boolean = () => true,
): MergePlan[] {
  const done = new Set<Node>();
  const plans: MergePlan[] = [];
  const enters = (node: Node) => mayBeAffine(node) && within(node) && !done.has(node);
  for (const node of graph.nodes.toReversed()) {
    if (!enters(node)) continue;
    const [output] = node.outputs;
    const { gates } = passageBack(graph, output, enters);
    const plan = longest(graph, output, gates, options);
    if (!plan) continue;
    for (const inside of (passage(graph, plan) as Passage).nodes) done.add(inside);
    plans.push(plan);
  }
  return plans.reverse();
}

/** The run from the farthest gate from which all is affine and something merges. */
function longest(graph: Graph, output: string, gates: readonly string[], options: MergeOptions): MergePlan | undefined {
  for (const input of gates.slice(1).toReversed()) {
    const plan = planMerge(graph, { input, output }, options);
    if (!("refused" in plan) && plan.core === output) return plan;
  }
  return undefined;
}
