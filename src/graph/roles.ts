/** What kind of node or parameter is it? */

import { opOf, OPS } from "./ops/ops.ts";
import type { Graph, Node, ParamRole } from "./types.ts";

/**
 * The nodes that multiply by a weight and mix channels: convolutions and transposed ones, Gemm, and projections (MatMul by a
 * parameter), in order of execution.
 */
export function layersOf({ nodes, params }: Graph): Node[] {
  return nodes.filter((node) => mixesChannels(node) && node.inputs[1] in params);
}

/** An operator that multiplies what it reads by a weight, its second input. */
export function mixesChannels(node: Pick<Node, "op" | "name">): boolean {
  const [x, weight] = opOf(node).inputs;
  return x.takes === "activation" && weight !== undefined && weight.roles.includes("weight");
}

/**
 * How many outputs a layer has: the rows of its weight [F, …], the columns of a projection's [K, F], or what a transposed
 * convolution's [C, F/group, …] has in all groups.
 */
export function filterCount({ params }: Graph, node: Node): number {
  const { inference } = opOf(node);
  const { shape } = params[node.inputs[1]];
  if (inference.kind !== "layer") return shape[1] * Number(node.attrs.group ?? 1);
  return shape.at(inference.filters === "last" ? -1 : 0)!;
}

/** A layer whose weight's first axis are its filters: any but a projection. */
export function hasFilterRows(node: Pick<Node, "op" | "name">): boolean {
  const { inference } = opOf(node);
  return inference.kind === "layer" && inference.filters === "first";
}

/** A batch norm: it scales and shifts channels, in evaluation by its running statistics. */
export function isBatchNorm(node: Node): boolean {
  return opOf(node).inference.kind === "channel affine";
}

/** A layer norm: it takes mean and variance over the last axis of each sample and position. */
export function isRowNorm(node: Node): boolean {
  return opOf(node).normAxis === -1;
}

/** It adds a table of biases [C, …] to the regions of an image. */
export function isBorderTable(node: Node): boolean {
  return opOf(node).inference.kind === "channel table";
}

/** Queries, keys and values at once, as one operator. */
export function isAttention(node: Node): boolean {
  return opOf(node).inference.kind === "attention";
}

/** It puts zeros around a value. */
export function isPad(node: Node): boolean {
  return opOf(node) === OPS.Pad;
}

/** It weighs what a block has against what its form has (docs/depth.md). */
export function isMix(node: Node): boolean {
  return opOf(node) === OPS.Mix;
}

export function isSum(node: Node): boolean {
  return opOf(node).inference.kind === "sum";
}

/** The shape of the parameter that it multiplies a value by; undefined for all but such products. */
export function factorOf(node: Node, { params }: Graph): readonly number[] | undefined {
  const given = node.inputs.filter((name) => params[name]);
  return opOf(node).inference.kind === "product" && given.length === 1 ? params[given[0]].shape : undefined;
}

/** In inference it only sees its input, as it is or in another shape: the two share their memory. */
export function isView(node: Node): boolean {
  const { kind } = opOf(node).inference;
  return kind === "view" || kind === "identity";
}

/** A running mean or variance: measured, never trained. */
export function isStatistic(role: ParamRole): boolean {
  return role === "mean" || role === "variance";
}
