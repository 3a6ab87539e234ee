/** Through which values all of a network's data must pass. */
import type { Graph } from "../../graph/types.ts";

/**
 * For each value that a node makes, the nearest value before it through which all goes that it is made of; undefined where it
 * is made of several of the graph's inputs that meet nowhere.
 */
export function dominators({ inputs, nodes, params }: Graph): ReadonlyMap<string, string | undefined> {
  const before = new Map<string, string | undefined>(inputs.map(({ name }) => [name, undefined]));
  const depth = new Map(inputs.map(({ name }) => [name, 0]));
  const meeting = (a: string | undefined, b: string | undefined): string | undefined => {
    while (a !== b) {
      if (a === undefined || b === undefined) return undefined;
      if (depth.get(a)! >= depth.get(b)!) a = before.get(a);
      else b = before.get(b);
    }
    return a;
  };
  for (const node of nodes) {
    const read = node.inputs.filter((name) => !params[name]);
    const found = read.slice(1).reduce<string | undefined>(meeting, read[0]);
    before.set(node.outputs[0], found);
    depth.set(node.outputs[0], found === undefined ? 0 : depth.get(found)! + 1);
  }
  return before;
}
