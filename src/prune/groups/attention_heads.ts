/**
 * The numbers of attention's heads as features that projections make and read: dimension j of head h of queries and keys meet in
 * a product, and dimension j of the values becomes a feature that the projection behind reads. Whole heads go by the channels of
 * the dependency graph; this is about their dimensions.
 */

import { type HeadFeatures, operandFeatures, outputFeatures, type Surroundings } from "../../graph/head_features.ts";
import { consumers } from "../../graph/names.ts";
import { isAttention, isSum } from "../../graph/roles.ts";
import type { Graph, Node } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import type { Layer } from "../rules/layer_view.ts";
import type { DependencyGraph } from "./dependency_graph.ts";

/** A projection and the bias behind it, whose features are dimensions of heads. */
export interface HeadProjection extends HeadFeatures {
  readonly layer: Layer;
  /** A sum with an entry for each feature, the last one behind the other. */
  readonly bias?: { readonly node: Node; readonly param: string };
}

/** One attention whose dimensions can be told apart. */
export interface AttentionHeads {
  readonly node: Node;
  readonly heads: number;
  readonly q: HeadProjection;
  readonly k: HeadProjection;
  readonly v: HeadProjection;
  /** What reads the heads; undefined where that can't do without single features of them. */
  readonly output?: HeadFeatures & { readonly layer: Layer };
}

/** Attentions, and why others, by their nodes' names, can't lose dimensions. */
export interface FoundHeads {
  readonly found: readonly AttentionHeads[];
  readonly refused: ReadonlyMap<string, string>;
}

const MADE_ELSEWHERE = "its queries, keys and values aren't features of projections one by one";

/** @param graph of which the dependencies are */
export function attentionHeads(graph: Graph, { shapes, layers }: DependencyGraph): FoundHeads {
  const readers = consumers(graph);
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  const around: Surroundings = { shapes, makers, readers };
  const found: AttentionHeads[] = [];
  const refused = new Map<string, string>();
  for (const node of graph.nodes) {
    if (!isAttention(node)) continue;
    const shape = shapes.get(node.outputs[0])!;
    const [q, k, v] = shape.length === 4 ? node.inputs.map((value) => projectionOf(value, graph, around, layers)) : [];
    if (!q || !k || !v) {
      refused.set(node.name, shape.length === 4 ? MADE_ELSEWHERE : "its heads have no axis of their own");
      continue;
    }
    const moving = new Set([node, ...[q, k, v].flatMap(({ between }) => between)]);
    const values = [q, k, v].flatMap(({ value, between }) => [value, ...between.flatMap(({ outputs }) => outputs)]);
    const alone = values.every((value) =>
      !graph.outputs.includes(value) && readers.get(value)!.every((reader) => moving.has(reader))
    );
    if (!alone) {
      refused.set(node.name, "others read its queries, keys or values as well");
      continue;
    }
    const output = outputOf(node.outputs[0], graph, around, layers);
    // Where less of the heads is read than the values fill, a dimension may be one that nobody reads.
    const reads = output !== undefined && output.depth >= v.depth;
    found.push({ node, heads: shape[1] as number, q, k, v, ...reads && { output } });
  }
  return { found, refused };
}

function projectionOf(
  value: string,
  graph: Graph,
  around: Surroundings,
  layers: DependencyGraph["layers"],
): HeadProjection | undefined {
  const { makers, readers, shapes } = around;
  const features = operandFeatures(value, around);
  if (!features) return undefined;
  const width = shapes.get(features.value)!.at(-1) as number;
  const maker = makers.get(features.value);
  const bias = maker && isSum(maker) ? biasOf(maker, graph, width) : undefined;
  const made = bias ? makers.get(bias.of) : maker;
  const layer = made && layers.get(made.name);
  if (!layer || layer.axes.filter !== 1 || layer.size > 1) return undefined;
  const own = [layer.weight, ...bias ? [bias.param] : []];
  const alone = own.every((name) => readers.get(name)!.length === 1);
  if (!alone || (bias && (readers.get(layer.y)!.length > 1 || graph.outputs.includes(layer.y)))) return undefined;
  return { ...features, layer, ...bias && { bias: { node: maker!, param: bias.param } } };
}

/** A parameter with an entry for each feature, and what it is added to. */
function biasOf({ inputs }: Node, { params }: Graph, width: number): { param: string; of: string } | undefined {
  const param = inputs.find((name) => name in params);
  const of = inputs.find((name) => !(name in params));
  if (param === undefined || of === undefined) return undefined;
  const { shape } = params[param];
  return shape.at(-1) === width && elements(shape) === width ? { param, of } : undefined;
}

function outputOf(
  value: string,
  graph: Graph,
  around: Surroundings,
  layers: DependencyGraph["layers"],
): AttentionHeads["output"] {
  const features = outputFeatures(value, around);
  if (!features) return undefined;
  const values = [value, ...features.between.flatMap(({ outputs }) => outputs)];
  if (values.some((name) => graph.outputs.includes(name))) return undefined;
  const readers = around.readers.get(features.value) ?? [];
  const layer = readers.length === 1 ? layers.get(readers[0].name) : undefined;
  const covers = layer && features.features.length === layer.channels;
  if (!layer || !covers || layer.axes.filter !== 1 || layer.size > 1) return undefined;
  return around.readers.get(layer.weight)!.length === 1 ? { ...features, layer } : undefined;
}
