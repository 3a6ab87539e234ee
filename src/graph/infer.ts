/** Shape inference over a symbolic batch. */

import { UserError } from "../errors.ts";
import { nodeError } from "./attrs.ts";
import { arity } from "./ops/op.ts";
import { opOf } from "./ops/ops.ts";
import type { Graph, Node, Shape } from "./types.ts";

/**
 * The shape of every activation: graph inputs and node outputs, by name, in order of execution. Parameters are not in
 * it; theirs stand in `graph.params`.
 *
 * @throws UserError when shapes don't fit or a node reads what nothing before it makes
 */
export function inferShapes(graph: Graph): Map<string, Shape> {
  const shapes = new Map<string, Shape>(graph.inputs.map((input) => [input.name, input.shape]));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => {
      const shape = shapes.get(name) ?? graph.params[name]?.shape;
      if (!shape) throw nodeError(node, `reads "${name}", which is no parameter and nothing before it makes`);
      return shape;
    });
    shapes.set(node.outputs[0], inferNode(node, inputs));
  }
  for (const name of graph.outputs) {
    if (!shapes.has(name)) throw new UserError(`graph "${graph.name}": nothing makes its output "${name}"`);
  }
  return shapes;
}

/** The output shape of one node, given the shapes of all its inputs, parameters included. */
export function inferNode(node: Node, inputs: readonly Shape[]): Shape {
  const op = opOf(node);
  const { least, most } = arity(op);
  if (inputs.length < least || inputs.length > most) {
    throw nodeError(node, `has ${inputs.length} inputs, expected ${least === most ? least : `${least} to ${most}`}`);
  }
  if (node.outputs.length !== 1) throw nodeError(node, `has ${node.outputs.length} outputs, expected 1`);
  return op.shape(node, inputs);
}
