/** What a graph stores and computes. */

import { elements } from "../tensor/tensor.ts";
import { inferShapes } from "./infer.ts";
import { opOf } from "./ops/ops.ts";
import type { Graph, Node, Params } from "./types.ts";

/** What a network or a node costs. */
export interface Cost {
  /** Multiply-adds for one sample (1 MAC = 2 FLOP), in Conv, ColumnConv, Gemm, MatMul and Attention; other operators count 0. */
  readonly macs: number;
  /** Numbers stored, running statistics included. */
  readonly params: number;
  /** 4 for each stored number and 4 for each index that the node carries (taps, gathered channels, border regions). */
  readonly bytes: number;
}

/** What a network costs, node by node. */
export interface GraphCost extends Cost {
  /** By the nodes' names. */
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
    const inputs = node.inputs.map((name) => shapes.get(name) ?? graph.params[name].shape);
    const macs = opOf(node).macs(inputs, shapes.get(node.outputs[0])!);
    const cost = { macs, params, bytes: 4 * (params + indexCount(node)) };
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

function indexCount(node: Node): number {
  return opOf(node).indices.reduce((sum, key) => sum + (node.attrs[key] as readonly number[]).length, 0);
}
