/**
 * Networks of images [N,H,W,C] as networks of [N,C,H,W]. Every value keeps the order of axes in which it is computed; that of
 * the file is remembered beside it, so that Transposes between the two vanish, and only what must have its axes in the old
 * order gets one back.
 */

import { elements } from "../../tensor/tensor.ts";
import { UserError } from "../../errors.ts";
import { identityMap } from "../indexmap.ts";
import { inferNode, inferShapes } from "../infer.ts";
import { consumers, freshName, takenNames } from "../names.ts";
import { ANY_ORDER } from "../ops/op.ts";
import { opOf } from "../ops/ops.ts";
import type { Graph, HostTensor, Model, Node, Origin, ParamSpec, Rewrite, Shape } from "../types.ts";
import { withoutUnneeded } from "./needed_nodes.ts";

const LAST: readonly number[] = [0, 2, 3, 1];
const FIRST: readonly number[] = [0, 3, 1, 2];

/**
 * Whether the channels of the network's images stand last, [N,H,W,C]: the first convolution that sees them reads them along that
 * axis.
 *
 * @throws UserError when the graph isn't valid
 */
export function imagesLast(graph: Graph): boolean {
  return graph.inputs.some(({ name, shape }) => shape.length === 4 && channelAxis(graph, name) === 3);
}

/** The axis of an input along which the first convolution that it reaches, but for a change of order, reads channels. */
function channelAxis(graph: Graph, input: string): number | undefined {
  const shapes = inferShapes(graph);
  const orders = new Map<string, readonly number[]>([[input, [0, 1, 2, 3]]]);
  for (const node of graph.nodes) {
    const order = orders.get(node.inputs[0]);
    if (!order) continue;
    const { axes, inference } = opOf(node);
    const x = shapes.get(node.inputs[0])!;
    if (inference.kind === "layer") return inference.filters === "first" ? order[1] : undefined;
    const perm = axes?.kind === "permutes" ? axes.perm(node, x) : undefined;
    if (perm) orders.set(node.outputs[0], perm.map((axis) => order[axis]));
    else if (axes?.kind === "follows" && shapes.get(node.outputs[0])!.length === x.length) {
      orders.set(node.outputs[0], order);
    }
  }
  return undefined;
}

/**
 * The network with its images' channels first; itself where they stand there. Outputs keep their names and shapes. Weights of
 * what reads a flattened image, and numbers per channel, are put into the new order; the map names where weights came from.
 *
 * @throws UserError when the graph isn't valid
 */
export function channelsFirst(model: Model): Rewrite {
  if (!imagesLast(model.graph)) return { model, map: identityMap(model.graph) };
  const draft = openDraft(model);
  for (const { name, shape } of model.graph.inputs) {
    const last = shape.length === 4 && channelAxis(model.graph, name) === 3;
    // Axis i of the old value is axis perm[i] of the new one.
    draft.values.set(name, { name, perm: last ? LAST : identity(shape.length) });
  }
  for (const node of model.graph.nodes) rewrite(draft, node);
  const inputs = model.graph.inputs.map(({ name, shape }) => {
    const { perm } = draft.values.get(name)!;
    return { name, shape: moved(shape, perm) };
  });
  const made = withoutUnneeded({
    graph: { ...model.graph, inputs, nodes: withOutputs(draft, model.graph.outputs), params: draft.specs },
    params: draft.params,
  });
  return { model: made, map: new Map([...draft.map].filter(([name]) => made.graph.params[name])) };
}

/** The nodes, with each output as it was: what has another order by now is renamed, and put back. */
function withOutputs(draft: Draft, outputs: readonly string[]): readonly Node[] {
  const renamed = new Map<string, string>();
  for (const output of outputs) {
    const { name } = inOldOrder(draft, output);
    if (name === output) continue;
    renamed.set(output, draft.fresh(`${output}.first`));
    renamed.set(name, output);
  }
  const nameOf = (name: string) => renamed.get(name) ?? name;
  return draft.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(nameOf),
    outputs: node.outputs.map(nameOf),
  }));
}

/** The same network for images [N,H,W,C] in place of [N,C,H,W]: a Transpose before all else. */
export function channelsLast({ graph, params }: Model): Model {
  const taken = takenNames(graph);
  const images = graph.inputs.filter(({ shape }) => shape.length === 4).map(({ name }) => name);
  const first = new Map(images.map((name) => [name, freshName(taken, `${name}.first`)]));
  const turned = images.map((name): Node => ({
    name: first.get(name)!,
    op: "Transpose",
    inputs: [name],
    outputs: [first.get(name)!],
    attrs: { perm: FIRST },
  }));
  const nodes = graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map((name) => first.get(name) ?? name) }));
  const inputs = graph.inputs.map(({ name, shape }) => ({
    name,
    shape: first.has(name) ? LAST.map((axis) => shape[axis]) : shape,
  }));
  return { graph: { ...graph, inputs, nodes: [...turned, ...nodes] }, params };
}

/** Where an old value is found: its axis i is axis perm[i] of the new value. */
interface Place {
  readonly name: string;
  readonly perm: readonly number[];
  /** Of a flattened value: entry i of the old one is entry order[i] of the new one. */
  readonly order?: readonly number[];
}

interface Draft {
  readonly old: Model;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly values: Map<string, Place>;
  /** Old value and order -> its Transpose. */
  readonly turned: Map<string, string>;
  readonly made: Map<string, Shape>;
  readonly nodes: Node[];
  readonly specs: Record<string, ParamSpec>;
  readonly params: Map<string, HostTensor>;
  readonly map: Map<string, Origin>;
  add(node: Node): void;
  fresh(base: string): string;
  /** A parameter in another form, under its own name unless other nodes read it. */
  param(name: string, tensor: HostTensor, origin?: Origin): string;
}

function openDraft(old: Model): Draft {
  const { graph } = old;
  const taken = takenNames(graph);
  const readers = consumers(graph);
  const made = new Map<string, Shape>();
  const nodes: Node[] = [];
  const specs: Record<string, ParamSpec> = { ...graph.params };
  const params = new Map<string, HostTensor>(old.params);
  const map = new Map(identityMap(graph));
  return {
    old,
    shapes: inferShapes(graph),
    values: new Map(),
    turned: new Map(),
    made,
    nodes,
    specs,
    params,
    map,
    add(node) {
      made.set(node.outputs[0], inferNode(node, node.inputs.map((name) => shapeOf(this, name))));
      nodes.push(node);
    },
    fresh: (base) => freshName(taken, base),
    param(source, tensor, origin) {
      const name = readers.get(source)!.length === 1 ? source : freshName(taken, source);
      specs[name] = { ...graph.params[source], shape: tensor.shape };
      params.set(name, tensor);
      if (origin) map.set(name, origin);
      else map.delete(name);
      return name;
    },
  };
}

function shapeOf({ old, values, made, specs }: Draft, name: string): Shape {
  const known = made.get(name) ?? specs[name]?.shape;
  if (known) return known;
  const { shape } = old.graph.inputs.find((input) => input.name === name)!;
  return moved(shape, values.get(name)!.perm);
}

function rewrite(draft: Draft, node: Node): void {
  const { shapes, values } = draft;
  const { axes } = opOf(node);
  const [x] = node.inputs;
  const [y] = node.outputs;
  const place = values.get(x);
  const moves = axes?.kind === "permutes" ? axes.perm(node, shapes.get(x)!) : undefined;
  if (moves) {
    const before = place!.order ? inOldOrder(draft, x) : place!;
    values.set(y, { name: before.name, perm: moves.map((axis) => before.perm[axis]) });
  } else if (axes?.kind === "flattens" && !isIdentity(place!.perm)) {
    draft.add({ ...node, inputs: [place!.name] });
    const order = flatOrder(shapes.get(x)!, place!.perm);
    values.set(y, { name: y, perm: [0, 1], ...!isIdentity(order) && { order } });
  } else if (!follow(draft, node) && !reordersWeight(draft, node)) {
    draft.add({ ...node, inputs: node.inputs.map((name) => values.has(name) ? inOldOrder(draft, name).name : name) });
    values.set(y, { name: y, perm: identity(shapes.get(y)!.length) });
  }
}

/** A layer over a flattened value takes the columns of its weight in the new order; false where that isn't what it is. */
function reordersWeight(draft: Draft, node: Node): boolean {
  const { old, values } = draft;
  const [x, weight, ...bias] = node.inputs;
  const [y] = node.outputs;
  const order = values.get(x)?.order;
  const { inference } = opOf(node);
  const spec = old.graph.params[weight];
  const rows = inference.kind === "layer" && inference.filters === "first" && spec?.shape.length === 2;
  if (!order || !rows || spec.shape[1] !== order.length || node.attrs.taps !== undefined) return false;
  const columns = inverse(order);
  const { data } = old.params.get(weight)!;
  const numbers = Float32Array.from(data, (_, i) => data[i - i % order.length + columns[i % order.length]]);
  const name = draft.param(weight, { shape: spec.shape, data: numbers }, { source: weight, keep: [null, columns] });
  draft.add({ ...node, inputs: [values.get(x)!.name, name, ...bias] });
  values.set(y, { name: y, perm: [0, 1] });
  return true;
}

/** The node in the order in which its inputs stand; false where it can't work in that. */
function follow(draft: Draft, node: Node): boolean {
  const { shapes, values, old } = draft;
  const { axes } = opOf(node);
  const read = node.inputs.filter((name) => values.has(name));
  const lead = read.find((name) => !isIdentity(values.get(name)!.perm) || values.get(name)!.order);
  if (axes?.kind !== "follows" || lead === undefined) return false;
  const { perm, order } = values.get(lead)!;
  if (!read.every((name) => shapes.get(name)!.length === perm.length)) return false;
  // Entries of a flattened value have places of their own: nothing that names an axis can follow them.
  if (order && (axes !== ANY_ORDER || node.inputs.length > 1)) return false;
  const next = axes.reordered(node, shapes.get(lead)!, perm);
  if (!next) return false;
  const reformed = new Map(
    node.inputs.filter((name) => !values.has(name)).map((name) => [name, inNewOrder(old.params.get(name)!, perm)]),
  );
  const operands = node.inputs.map((name) => reformed.get(name)?.shape ?? moved(shapes.get(name)!, perm));
  if (!fits({ ...node, attrs: next.attrs }, operands)) return false;
  const inputs = node.inputs.map((name) =>
    reformed.has(name) ? draft.param(name, reformed.get(name)!) : inOrder(draft, name, perm).name
  );
  draft.add({ ...node, inputs, attrs: next.attrs });
  values.set(node.outputs[0], { name: node.outputs[0], perm: next.perm, ...order && { order } });
  return true;
}

/** Operands that meet in the old order needn't meet in the new one. */
function fits(node: Node, operands: readonly Shape[]): boolean {
  try {
    inferNode(node, operands);
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/** A value with its axes where the old network has them. */
function inOldOrder(draft: Draft, value: string): Place {
  const { values, fresh } = draft;
  const place = values.get(value)!;
  if (place.order) {
    const name = fresh(`${value}.order`);
    draft.add({ name, op: "Gather", inputs: [place.name], outputs: [name], attrs: { axis: 1, indices: place.order } });
    return { name, perm: place.perm };
  }
  return inOrder(draft, value, identity(place.perm.length));
}

/** A value as one whose axis i is axis perm[i] of the old value. */
function inOrder(draft: Draft, value: string, perm: readonly number[]): Place {
  const place = draft.values.get(value)!;
  if (place.perm.join() === perm.join()) return place;
  const key = `${value} ${perm}`;
  const known = draft.turned.get(key);
  if (known !== undefined) return { name: known, perm };
  const name = draft.fresh(`${value}.order`);
  const attrs = { perm: inverse(perm).map((axis) => place.perm[axis]) };
  draft.add({ name, op: "Transpose", inputs: [place.name], outputs: [name], attrs });
  draft.turned.set(key, name);
  return { name, perm };
}

/** Numbers per channel, [C], [C,1,1] or [1,C,1,1], and whatever has all axes, for a value in another order. */
function inNewOrder({ shape, data }: HostTensor, perm: readonly number[]): HostTensor {
  const full = shape.length === perm.length ? shape : perm.map((_, axis) => axis === 1 ? elements(shape) : 1);
  const into = moved(full, perm) as number[];
  const order = flatOrder(full, perm);
  const numbers = new Float32Array(data.length);
  order.forEach((to, from) => numbers[to] = data[from]);
  return { shape: into, data: numbers };
}

/** Entry i of a value in row-major order -> its place when axis i stands as axis perm[i]. The batch counts as 1. */
function flatOrder(shape: Shape, perm: readonly number[]): number[] {
  const sizes = shape.map((size) => size === "N" ? 1 : size);
  const there = moved(sizes, perm) as number[];
  const steps = perm.map((axis) => elements(there.slice(axis + 1)));
  return Array.from({ length: elements(sizes) }, (_, i) => {
    let at = 0;
    for (let axis = sizes.length - 1, rest = i; axis >= 0; axis--) {
      at += rest % sizes[axis] * steps[axis];
      rest = Math.floor(rest / sizes[axis]);
    }
    return at;
  });
}

function moved(shape: Shape, perm: readonly number[]): Shape {
  return inverse(perm).map((axis) => shape[axis]);
}

function inverse(order: readonly number[]): number[] {
  const result = new Array<number>(order.length);
  order.forEach((to, from) => result[to] = from);
  return result;
}

function identity(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis);
}

function isIdentity(perm: readonly number[]): boolean {
  return perm.every((axis, i) => axis === i);
}
