/** Writes the network that a layout describes: nodes, parameters cut to the kept channels, and where they came from. */

import { gatherAttrs, groupNormAttrs, padAttrs, sliceAttrs } from "../../graph/attrs.ts";
import { broadcastOf } from "../../graph/broadcast.ts";
import { freshName, takenNames } from "../../graph/names.ts";
import type { Attrs, HostTensor, IndexMapEntry, Node, ParamSpec, Rewrite, Shape } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { tensor, type WeighedGraph } from "../groups/dependency_graph.ts";
import { parameterAxis } from "../groups/axes.ts";
import type { Layout } from "./layout.ts";
import { type Constants, operandOf } from "./constant_propagation.ts";
import { allOr, type Emission, emitShift, inPrecisionOf, range } from "./emission.ts";
import { emitLayer } from "./emit_layers.ts";

/** @returns the rewrite; a graph in which nothing went comes back as it was */
export function emit(dependencies: WeighedGraph, known: Constants, layout: Layout, columns: boolean): Rewrite {
  const { model, graph, channels } = dependencies;
  const taken = takenNames(graph);
  const nodes: Node[] = [];
  const specs: Record<string, ParamSpec> = {};
  const params = new Map<string, HostTensor>();
  const map = new Map<string, IndexMapEntry>();
  const aliases = new Map<string, string>();
  const keptOf = new Map<string, readonly number[]>();
  for (const value of channels.values) {
    const base = channels.base(value);
    keptOf.set(value, range(channels.width(value)).filter((j) => layout.kept[base + j]));
  }
  const emission: Emission = {
    dependencies,
    known,
    columns,
    kept: (value) => keptOf.get(value)!,
    resolve: (value) => aliases.get(value) ?? value,
    node: (node) => nodes.push({ ...node, inputs: node.inputs.map((name) => aliases.get(name) ?? name) }),
    alias(made, value) {
      if (graph.outputs.includes(made)) {
        this.node({
          name: freshName(taken, `${made}.identity`),
          op: "Identity",
          inputs: [value],
          outputs: [made],
          attrs: {},
        });
      } else aliases.set(made, aliases.get(value) ?? value);
    },
    param(name, spec, data, origin) {
      const init = graph.params[name]?.init;
      specs[name] = { shape: spec.shape, role: spec.role, ...(init && { init }) };
      params.set(name, inPrecisionOf(model.params, spec.shape, data));
      if (origin) map.set(name, origin);
      return name;
    },
    cut(name, keep, axis = 0) {
      const { shape, data } = tensor(model, name);
      const kept = shape.map((size, i) => i === axis && keep ? allOr(keep, size) : null);
      const entries = keep ?? range(shape[axis]);
      const inner = elements(shape.slice(axis + 1));
      const outer = elements(shape.slice(0, axis));
      const out = new (data.constructor as typeof Float32Array)(outer * entries.length * inner);
      for (let o = 0; o < outer; o++) {
        entries.forEach((j, i) => {
          const from = (o * shape[axis] + j) * inner;
          out.set(data.subarray(from, from + inner), (o * entries.length + i) * inner);
        });
      }
      const spec = { ...graph.params[name], shape: shape.map((size, i) => i === axis ? entries.length : size) };
      return this.param(name, spec, out, { source: name, keep: kept });
    },
    fresh: (base) => freshName(taken, base),
    owed: new Map(),
  };
  for (const node of graph.nodes) if (emission.kept(node.outputs[0]).length > 0) emitNode(emission, node);

  const alive = reachable(nodes, graph.outputs);
  const used = new Set(alive.flatMap((node) => node.inputs));
  return {
    model: {
      graph: {
        ...graph,
        nodes: alive,
        params: Object.fromEntries(Object.entries(specs).filter(([name]) => used.has(name))),
      },
      params: new Map([...params].filter(([name]) => used.has(name))),
    },
    map: new Map([...map].filter(([name]) => used.has(name))),
  };
}

function emitNode(e: Emission, node: Node): void {
  const { dependencies } = e;
  const { shapes, graph, channels } = dependencies;
  const layer = dependencies.layers.get(node.name);
  if (layer) return emitLayer(e, layer);
  const [x] = node.inputs;
  const y = node.outputs[0];
  const kept = e.kept(y);
  const axis = channels.axis(y);
  /** The node with its parameters cut to the channels that it still makes. */
  const cut = (attrs: Attrs = node.attrs) =>
    e.node({
      ...node,
      attrs,
      inputs: node.inputs.map((name) => {
        if (!graph.params[name]) return name;
        const along = dependencies.whole.has(node.name) ? null : parameterAxis(node, name, graph, shapes, axis);
        return along === null ? e.cut(name, null) : e.cut(name, kept, along);
      }),
    });
  if (dependencies.whole.has(node.name)) return cut();
  switch (node.op) {
    case "GroupNormalization": {
      const size = channels.width(y) / groupNormAttrs(node).groups;
      return cut({ ...node.attrs, num_groups: kept.length / size });
    }
    case "Add":
      return node.inputs.some((name) => e.owed.has(name)) ? emitBias(e, node) : emitSum(e, node, cut);
    case "Concat":
      return axis === 1 ? emitConcat(e, node) : cut();
    case "Slice":
      return emitSlice(e, node);
    case "Pad": {
      const rank = shapes.get(x)!.length;
      const { begins, ends } = padAttrs(node, rank);
      const front = kept.filter((j) => j < begins[axis]).length;
      const back = kept.filter((j) => j >= begins[axis] + channels.width(x)).length;
      const sides = [begins, ends].map((side, i) => side.map((p, along) => along === axis ? [front, back][i] : p))
        .flat();
      return sides.every((p) => p === 0) ? e.alias(y, x) : e.node({ ...node, attrs: { ...node.attrs, pads: sides } });
    }
    case "Gather": {
      if (axis !== 1) return cut();
      const all = gatherAttrs(node).indices;
      return emitGather(e, node, x, e.kept(x), kept.map((i) => all[i]));
    }
    case "Reshape": {
      const shape = shapes.get(y)!;
      const wanted = [0, ...shape.slice(1).map((d, i) => i + 1 === axis ? kept.length : d as number)];
      return e.node({ ...node, attrs: { ...node.attrs, shape: wanted } });
    }
    default:
      return cut();
  }
}

/** A sum with a bias, which takes over what the product before it owes. */
function emitBias(e: Emission, node: Node): void {
  const { graph, channels } = e.dependencies;
  const y = node.outputs[0];
  const kept = e.kept(y);
  const axis = channels.axis(y);
  const inputs = node.inputs.map((name) => {
    if (!graph.params[name]) return name;
    const owed = e.owed.get(node.inputs.find((other) => other !== name)!)!;
    const numbers = Float64Array.from(kept, (j, i) => operandOf(e.dependencies, node, name, j)! + owed[i]);
    const along = parameterAxis(node, name, graph, e.dependencies.shapes, axis);
    const { shape } = graph.params[name];
    const keep = shape.map((size, i) => i === along ? allOr(kept, size) : null);
    const spec = { ...graph.params[name], shape: shape.map((size, i) => i === along ? kept.length : size) };
    return e.param(name, spec, numbers, { source: name, keep });
  });
  e.node({ ...node, inputs });
}

/** A sum with an operand that is constant throughout is the other operand, plus a bias per channel where it isn't 0. */
function emitSum(e: Emission, node: Node, cut: () => void): void {
  const { graph, shapes } = e.dependencies;
  const [a, b] = node.inputs.map((name) => shapes.get(name) ?? graph.params[name].shape);
  const { kind, wide } = broadcastOf(node, a, b);
  for (const operand of [0, 1]) {
    const other = 1 - operand;
    if (graph.params[node.inputs[operand]] || graph.params[node.inputs[other]]) continue;
    if (kind !== "same" && other !== wide) continue;
    if (emitConstantSum(e, node, node.inputs[operand], node.inputs[other])) return;
  }
  cut();
}

function emitConstantSum(e: Emission, node: Node, operand: string, other: string): boolean {
  const { channels, shapes } = e.dependencies;
  const y = node.outputs[0];
  const values = e.kept(y).map((_, j) => {
    const kept = e.kept(operand);
    return e.known.valueOf(channels.base(operand) + (channels.width(operand) === 1 ? 0 : kept[j]));
  });
  if (values.includes(undefined)) return false;
  if (values.every((v) => v === 0)) e.alias(y, other);
  else emitShift(e, node.name, other, y, Float64Array.from(values as number[]), shapes.get(y)!, channels.axis(y));
  return true;
}

/** Along the channels: of each operand what stays, and nothing of those of which nothing does. */
function emitConcat(e: Emission, node: Node): void {
  const { graph, channels } = e.dependencies;
  const y = node.outputs[0];
  let offset = 0;
  const inputs = node.inputs.flatMap((name) => {
    const width = graph.params[name]?.shape[1] ?? channels.width(name);
    const kept = e.kept(y).map((j) => j - offset).filter((j) => j >= 0 && j < width);
    offset += width;
    return kept.length === 0 ? [] : [graph.params[name] ? e.cut(name, kept, 1) : name];
  });
  if (inputs.length === 1 && channels.has(inputs[0])) e.alias(y, inputs[0]);
  else e.node({ ...node, inputs });
}

/** Kept channels of a slice that don't stand evenly any more are gathered after it. */
function emitSlice(e: Emission, node: Node): void {
  const [x] = node.inputs;
  const y = node.outputs[0];
  const shape: Shape = e.dependencies.shapes.get(x)!;
  const ranges = sliceAttrs(node, shape);
  const channelAxis = e.dependencies.channels.axis(y);
  const channels = ranges[channelAxis];
  const source = e.kept(x);
  const wanted = e.kept(y).map((j) => channels ? channels.start + channels.step * j : j);
  const at = wanted.map((j) => source.indexOf(j));
  const others = ranges.flatMap((r, axis) => r && axis !== channelAxis ? [{ axis, ...r }] : []);
  const step = at.length > 1 ? at[1] - at[0] : 1;
  const even = at.every((p, i) => p === at[0] + step * i);
  const whole = at.length === source.length;
  const slices = even && !whole ? [{ axis: channelAxis, start: at[0], step, count: at.length }, ...others] : others;
  const attrs: Attrs = {
    axes: slices.map(({ axis }) => axis),
    starts: slices.map(({ start }) => start),
    ends: slices.map(({ start, step, count }) => start + step * (count - 1) + 1),
    steps: slices.map(({ step }) => step),
  };
  if (even || whole) return slices.length === 0 ? e.alias(y, x) : e.node({ ...node, attrs });
  if (slices.length === 0) return emitGather(e, node, x, source, wanted);
  const inner = e.fresh(`${y}.sliced`);
  e.node({ ...node, outputs: [inner], attrs });
  emitGather(e, { ...node, name: e.fresh(`${node.name}.gather`) }, inner, source, wanted);
}

function emitGather(e: Emission, node: Node, x: string, source: readonly number[], wanted: readonly number[]): void {
  const indices = wanted.map((j) => source.indexOf(j));
  if (indices.length === source.length && indices.every((p, i) => p === i)) return e.alias(node.outputs[0], x);
  e.node({ ...node, op: "Gather", inputs: [x], attrs: { axis: 1, indices } });
}

/** The nodes that the outputs need, in order. */
function reachable(nodes: readonly Node[], outputs: readonly string[]): Node[] {
  const needed = new Set(outputs);
  return [...nodes].reverse().filter((node) => {
    if (!needed.has(node.outputs[0])) return false;
    node.inputs.forEach((name) => needed.add(name));
    return true;
  }).reverse();
}
