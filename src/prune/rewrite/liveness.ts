/**
 * Backward pass of unused-path removal (docs/pipeline.md): which channels the outputs of the graph depend on. A channel
 * is live if something live reads it with a non-zero weight; γ = 0 and a factor that is always 0 read nothing else.
 */

import type { Node } from "../../graph/types.ts";
import { tensor, type WeighedAnatomy } from "../groups/dependency_graph.ts";
import { activations, forEachLink, operandAtom } from "../groups/channels.ts";
import { type Constants, operandOf, type VisitOrder } from "./constant_propagation.ts";
import { firstChannel } from "../groups/layers.ts";

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
  const { atoms } = anatomy;
  if (anatomy.whole.has(node.name)) {
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
    forEachLink(anatomy, node, (made, read) => live[made] && needs(made, read) && revive(read));
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
  anatomy: WeighedAnatomy,
  node: Node,
  known: Constants,
): (made: number, read: number) => boolean {
  const { graph, model, atoms } = anatomy;
  const y = atoms.base(node.outputs[0]);
  switch (node.op) {
    case "BatchNormalization":
    case "GroupNormalization": {
      const gamma = tensor(model, node.inputs[1]).data;
      return (made) => gamma[made - y] !== 0;
    }
    case "Attention": {
      // Weights that sum to 1 leave a constant what it is, whatever they are.
      const v = atoms.base(node.inputs[2]);
      return (made, read) => read === v + made - y || known.valueOf(v + made - y) === undefined;
    }
    case "Mul":
      return (made, read) => {
        const j = made - y;
        const factors = node.inputs.map((name) => {
          if (graph.params[name]) return { atom: -1, value: operandOf(anatomy, node, name, j) };
          const atom = operandAtom(atoms, name, j);
          return { atom, value: known.valueOf(atom) };
        });
        const zero = factors.find(({ value }) => value === 0);
        return zero === undefined || zero.atom === read;
      };
    default:
      return () => true;
  }
}
