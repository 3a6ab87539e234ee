/** Writes the network that a layout describes: nodes, parameters cut to the kept channels, and where they came from. */

import { gatherAttrs, padAttrs, sliceAttrs } from "../graph/attrs.ts";
import { broadcastOf } from "../graph/infer.ts";
import { isOpaque } from "../graph/roles.ts";
import { freshName, takenNames } from "../graph/names.ts";
import type { Attrs, HostTensor, IndexMapEntry, Node, ParamRole, ParamSpec, Rewrite, Shape } from "../graph/types.ts";
import { tensor, type WeighedAnatomy } from "./anatomy.ts";
import type { Layout } from "./layout.ts";
import type { Constants } from "./constants.ts";
import { allOr, type Emission, range } from "./emission.ts";
import { emitLinear } from "./emit-linear.ts";

/** @returns the rewrite; a graph in which nothing went comes back as it was */
export function emit(anatomy: WeighedAnatomy, known: Constants, layout: Layout, columns: boolean): Rewrite {
  const { model, graph, atoms } = anatomy;
  const taken = takenNames(graph);
  const nodes: Node[] = [];
  const specs: Record<string, ParamSpec> = {};
  const params = new Map<string, HostTensor>();
  const map = new Map<string, IndexMapEntry>();
  const aliases = new Map<string, string>();
  const keptOf = new Map<string, readonly number[]>();
  for (const value of atoms.values) {
    const base = atoms.base(value);
    keptOf.set(value, range(atoms.width(value)).filter((j) => layout.kept[base + j]));
  }
  const emission: Emission = {
    anatomy,
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
      specs[name] = { shape: spec.shape, role: spec.role };
      params.set(name, { shape: spec.shape, data: store(model.params, data) });
      if (origin) map.set(name, origin);
      return name;
    },
    cut(name, keep) {
      const { shape, data } = tensor(model, name);
      const inner = data.length / shape[0];
      const out = new Float64Array(keep.length * inner);
      keep.forEach((j, i) => out.set(data.subarray(j * inner, (j + 1) * inner), i * inner));
      const origin = { source: name, keep: [allOr(keep, shape[0]), ...shape.slice(1).map(() => null)] };
      return this.param(name, { ...graph.params[name], shape: [keep.length, ...shape.slice(1)] }, out, origin);
    },
    fresh: (base) => freshName(taken, base),
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
  const { anatomy } = e;
  const { shapes, graph } = anatomy;
  const linear = anatomy.linears.get(node.name);
  if (linear) return emitLinear(e, linear);
  if (isOpaque(node)) return emitWhole(e, node);
  const [x] = node.inputs;
  const y = node.outputs[0];
  const kept = e.kept(y);
  switch (node.op) {
    case "BatchNormalization":
    case "BorderBias":
      return e.node({ ...node, inputs: [x, ...node.inputs.slice(1).map((name) => e.cut(name, kept))] });
    case "Add":
    case "Mul":
      return emitOperands(e, node);
    case "Concat": {
      const inputs = node.inputs.filter((name) => e.kept(name).length > 0);
      return inputs.length === 1 ? e.alias(y, inputs[0]) : e.node({ ...node, inputs });
    }
    case "Slice":
      return emitSlice(e, node);
    case "Pad": {
      const rank = shapes.get(x)!.length;
      const { begins, ends } = padAttrs(node, rank);
      const front = kept.filter((j) => j < begins[1]).length;
      const back = kept.filter((j) => j >= begins[1] + (shapes.get(x)![1] as number)).length;
      const sides = [begins, ends].map((side, i) => side.map((p, axis) => axis === 1 ? [front, back][i] : p)).flat();
      return sides.every((p) => p === 0) ? e.alias(y, x) : e.node({ ...node, attrs: { ...node.attrs, pads: sides } });
    }
    case "Gather": {
      const all = gatherAttrs(node).indices;
      return emitGather(e, node, x, e.kept(x), kept.map((i) => all[i]));
    }
    case "Reshape": {
      const shape = shapes.get(y)!;
      const wanted = [0, ...shape.slice(1).map((d, i) => i === 0 ? kept.length : d as number)];
      return e.node({ ...node, attrs: { ...node.attrs, shape: wanted } });
    }
    default:
      return e.node({ ...node, inputs: node.inputs.map((name) => graph.params[name] ? e.cut(name, kept) : name) });
  }
}

/** All channels are kept, and so are the parameters, whichever axis they go along. */
function emitWhole(e: Emission, node: Node): void {
  const { params } = e.anatomy.graph;
  const inputs = node.inputs.map((name) => params[name] ? e.cut(name, range(params[name].shape[0])) : name);
  e.node({ ...node, inputs });
}

/**
 * A sum with an operand that is constant throughout is the other operand, plus a bias per channel where the constants
 * aren't 0. Otherwise the operands keep the same channels; a parameter is cut along its channel axis.
 */
function emitOperands(e: Emission, node: Node): void {
  const { graph, shapes } = e.anatomy;
  const y = node.outputs[0];
  const kept = e.kept(y);
  const [a, b] = node.inputs.map((name) => shapes.get(name) ?? graph.params[name].shape);
  const { kind, wide } = broadcastOf(node, a, b);
  for (const operand of node.op === "Add" ? [0, 1] : []) {
    const other = 1 - operand;
    if (graph.params[node.inputs[operand]] || graph.params[node.inputs[other]]) continue;
    if (kind !== "same" && other !== wide) continue;
    if (emitConstantSum(e, node, node.inputs[operand], node.inputs[other])) return;
  }
  e.node({ ...node, inputs: node.inputs.map((name) => graph.params[name] ? cutOperand(e, name, kept) : name) });
}

function emitConstantSum(e: Emission, node: Node, operand: string, other: string): boolean {
  const { atoms, shapes } = e.anatomy;
  const y = node.outputs[0];
  const values = e.kept(operand).map((j) => e.known.valueOf(atoms.base(operand) + j));
  if (values.includes(undefined)) return false;
  if (values.every((v) => v === 0)) {
    e.alias(y, other);
    return true;
  }
  const shape = shapes.get(y)! as readonly number[];
  if (shape.length !== 4) return false;
  const spec = { shape: [values.length, 1, 1], role: "table" as ParamRole };
  const table = e.param(e.fresh(`${node.name}.table`), spec, Float64Array.from(values as number[]));
  const attrs = { rows: range(shape[2]).map(() => 0), cols: range(shape[3]).map(() => 0) };
  e.node({ ...node, op: "BorderBias", inputs: [other, table], attrs });
  return true;
}

/** [C], [C,1,1] or [1,C,1,1]. */
function cutOperand(e: Emission, name: string, keep: readonly number[]): string {
  const { shape, data } = tensor(e.anatomy.model, name);
  if (shape.length !== 4) return e.cut(name, keep);
  const spec = { ...e.anatomy.graph.params[name], shape: [1, keep.length, 1, 1] };
  const origin = { source: name, keep: [null, allOr(keep, shape[1]), null, null] };
  return e.param(name, spec, Float64Array.from(keep, (j) => data[j]), origin);
}

/** Kept channels of a slice that don't stand evenly any more are gathered after it. */
function emitSlice(e: Emission, node: Node): void {
  const [x] = node.inputs;
  const y = node.outputs[0];
  const shape: Shape = e.anatomy.shapes.get(x)!;
  const ranges = sliceAttrs(node, shape);
  const channels = ranges[1];
  const source = e.kept(x);
  const wanted = e.kept(y).map((j) => channels ? channels.start + channels.step * j : j);
  const at = wanted.map((j) => source.indexOf(j));
  const others = ranges.flatMap((r, axis) => r && axis !== 1 ? [{ axis, ...r }] : []);
  const step = at.length > 1 ? at[1] - at[0] : 1;
  const even = at.every((p, i) => p === at[0] + step * i);
  const whole = at.length === source.length;
  const slices = even && !whole ? [{ axis: 1, start: at[0], step, count: at.length }, ...others] : others;
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

/** Rounds once, to the precision of the model (tests widen theirs to float64). */
function store(params: ReadonlyMap<string, HostTensor>, data: Float64Array): HostTensor["data"] {
  const [first] = params.values();
  if (first.data as unknown instanceof Float64Array) return data as unknown as HostTensor["data"];
  return Float32Array.from(data);
}
