/** Blocks of networks that tests make, cut out by the names of their nodes. */
import type { Graph } from "../../src/graph/types.ts";
import type { Block, BlockKind } from "../../src/depth/types.ts";

/** The nodes from the first reader of `input` up to the one that makes `output`. */
export function blockBetween(graph: Graph, kind: BlockKind, input: string, output: string): Block {
  const first = graph.nodes.findIndex(({ inputs }) => inputs.includes(input));
  const last = graph.nodes.findIndex(({ outputs }) => outputs.includes(output));
  const nodes = graph.nodes.slice(first, last + 1).map(({ name }) => name);
  return { kind, name: `${kind} ${output}`, nodes, input, output };
}
