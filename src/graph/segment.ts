/** Parts of a network that run one after the other: what stands before a place needn't be computed again for each change behind it. */
import { inferShapes } from "./infer.ts";
import type { Graph } from "./types.ts";

/**
 * The nodes from place `from` up to `to` (excluded) as a graph of their own. Its inputs are the values that they read and that
 * were made before; its outputs the values that are read behind, those that the whole graph gives among them. In the
 * last segment the outputs are the whole graph's, in its order.
 *
 * @throws UserError when the graph isn't valid
 */
export function segmentOf(graph: Graph, from: number, to: number): Graph {
  const shapes = inferShapes(graph);
  const nodes = graph.nodes.slice(from, to);
  const isLast = to >= graph.nodes.length;
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const readBehind = new Set([...graph.nodes.slice(to).flatMap(({ inputs }) => inputs), ...graph.outputs]);
  const read = new Set([...nodes.flatMap(({ inputs }) => inputs), ...isLast ? graph.outputs : []]);
  return {
    name: graph.name,
    inputs: [...read].filter((name) => shapes.has(name) && !made.has(name))
      .map((name) => ({ name, shape: shapes.get(name)! })),
    outputs: isLast ? graph.outputs : [...made].filter((name) => readBehind.has(name)),
    nodes,
    params: Object.fromEntries(Object.entries(graph.params).filter(([name]) => read.has(name))),
  };
}
