/**
 * Forward pass of unused-path removal (docs/pipeline.md): which channels hold one constant, whatever the input, at every
 * position. Padding makes a constant depend on the position, unless it is 0 or every output sees the same taps.
 */

import { padAttrs, poolAttrs } from "../../graph/attrs.ts";
import { referenceNode } from "../../graph/reference/forward.ts";
import type { Node } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { tensor, type WeighedGraph } from "../groups/dependency_graph.ts";
import { forEachLink, operandChannel } from "../groups/channels.ts";
import { parameterAxis } from "../groups/axes.ts";
import { firstChannel, type Layer, regionSums, uniform } from "../groups/layers.ts";
import { axisRegions } from "./regions.ts";

export interface Constants {
  /** The value that a channel (by its number, see channels.ts) holds everywhere, undefined when it varies. */
  valueOf(channel: number): number | undefined;
}

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

/** What a channel is: a number, or one of the two ends of the lattice. */
type Fact = number | "unknown" | "varying";

/** Recomputes a node's channels; true if one changed. */
function update(dependencies: WeighedGraph, node: Node, facts: Facts): boolean {
  const to = dependencies.channels.base(node.outputs[0]);
  let changed = false;
  transfer(dependencies, node, facts).forEach((fact, j) => {
    // −0 and an overflow are no facts to build on.
    const kind = fact === "unknown" ? UNKNOWN : fact === "varying" || !Number.isFinite(fact) ? VARYING : CONSTANT;
    if (kind === facts.kind[to + j]) return;
    facts.kind[to + j] = kind;
    facts.value[to + j] = kind === CONSTANT ? (fact as number) + 0 : 0;
    changed = true;
  });
  return changed;
}

function transfer(dependencies: WeighedGraph, node: Node, facts: Facts): Fact[] {
  const layer = dependencies.layers.get(node.name);
  if (layer) return mixed(dependencies, layer, facts);
  if (dependencies.whole.has(node.name)) return new Array(dependencies.channels.width(node.outputs[0])).fill("varying");
  switch (node.op) {
    case "BatchNormalization":
      return normalized(dependencies, node, facts);
    case "PRelu":
      return mapped(dependencies, node, facts, [tensor(dependencies.model, node.inputs[1])]);
    case "GroupNormalization":
      return scaledToNothing(dependencies, node);
    case "Attention":
      // Weights that sum to 1 leave a constant what it is.
      return own(dependencies, node.inputs[2], facts);
    case "Relu":
    case "Clip":
    case "Gelu":
    case "Sigmoid":
    case "Tanh":
    case "LeakyRelu":
    case "HardSigmoid":
    case "HardSwish":
      return mapped(dependencies, node, facts, []);
    case "Add":
      return combined(dependencies, node, facts, (a, b) => a + b);
    case "Sub":
      return combined(dependencies, node, facts, (a, b) => a - b);
    case "Div":
      return combined(dependencies, node, facts, (a, b) => a / b);
    case "Mul":
      return combined(dependencies, node, facts, (a, b) => a * b, 0);
    case "AveragePool":
      return averaged(dependencies, node, facts);
    case "Pad":
      return padded(dependencies, node, facts);
    case "BorderBias":
      return shifted(dependencies, node, facts);
    case "Concat":
      return concatenated(dependencies, node, facts);
    default:
      return joined(dependencies, node, facts);
  }
}

function factOf({ kind, value }: Facts, channel: number): Fact {
  return kind[channel] === CONSTANT ? value[channel] : kind[channel] === VARYING ? "varying" : "unknown";
}

/** A filter is constant if all that it reads with a non-zero weight is, and no border shows. */
function mixed({ model, channels, reads }: WeighedGraph, layer: Layer, facts: Facts): Fact[] {
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
      const fact = factOf(facts, first + c);
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

/** γ = 0 makes β, whatever comes in. */
function normalized(dependencies: WeighedGraph, node: Node, facts: Facts): Fact[] {
  const [, gamma, beta, mean, variance] = node.inputs.map((name, i) =>
    i === 0 ? undefined! : tensor(dependencies.model, name)
  );
  const results = mapped(dependencies, node, facts, [gamma, beta, mean, variance]);
  return results.map((fact, j) => gamma.data[j] === 0 ? beta.data[j] : fact);
}

/** γ = 0 makes β; else a group's statistics depend on all of its channels. */
function scaledToNothing({ model }: WeighedGraph, node: Node): Fact[] {
  const [gamma, beta] = node.inputs.slice(1).map((name) => tensor(model, name).data);
  return Array.from(gamma, (g, j) => g === 0 ? beta[j] : "varying");
}

function own({ channels }: WeighedGraph, value: string, facts: Facts): Fact[] {
  return Array.from({ length: channels.width(value) }, (_, j) => factOf(facts, channels.base(value) + j));
}

/** The reference interpreter on the constants, one pixel per channel: no second definition of any function. */
function mapped(
  { channels }: WeighedGraph,
  node: Node,
  facts: Facts,
  params: readonly { readonly shape: readonly number[]; readonly data: ArrayLike<number> }[],
): Fact[] {
  const x = channels.base(node.inputs[0]);
  const width = channels.width(node.inputs[0]);
  const input = { shape: [1, width], data: facts.value.slice(x, x + width) };
  const wide = params.map(({ shape, data }) => ({ shape, data: Float64Array.from(data) }));
  const { data } = referenceNode(node, [input, ...wide]);
  return Array.from({ length: width }, (_, j) => {
    const fact = factOf(facts, x + j);
    return typeof fact === "number" ? data[j] : fact;
  });
}

/** Operators of two operands; `absorbing` decides alone. */
function combined(
  dependencies: WeighedGraph,
  node: Node,
  facts: Facts,
  combine: (a: number, b: number) => number,
  absorbing?: number,
): Fact[] {
  const { graph, channels } = dependencies;
  return Array.from({ length: channels.width(node.outputs[0]) }, (_, j): Fact => {
    const [a, b] = node.inputs.map((name): Fact =>
      graph.params[name]
        ? operandOf(dependencies, node, name, j) ?? "varying"
        : factOf(facts, operandChannel(channels, name, j))
    );
    if (absorbing !== undefined && (a === absorbing || b === absorbing)) return absorbing;
    if (a === "varying" || b === "varying") return "varying";
    if (a === "unknown" || b === "unknown") return "unknown";
    return combine(a, b);
  });
}

/** What a parameter operand gives to channel j: one number, or undefined where it has several. */
export function operandOf(
  { graph, shapes, channels, model }: WeighedGraph,
  node: Node,
  name: string,
  j: number,
): number | undefined {
  const { shape, data } = tensor(model, name);
  const axis = parameterAxis(node, name, graph, shapes, channels.axis(node.outputs[0]));
  if (axis === null) return uniform(Float64Array.from(data));
  const inner = elements(shape.slice(axis + 1));
  if (inner * shape[axis] === data.length) return uniform(Float64Array.from(data.subarray(j * inner, (j + 1) * inner)));
  return uniform(Float64Array.from(data.filter((_, i) => Math.floor(i / inner) % shape[axis] === j)));
}

/** Counting the padding makes a constant depend on the position, unless all windows see as much of the image. */
function averaged({ shapes, channels }: WeighedGraph, node: Node, facts: Facts): Fact[] {
  const { kernel, strides, pads, countIncludePad } = poolAttrs(node);
  const from = shapes.get(node.inputs[0])! as readonly number[];
  const into = shapes.get(node.outputs[0])! as readonly number[];
  const counts = ([0, 1] as const).map((axis) => {
    const { taps } = axisRegions({
      size: from[2 + axis],
      out: into[2 + axis],
      kernel: kernel[axis],
      stride: strides[axis],
      pad: pads[axis],
      dilation: 1,
    });
    return uniform(Float64Array.from(taps, (valid) => valid.length / kernel[axis]));
  });
  const share = !countIncludePad ? 1 : counts.includes(undefined) ? undefined : counts[0]! * counts[1]!;
  const x = channels.base(node.inputs[0]);
  return Array.from({ length: channels.width(node.inputs[0]) }, (_, j): Fact => {
    const fact = factOf(facts, x + j);
    if (typeof fact !== "number" || fact === 0) return fact;
    return share === undefined ? "varying" : fact * share;
  });
}

/** Zeros around an image keep only the constant 0; new channels are 0. */
function padded(dependencies: WeighedGraph, node: Node, facts: Facts): Fact[] {
  const { begins, ends } = padAttrs(node, dependencies.shapes.get(node.inputs[0])!.length);
  const axis = dependencies.channels.axis(node.outputs[0]);
  const borders = [begins, ends].some((side) => side.some((p, i) => i !== axis && p > 0));
  return joined(dependencies, node, facts, 0).map((fact) =>
    typeof fact === "number" && fact !== 0 && borders ? "varying" : fact
  );
}

function shifted(dependencies: WeighedGraph, node: Node, facts: Facts): Fact[] {
  const { shape, data } = tensor(dependencies.model, node.inputs[1]);
  const regions = shape[1] * shape[2];
  return joined(dependencies, node, facts).map((fact, j) => {
    if (typeof fact !== "number") return fact;
    const shift = uniform(Float64Array.from(data.subarray(j * regions, (j + 1) * regions)));
    return shift === undefined ? "varying" : fact + shift;
  });
}

/** Parameters that stand beside a channel's other entries (a class token) have to be of the same value. */
function concatenated(dependencies: WeighedGraph, node: Node, facts: Facts): Fact[] {
  const { graph, channels } = dependencies;
  const made = joined(dependencies, node, facts);
  if (channels.axis(node.outputs[0]) === 1) return made;
  const beside = node.inputs.filter((name) => graph.params[name]);
  return made.map((fact, j) =>
    beside.reduce<Fact>((all, name) => meet(all, operandOf(dependencies, node, name, j) ?? "varying"), fact)
  );
}

/** Operators that only move channels: a made one is constant if all that it comes from is the same constant. */
function joined(dependencies: WeighedGraph, node: Node, facts: Facts, ofNothing?: number): Fact[] {
  const { channels } = dependencies;
  const to = channels.base(node.outputs[0]);
  const made: (Fact | undefined)[] = new Array(channels.width(node.outputs[0])).fill(undefined);
  forEachLink(dependencies, node, (y, x) => {
    const j = y - to;
    made[j] = meet(made[j], factOf(facts, x));
  });
  return made.map((fact) => fact ?? ofNothing ?? "varying");
}

function meet(a: Fact | undefined, b: Fact): Fact {
  if (a === undefined || a === b) return b;
  if (a === "varying" || b === "varying") return "varying";
  if (a === "unknown" || b === "unknown") return "unknown";
  return "varying";
}
