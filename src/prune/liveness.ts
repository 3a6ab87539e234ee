/**
 * Backward pass of unused-path removal (docs/pipeline.md): which channels the outputs of the graph depend on. A channel
 * is live if something live reads it with a non-zero weight; γ = 0 and a factor that is always 0 read nothing else.
 */

import { isOpaque } from "../graph/roles.ts";
import type { Node } from "../graph/types.ts";
import { tensor, type WeighedAnatomy } from "./anatomy.ts";
import { forEachLink } from "./atoms.ts";
import type { Constants, VisitOrder } from "./constants.ts";
import { activations } from "./layout.ts";
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
  const revive = (atom: number) => {
    if (live[atom]) return;
    live[atom] = 1;
    changed = true;
  };
  const { graph, shapes, atoms } = anatomy;
  if (isOpaque(node)) {
    const y = atoms.base(node.outputs[0]);
    if (!live.subarray(y, y + atoms.width(node.outputs[0])).includes(1)) return false;
    for (const name of [...activations(node, atoms), node.outputs[0]]) {
      for (let j = 0; j < atoms.width(name); j++) revive(atoms.base(name) + j);
    }
    return changed;
  }
  const linear = anatomy.linears.get(node.name);
  if (!linear) {
    const needs = appetite(anatomy, node, known);
    forEachLink(node, graph, shapes, atoms, (made, read) => live[made] && needs(made, read) && revive(read));
    return changed;
  }
  const reads = anatomy.reads.get(node.name)!;
  const { filters, perGroup } = linear;
  for (let f = 0; f < filters; f++) {
    if (!live[atoms.base(linear.y) + f]) continue;
    const first = atoms.base(linear.x) + firstChannel(linear, f);
    for (let c = 0; c < perGroup; c++) if (reads[f * perGroup + c]) revive(first + c);
  }
  return changed;
}

/** Does a made channel really depend on a read one? */
function appetite(
  { graph, model, atoms }: WeighedAnatomy,
  node: Node,
  known: Constants,
): (made: number, read: number) => boolean {
  const y = atoms.base(node.outputs[0]);
  if (node.op === "BatchNormalization") {
    const gamma = tensor(model, node.inputs[1]).data;
    return (made) => gamma[made - y] !== 0;
  }
  if (node.op !== "Mul") return () => true;
  return (made, read) => {
    const j = made - y;
    const factors = node.inputs.map((name) => {
      const atom = graph.params[name] ? -1 : atoms.base(name) + j;
      return { atom, value: atom < 0 ? tensor(model, name).data[j] : known.valueOf(atom) };
    });
    const zero = factors.find(({ value }) => value === 0);
    return zero === undefined || zero.atom === read;
  };
}
