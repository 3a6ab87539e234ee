/** Who reads a value, and names that are still free. */

import type { Graph, Node } from "./types.ts";

/** Value or parameter name -> the nodes that read it, in order of execution; a node that reads it twice stands once. */
export function consumers(graph: Graph): Map<string, Node[]> {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of new Set(node.inputs)) {
      const list = readers.get(name);
      if (list) list.push(node);
      else readers.set(name, [node]);
    }
  }
  return readers;
}

/** Every name of the graph: inputs, parameters, nodes and their outputs. */
export function takenNames(graph: Graph): Set<string> {
  return new Set([
    ...graph.inputs.map((input) => input.name),
    ...Object.keys(graph.params),
    ...graph.nodes.flatMap((node) => [node.name, ...node.outputs]),
  ]);
}

/** The number from which on names of a base may be free: names are never given back, and many share a base. */
const nextNumbers = new WeakMap<Set<string>, Map<string, number>>();

/** `base` if nobody has it, else `base_1`, `base_2`, …; the name is then taken. */
export function freshName(taken: Set<string>, base: string): string {
  if (!taken.has(base)) {
    taken.add(base);
    return base;
  }
  const next = nextNumbers.get(taken) ?? new Map<string, number>();
  nextNumbers.set(taken, next);
  let number = next.get(base) ?? 1;
  while (taken.has(`${base}_${number}`)) number++;
  next.set(base, number + 1);
  const name = `${base}_${number}`;
  taken.add(name);
  return name;
}
