/** The one sweep for what no output needs. */

import type { Model } from "../types.ts";

/** The nodes, of a graph or of a file, that some of these outputs depend on, in their order. */
export function neededNodes<N extends { readonly inputs: readonly string[]; readonly outputs: readonly string[] }>(
  nodes: readonly N[],
  outputs: readonly string[],
): N[] {
  const needed = new Set(outputs);
  return nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false;
    node.inputs.forEach((name) => needed.add(name));
    return true;
  }).reverse();
}

/** The model without nodes that no output needs, and without parameters that no node reads. */
export function withoutUnneeded({ graph, params }: Model): Model {
  const nodes = neededNodes(graph.nodes, graph.outputs);
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const specs = Object.fromEntries(Object.entries(graph.params).filter(([name]) => read.has(name)));
  return {
    graph: { ...graph, nodes, params: specs },
    params: new Map([...params].filter(([name]) => read.has(name))),
  };
}
