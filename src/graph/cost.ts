/** What a graph stores and computes. */

import { elements } from "../tensor/tensor.ts";
import { inferShapes, sampleSize } from "./infer.ts";
import { isLayer } from "./roles.ts";
import type { Graph, Node, Params, Shape } from "./types.ts";

export interface Cost {
  /** Multiply-adds for one sample (1 MAC = 2 FLOP), in Conv, ColumnConv, Gemm, MatMul and Attention; other operators count 0. */
  readonly macs: number;
  /** Numbers stored, running statistics included. */
  readonly params: number;
  /** 4 for each stored number and 4 for each index that the node carries (taps, gathered channels, border regions). */
  readonly bytes: number;
}

export interface GraphCost extends Cost {
  readonly nodes: ReadonlyMap<string, Cost>;
}

/** The cost of each node, by name, and their sum. A parameter that several nodes share counts with the first. */
export function graphCost(graph: Graph): GraphCost {
  const shapes = inferShapes(graph);
  const counted = new Set<string>();
  const nodes = new Map<string, Cost>();
  const total = { macs: 0, params: 0, bytes: 0 };
  for (const node of graph.nodes) {
    const own = node.inputs.filter((name) => graph.params[name] && !counted.has(name));
    const params = [...new Set(own)].reduce((sum, name) => sum + elements(graph.params[name].shape), 0);
    own.forEach((name) => counted.add(name));
    const cost = { macs: macs(node, graph, shapes), params, bytes: 4 * (params + indexCount(node)) };
    nodes.set(node.name, cost);
    total.macs += cost.macs;
    total.params += cost.params;
    total.bytes += cost.bytes;
  }
  return { ...total, nodes };
}

/** Stored numbers that aren't 0. */
export function countNonzero(params: Params): number {
  let count = 0;
  for (const { data } of params.values()) {
    for (let i = 0; i < data.length; i++) if (data[i] !== 0) count++;
  }
  return count;
}

function macs(node: Node, graph: Graph, shapes: Map<string, Shape>): number {
  const last = (name: string) => (shapes.get(name) ?? graph.params[name].shape).slice(-2) as readonly number[];
  if (node.op === "MatMul") return sampleSize(shapes.get(node.outputs[0])!) * last(node.inputs[0])[1];
  // Two products: with the keys, and with the values.
  if (node.op === "Attention") return 2 * sampleSize(shapes.get(node.outputs[0])!) * last(node.inputs[1])[0];
  if (!isLayer(node)) return 0;
  const [, ...perFilter] = graph.params[node.inputs[1]].shape;
  return sampleSize(shapes.get(node.outputs[0])!) * elements(perFilter);
}

function indexCount({ op, attrs }: Node): number {
  const length = (key: string) => (attrs[key] as readonly number[]).length;
  switch (op) {
    case "ColumnConv":
      return length("taps");
    case "Gather":
      return length("indices");
    case "BorderBias":
      return length("rows") + length("cols");
    default:
      return 0;
  }
}
