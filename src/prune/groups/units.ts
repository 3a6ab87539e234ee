/** Which channels stand or fall together, and which can't go at all and why. */

import type { Node, OpName } from "../../graph/types.ts";
import type { Anatomy } from "./dependency_graph.ts";
import { activations, forEachLink } from "./channels.ts";
import { DisjointSets } from "./disjoint_sets.ts";
import { firstChannel, type Linear } from "./layers.ts";

/**
 * Ties, and the channels that grouped convolutions bind; a Gather's channels go with those they copy. Nodes from which no
 * channel can go alone tie none: what they read and make is blocked.
 */
export function tiedUnits(anatomy: Anatomy): DisjointSets {
  const { graph, atoms, linears, whole } = anatomy;
  const units = new DisjointSets(atoms.total);
  for (const node of graph.nodes) {
    if (whole.has(node.name)) continue;
    forEachLink(anatomy, node, (made, read, kind) => kind !== "spread" && units.join(made, read));
  }
  for (const linear of linears.values()) if (linear.group > 1) tieGroups(anatomy, linear, units);
  return units;
}

/**
 * A convolution's groups stay of one size. Where they are many and thin (a depthwise one has a channel in each), each goes
 * whole, its input channels with its filters. Where they are few and wide, filter i of every group goes with filter i of the
 * others, and so do the input channels.
 */
function tieGroups({ atoms }: Anatomy, linear: Linear, units: DisjointSets): void {
  const { group, perGroup, filters, channels } = linear;
  const [x, y] = [atoms.base(linear.x), atoms.base(linear.y)];
  if (goesByGroups(linear)) {
    for (let f = 0; f < filters; f++) {
      const first = firstChannel(linear, f);
      for (let c = 0; c < perGroup; c++) units.join(y + f, x + first + c);
    }
    return;
  }
  for (let f = 0; f < filters; f++) units.join(y + f, y + f % (filters / group));
  for (let c = 0; c < channels; c++) units.join(x + c, x + c % perGroup);
}

export function goesByGroups({ group, perGroup }: Pick<Linear, "group" | "perGroup">): boolean {
  return group > 1 && group >= perGroup;
}

/** Unit -> why it must stay. */
export function blockedUnits({ graph, atoms, whole }: Anatomy, units: DisjointSets): Map<number, string> {
  const blocked = new Map<number, string>();
  const block = (value: string, why: string) => {
    for (let j = 0; j < atoms.width(value); j++) {
      const unit = units.find(atoms.base(value) + j);
      if (!blocked.has(unit)) blocked.set(unit, why);
    }
  };
  graph.outputs.forEach((name) => block(name, `it makes the output "${name}", whose width is given`));
  graph.inputs.forEach(({ name }) => block(name, `it is tied to the input "${name}", whose channels are given`));
  for (const node of graph.nodes) {
    if (!whole.has(node.name)) continue;
    const why = `it flows through ${node.op} "${node.name}", ${becauseOf(node)}`;
    [...activations(node, atoms), node.outputs[0]].forEach((name) => block(name, why));
  }
  return blocked;
}

const BECAUSE: Partial<Record<OpName, string>> = {
  LayerNormalization: "which takes mean and variance over all channels: without one, the others would change",
  Softmax: "which divides by a sum over all channels: without one, the others would change",
  Attention: "which compares tokens by all of these features, not in heads that could go one by one",
  MatMul: "which multiplies activations with each other",
  ReduceMean: "which takes the mean over all channels",
  Flatten: "which mixes the channels of several tokens",
  Reshape: "which cuts the channels into pieces that don't fit them",
};

function becauseOf({ op }: Node): string {
  return BECAUSE[op] ?? "whose channels stand along another axis";
}
