/** Sum, difference, product and quotient of two operands, either of which may be a parameter. */

import { broadcastOf } from "../../graph/broadcast.ts";
import type { Node, OpName } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { allOr, type Emission, emitShift } from "./emission.ts";
import { keptAsItIs, needsAll, sameAxis, straightLinks, wholeUnlessAligned } from "./linked.ts";
import { numberOfChannel, operandChannel } from "./operands.ts";
import type { Constants, Fact, LinkedRule, NumberedGraph, NumberedModel, Rule } from "./types.ts";

/** @param absorbing an operand of this value decides alone */
function binary(combine: (a: number, b: number) => number, absorbing?: number): LinkedRule {
  return {
    kind: "linked",
    axis: sameAxis,
    whole: wholeUnlessAligned,
    links: straightLinks,
    constants: (node, numbered, factOf) => combined(node, numbered, factOf, combine, absorbing),
    needs: needsAll,
    parameterAxis,
    rewrite: keptAsItIs,
  };
}

export const ARITHMETIC = {
  Add: {
    ...binary((a, b) => a + b),
    takesPendingBias: isBiasOf,
    rewrite(node, emission) {
      if (node.inputs.some((name) => emission.pendingBias.has(name))) emitBias(node, emission);
      else emitSum(node, emission);
    },
  },
  Sub: binary((a, b) => a - b),
  Mul: { ...binary((a, b) => a * b, 0), needs: needsUnlessZero },
  Mix: binary((_, b) => b),
  Div: { ...binary((a, b) => a / b), staysNonzero: (node, name) => node.inputs[1] === name },
} satisfies Partial<Record<OpName, Rule>>;

function parameterAxis(node: Node, name: string, { graph, shapes, channels }: NumberedGraph): number | null {
  const [y] = node.outputs;
  const axis = channels.axis(y);
  const made = shapes.get(y)!;
  const [a, b] = node.inputs.map((input) => shapes.get(input) ?? graph.params[input].shape);
  const { shape } = graph.params[name];
  // [C] and [C,1,1] stand over axis 1, as [1,C,1,1] does.
  if (broadcastOf(node, a, b).kind === "channel" && shape.length < made.length) return axis === 1 ? 0 : null;
  return shape[axis] === made[axis] ? axis : null;
}

function combined(
  node: Node,
  numbered: NumberedModel,
  factOf: (channel: number) => Fact,
  combine: (a: number, b: number) => number,
  absorbing: number | undefined,
): Fact[] {
  const { graph, channels } = numbered;
  return Array.from({ length: channels.width(node.outputs[0]) }, (_, j): Fact => {
    const [a, b] = node.inputs.map((name): Fact =>
      graph.params[name]
        ? numberOfChannel(numbered, name, parameterAxis(node, name, numbered), j) ?? "varying"
        : factOf(operandChannel(channels, name, j))
    );
    if (absorbing !== undefined && (a === absorbing || b === absorbing)) return absorbing;
    if (a === "varying" || b === "varying") return "varying";
    if (a === "unknown" || b === "unknown") return "unknown";
    return combine(a, b);
  });
}

/** A factor that is always 0 is all that a product reads. */
function needsUnlessZero(
  node: Node,
  numbered: NumberedModel,
  known: Constants,
): (made: number, read: number) => boolean {
  const { graph, channels } = numbered;
  const y = channels.base(node.outputs[0]);
  return (made, read) => {
    const j = made - y;
    const factors = node.inputs.map((name) => {
      if (graph.params[name]) {
        return { channel: -1, value: numberOfChannel(numbered, name, parameterAxis(node, name, numbered), j) };
      }
      const channel = operandChannel(channels, name, j);
      return { channel, value: known.valueOf(channel) };
    });
    const zero = factors.find(({ value }) => value === 0);
    return zero === undefined || zero.channel === read;
  };
}

/** Is it a sum of the value with a bias per channel? */
function isBiasOf(node: Node, value: string, numbered: NumberedGraph): boolean {
  const { graph, channels } = numbered;
  const bias = node.inputs.find((name) => graph.params[name]);
  if (bias === undefined || !["bias", "beta"].includes(graph.params[bias].role)) return false;
  const onePerChannel = elements(graph.params[bias].shape) === channels.width(value);
  return onePerChannel && parameterAxis(node, bias, numbered) !== null;
}

/** A sum with a bias, which takes over the pending bias of the layer before it. */
function emitBias(node: Node, e: Emission): void {
  const { graph } = e.numbered;
  const kept = e.kept(node.outputs[0]);
  const inputs = node.inputs.map((name) => {
    if (!graph.params[name]) return name;
    const pending = e.pendingBias.get(node.inputs.find((other) => other !== name)!)!;
    const along = parameterAxis(node, name, e.numbered);
    const numbers = Float64Array.from(kept, (j, i) => numberOfChannel(e.numbered, name, along, j)! + pending[i]);
    const { shape } = graph.params[name];
    const keep = shape.map((size, i) => i === along ? allOr(kept, size) : null);
    const spec = { ...graph.params[name], shape: shape.map((size, i) => i === along ? kept.length : size) };
    return e.param(name, spec, numbers, { source: name, keep });
  });
  e.node({ ...node, inputs });
}

/** A sum with an operand that is constant throughout is the other operand, plus a bias per channel where it isn't 0. */
function emitSum(node: Node, e: Emission): void {
  const { graph, shapes } = e.numbered;
  const [a, b] = node.inputs.map((name) => shapes.get(name) ?? graph.params[name].shape);
  const { kind, wide } = broadcastOf(node, a, b);
  for (const operand of [0, 1]) {
    const other = 1 - operand;
    if (graph.params[node.inputs[operand]] || graph.params[node.inputs[other]]) continue;
    if (kind !== "same" && other !== wide) continue;
    const values = constantsOf(node.inputs[operand], node.outputs[0], e);
    if (values) return emitConstantSum(node, node.inputs[other], values, e);
  }
  e.keepNode(node);
}

/** What an operand adds to each kept channel of the sum; undefined where it varies. */
function constantsOf(operand: string, sum: string, e: Emission): Float64Array | undefined {
  const { channels } = e.numbered;
  const kept = e.kept(operand);
  const values = e.kept(sum).map((_, j) =>
    e.known.valueOf(channels.base(operand) + (channels.width(operand) === 1 ? 0 : kept[j]))
  );
  return values.includes(undefined) ? undefined : Float64Array.from(values as number[]);
}

function emitConstantSum(node: Node, other: string, values: Float64Array, e: Emission): void {
  const { channels, shapes } = e.numbered;
  const [y] = node.outputs;
  if (values.every((v) => v === 0)) e.alias(y, other);
  else emitShift(e, node.name, other, y, values, shapes.get(y)!, channels.axis(y));
}
