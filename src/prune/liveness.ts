/**
 * Backward pass of unused-path removal (ALGORITHMS.md 1.6): which channels the outputs of the graph depend on. A channel
 * is live if a consumer reads it with a non-zero weight for something live that isn't constant anyway.
 */

import type { Node } from "../graph/types.ts";
import type { WeighedAnatomy } from "./anatomy.ts";
import { forEachLink } from "./atoms.ts";
import type { Constants, VisitOrder } from "./constants.ts";
import { firstChannel } from "./linear.ts";

/** 0/1 per atom (atoms.ts). The channels of the graph's outputs are always live. */
export function liveness(anatomy: WeighedAnatomy, known: Constants, { order }: VisitOrder = {}): Uint8Array {
  const { graph, atoms } = anatomy;
  const live = new Uint8Array(atoms.total);
  for (const name of graph.outputs) live.fill(1, atoms.base(name), atoms.base(name) + atoms.width(name));
  const visits = (order ?? graph.nodes.map((_, i) => graph.nodes.length - 1 - i)).map((i) => graph.nodes[i]);
  const sweep = () => visits.map((node) => update(anatomy, node, known, live)).includes(true);
  while (sweep());
  return live;
}

function update(anatomy: WeighedAnatomy, node: Node, known: Constants, live: Uint8Array): boolean {
  let changed = false;
  const needs = (atom: number) => live[atom] === 1 && known.valueOf(atom) === undefined;
  const revive = (atom: number) => {
    if (live[atom]) return;
    live[atom] = 1;
    changed = true;
  };
  const { graph, shapes, atoms } = anatomy;
  const linear = anatomy.linears.get(node.name);
  if (!linear) {
    forEachLink(node, graph, shapes, atoms, (made, read) => needs(made) && revive(read));
    return changed;
  }
  const reads = anatomy.reads.get(node.name)!;
  const { filters, perGroup } = linear;
  for (let f = 0; f < filters; f++) {
    if (!needs(atoms.base(linear.y) + f)) continue;
    const first = atoms.base(linear.x) + firstChannel(linear, f);
    for (let c = 0; c < perGroup; c++) if (reads[f * perGroup + c]) revive(first + c);
  }
  return changed;
}
