/**
 * Forward pass of unused-path removal (docs/pipeline.md): which channels hold one constant, whatever the input, at every
 * position. Padding makes a constant depend on the position, unless it is 0 or every output sees the same taps.
 */

import type { Node } from "../../graph/types.ts";
import type { WeighedGraph } from "../groups/dependency_graph.ts";
import { firstChannel, type Layer, regionSums } from "../rules/layer_view.ts";
import { tensor, uniform } from "../rules/operands.ts";
import { ruleOf } from "../rules/table.ts";
import type { Constants, Fact } from "../rules/types.ts";

export interface VisitOrder {
  /** Indices into `graph.nodes`: the order in which a sweep visits them. It changes the work, never the result. */
  readonly order?: readonly number[];
}

/** Least fixpoint over unknown → constant → varying; sweeps until nothing changes. Float64 throughout. */
export function constants(dependencies: WeighedGraph, { order }: VisitOrder = {}): Constants {
  const { graph, channels } = dependencies;
  const facts: Facts = { kind: new Uint8Array(channels.total), value: new Float64Array(channels.total) };
  for (const { name } of graph.inputs) {
    facts.kind.fill(VARYING, channels.base(name), channels.base(name) + channels.width(name));
  }
  const visits = (order ?? graph.nodes.map((_, i) => i)).map((i) => graph.nodes[i]);
  const sweep = () => visits.map((node) => update(dependencies, node, facts)).includes(true);
  while (sweep());
  return { valueOf: (channel) => facts.kind[channel] === CONSTANT ? facts.value[channel] : undefined };
}

const UNKNOWN = 0, CONSTANT = 1, VARYING = 2;

interface Facts {
  readonly kind: Uint8Array;
  readonly value: Float64Array;
}

/** Recomputes a node's channels; true if one changed. */
function update(dependencies: WeighedGraph, node: Node, facts: Facts): boolean {
  const to = dependencies.channels.base(node.outputs[0]);
  let changed = false;
  transfer(dependencies, node, (channel) => factOf(facts, channel)).forEach((fact, j) => {
    // −0 and an overflow are no facts to build on.
    const kind = fact === "unknown" ? UNKNOWN : fact === "varying" || !Number.isFinite(fact) ? VARYING : CONSTANT;
    if (kind === facts.kind[to + j]) return;
    facts.kind[to + j] = kind;
    facts.value[to + j] = kind === CONSTANT ? (fact as number) + 0 : 0;
    changed = true;
  });
  return changed;
}

function factOf({ kind, value }: Facts, channel: number): Fact {
  return kind[channel] === CONSTANT ? value[channel] : kind[channel] === VARYING ? "varying" : "unknown";
}

/** What a node makes of what is known of its inputs. */
function transfer(dependencies: WeighedGraph, node: Node, known: (channel: number) => Fact): Fact[] {
  const layer = dependencies.layers.get(node.name);
  if (layer) return mixed(dependencies, layer, known);
  const rule = ruleOf(node, dependencies.graph);
  if (rule.kind === "linked" && !dependencies.whole.has(node.name)) return rule.constants(node, dependencies, known);
  return new Array(dependencies.channels.width(node.outputs[0])).fill("varying");
}

/** A filter is constant if all that it reads with a non-zero weight is, and no border shows. */
function mixed({ model, channels, reads }: WeighedGraph, layer: Layer, known: (channel: number) => Fact): Fact[] {
  const weight = tensor(model, layer.weight);
  const bias = layer.bias ? tensor(model, layer.bias).data : undefined;
  const nonzero = reads.get(layer.node.name)!;
  const x = channels.base(layer.x);
  return Array.from({ length: layer.filters }, (_, f): Fact => {
    const first = x + firstChannel(layer, f);
    let sum = bias ? bias[f] : 0;
    let unknown = false;
    for (let c = 0; c < layer.perGroup; c++) {
      if (!nonzero[f * layer.perGroup + c]) continue;
      const fact = known(first + c);
      if (fact === "varying") return "varying";
      if (fact === "unknown") unknown = true;
      else if (fact !== 0) {
        const taps = uniform(regionSums(layer, weight, f, c));
        if (taps === undefined) return "varying";
        sum += fact * taps;
      }
    }
    return unknown ? "unknown" : sum;
  });
}
