/** Two networks on one input as one graph, so that values of both can be compared in one pass. */
import { freshName, takenNames } from "../../graph/names.ts";
import type { HostTensor, Model } from "../../graph/types.ts";

/** Both, and what a value of the second one is called in it. */
export interface Joined {
  readonly model: Model;
  other(value: string): string;
}

/**
 * The first network as it is, and beside it the second one under other names. What both compute in the same way, from the same
 * parameters, stands there once.
 */
export function joined(model: Model, second: Model): Joined {
  const { graph } = model;
  const taken = takenNames(graph);
  const known = new Map(graph.nodes.map((node) => [node.name, node]));
  const names = new Map<string, string>();
  const specs = { ...graph.params };
  const params = new Map<string, HostTensor>(model.params);
  for (const [name, tensor] of second.params) {
    const own = model.params.get(name) === tensor ? name : freshName(taken, name);
    names.set(name, own);
    specs[own] = second.graph.params[name];
    params.set(own, tensor);
  }
  const other = (value: string) => names.get(value) ?? value;
  const nodes = [...graph.nodes];
  for (const node of second.graph.nodes) {
    const twin = known.get(node.name);
    if (twin?.op === node.op && twin.attrs === node.attrs && `${node.inputs.map(other)}` === `${twin.inputs}`) {
      names.set(node.outputs[0], twin.outputs[0]);
      continue;
    }
    const [output] = node.outputs;
    names.set(output, freshName(taken, output));
    nodes.push({
      ...node,
      name: freshName(taken, node.name),
      inputs: node.inputs.map(other),
      outputs: [other(output)],
    });
  }
  return { model: { graph: { ...graph, nodes, params: specs }, params }, other };
}
