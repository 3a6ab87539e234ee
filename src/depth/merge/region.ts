/** What lies between two values of a graph. */
import { consumers } from "../../graph/names.ts";
import type { Graph, Node } from "../../graph/types.ts";

/** Everything that `output` is made of from `input` on. */
export interface Region {
  readonly input: string;
  readonly output: string;
}

/** The nodes of a region, and the values through which all of it passes. */
export interface Passage {
  /** In order of execution. */
  readonly nodes: readonly Node[];
  /** From the output back to the input: whatever is made of what comes before one of them is made through it. */
  readonly gates: readonly string[];
  /** Gates that other nodes read, or the caller of the network: they have to stay. */
  readonly read: ReadonlySet<string>;
}

/** Where a walk back ended, as a clause. */
export interface NoPassage {
  readonly refused: string;
}

/** All between the two values. What is read elsewhere is a gate that has to stay, or a reason to refuse. */
export function passage(graph: Graph, { input, output }: Region): Passage | NoPassage {
  const walk = openWalk(graph, output);
  for (;;) {
    const { latest, maker, alone, elsewhere } = walk.next();
    if (alone) walk.gate();
    if (alone && latest === input) break;
    if (!maker || latest === input || (elsewhere && !alone)) {
      return { refused: reasonOf(walk.open, latest, input, maker) };
    }
    walk.enter();
  }
  return walk.passage();
}

/**
 * As far back from `output` as `enters` lets it, and no value in between is read elsewhere: the last gate is the farthest value
 * that all of it is made from.
 */
export function passageBack(graph: Graph, output: string, enters: (node: Node) => boolean): Passage {
  const walk = openWalk(graph, output);
  for (;;) {
    const { maker, alone, elsewhere } = walk.next();
    if (alone) walk.gate();
    if (!maker || elsewhere || !enters(maker)) return walk.passage();
    walk.enter();
  }
}

/** A walk back, the latest value first: where only one is open, all that came after is made from it. */
function openWalk(graph: Graph, output: string) {
  const { makers, places, readers } = linksOf(graph);
  const inside = new Set<Node>();
  const open = new Set([output]);
  const gates: string[] = [];
  const read = new Set<string>();
  const placeOf = (value: string) => places.get(makers.get(value)!) ?? -1;
  const latest = () => [...open].reduce((a, b) => placeOf(b) > placeOf(a) ? b : a);
  const isReadElsewhere = (value: string) =>
    value !== output &&
    (graph.outputs.includes(value) || !readers.get(value)!.every((reader) => inside.has(reader)));
  return {
    open,
    next() {
      const value = latest();
      return {
        latest: value,
        maker: makers.get(value),
        alone: open.size === 1,
        elsewhere: isReadElsewhere(value),
      };
    },
    gate() {
      const [value] = open;
      gates.push(value);
      if (isReadElsewhere(value)) read.add(value);
    },
    /** Goes on behind the node that makes the latest value. */
    enter() {
      const value = latest();
      const maker = makers.get(value)!;
      open.delete(value);
      inside.add(maker);
      for (const name of maker.inputs) if (!(name in graph.params)) open.add(name);
    },
    /** Up to the last gate. */
    passage(): Passage {
      const input = gates[gates.length - 1];
      const first = placeOf(input);
      // What it begins with may be read anywhere.
      read.delete(input);
      return { nodes: graph.nodes.filter((node) => inside.has(node) && places.get(node)! > first), gates, read };
    },
  };
}

function reasonOf(open: ReadonlySet<string>, latest: string, input: string, maker: Node | undefined): string {
  if (!maker || latest === input) {
    const other = [...open].find((name) => name !== input)!;
    return `it also reads "${other}", which isn't made from "${input}"`;
  }
  return `"${latest}" in the midst of it is read elsewhere too`;
}

interface Links {
  /** By value. */
  readonly makers: ReadonlyMap<string, Node>;
  readonly readers: ReadonlyMap<string, readonly Node[]>;
  readonly places: ReadonlyMap<Node, number>;
}

/** Kept per graph: a network is walked from each of its values. */
const links = new WeakMap<Graph, Links>();

function linksOf(graph: Graph): Links {
  let found = links.get(graph);
  if (!found) {
    found = {
      makers: new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node]))),
      readers: consumers(graph),
      places: new Map(graph.nodes.map((node, i) => [node, i])),
    };
    links.set(graph, found);
  }
  return found;
}
