/** A mixed network as one of those that it mixes. */
import { isMix } from "../../graph/roles.ts";
import { withoutUnneeded } from "../../graph/rewrite/needed_nodes.ts";
import type { Model, Node } from "../../graph/types.ts";

/**
 * The network with every Mix replaced by what it has at λ = 0 ("block") or at λ = 1 ("form"), without what nobody needs any
 * more. A value keeps the name that the Mix gave it. At λ = 0 this is the network from which the mixed one was made, name by name.
 */
export function settle({ graph, params }: Model, which: "block" | "form"): Model {
  const fixed = new Set([...graph.inputs.map(({ name }) => name), ...graph.outputs]);
  /** What a value that a Mix has chosen is called from now on. */
  const renamed = new Map<string, string>();
  for (const node of graph.nodes) {
    if (!isMix(node)) continue;
    const chosen = node.inputs[which === "block" ? 0 : 1];
    if (!fixed.has(chosen) && !renamed.has(chosen)) renamed.set(chosen, node.outputs[0]);
  }
  const nameOf = (value: string): string => {
    const name = renamed.get(value);
    return name === undefined ? value : nameOf(name);
  };
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const inputs = node.inputs.map(nameOf);
    const outputs = node.outputs.map(nameOf);
    if (!isMix(node)) return [{ ...node, inputs, outputs }];
    const chosen = inputs[which === "block" ? 0 : 1];
    return chosen === outputs[0] ? [] : [{ ...node, op: "Identity", inputs: [chosen], outputs }];
  });
  return withoutUnneeded({ graph: { ...graph, nodes }, params });
}
