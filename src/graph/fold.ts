/** Rewrites that inference wants: batch norms and factors folded into the layer before them, Dropout and Identity dropped. */

import { layerOf } from "./fuse.ts";
import { identityMap } from "./indexmap.ts";
import { inferShapes } from "./infer.ts";
import { consumers, freshName, takenNames } from "./names.ts";
import { opOf } from "./ops/ops.ts";
import type { Affine } from "./ops/op.ts";
import { factorOf, hasFilterRows, isBatchNorm, isBorderTable, isSum } from "./roles.ts";
import { isPerChannel, isPerColumn } from "./shapes.ts";
import type { Graph, HostTensor, Model, Node, Origin, Rewrite, Shape } from "./types.ts";

/** Parameters in float64, as folding computes them. */
export type Params64 = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float64Array }>;

/**
 * Both rewrites. Outputs keep their positions, and their names but where an Identity or what was folded made them. A factor per
 * channel (LayerScale) goes into the layer before it as a batch norm does.
 */
export function foldForInference(model: Model): Rewrite {
  return foldInto({ graph: dropIdentities(model.graph), params: model.params }, () => true);
}

/**
 * Folds each evaluation-mode batch norm into the Conv, Gemm or ColumnConv before it (or before the BorderBias before
 * it) where nobody else reads what is between them: with s = γ/√(σ² + ε), weight′ = s·weight, bias′ = s·(bias − μ) + β,
 * table′ = s·table. Computed in float64 and rounded once.
 *
 * Folded parameters are made by the rewrite, so they aren't in the index map.
 *
 * @param which the batch norms that may go; default: all
 */
export function foldBatchNorm(model: Model, which: (norm: Node) => boolean = () => true): Rewrite {
  return foldInto(model, (node) => isBatchNorm(node) && which(node));
}

function foldInto(model: Model, which: (node: Node) => boolean): Rewrite {
  const exact = new Map(
    foldedParams(model.graph).map((name) => {
      const { shape, data } = model.params.get(name)!;
      return [name, { shape, data: new Float64Array(data) }];
    }),
  );
  const folded = foldInto64(model.graph, exact, which);
  const params = new Map<string, HostTensor>();
  const map = new Map<string, Origin>();
  const identity = identityMap(model.graph);
  for (const name of Object.keys(folded.graph.params)) {
    const made = folded.params.get(name);
    const untouched = made === exact.get(name);
    params.set(name, untouched ? model.params.get(name)! : { shape: made!.shape, data: new Float32Array(made!.data) });
    if (untouched) map.set(name, identity.get(name)!);
  }
  return { model: { graph: folded.graph, params }, map };
}

/** The network with the batch norms of these names folded; itself where there are none. */
export function withoutNorms(model: Model, names: readonly string[] = []): Model {
  return names.length === 0 ? model : foldBatchNorm(model, ({ name }) => names.includes(name)).model;
}

/** Parameters that a fold may read: those of what folds and of what stands before it. The others may be large. */
function foldedParams(graph: Graph): string[] {
  const readers = consumers(graph);
  const folds = (node: Node) => isBatchNorm(node) || isBorderTable(node) || isSum(node) || factorOf(node, graph);
  const nodes = graph.nodes.filter((node) => folds(node) || readers.get(node.outputs[0])?.some(folds));
  return [...new Set(nodes.flatMap((node) => node.inputs.filter((name) => graph.params[name])))];
}

/** The same in float64 throughout; untouched tensors are passed on as they are. */
export function foldBatchNorm64(
  graph: Graph,
  params: Params64,
  which: (norm: Node) => boolean = () => true,
): { readonly graph: Graph; readonly params: Params64 } {
  return foldInto64(graph, params, (node) => isBatchNorm(node) && which(node));
}

function foldInto64(
  graph: Graph,
  params: Params64,
  which: (node: Node) => boolean,
): { readonly graph: Graph; readonly params: Params64 } {
  const specs = { ...graph.params };
  const values = new Map(params);
  const taken = takenNames(graph);
  const shapes = inferShapes(graph);
  let nodes = [...graph.nodes];

  for (const node of graph.nodes) {
    if (!which(node)) continue;
    const current = { ...graph, nodes };
    const place = foldable(node, current, shapes);
    if (!place) continue;
    const { scale, centre, shift } = affineOf(node, graph, params);

    const put = (
      base: string,
      replaced: string | undefined,
      tensor: { shape: readonly number[]; data: Float64Array },
    ) => {
      // A shared parameter keeps its value for its other readers: the fold writes to a new one.
      const shared = replaced === undefined || consumers(current).get(replaced)!.length > 1;
      const name = shared ? freshName(taken, base) : replaced;
      values.set(name, tensor);
      const role = replaced === undefined ? "bias" : specs[replaced].role;
      specs[name] = { shape: tensor.shape, role };
      return name;
    };
    /** By filters, which are the first axis, or by columns. */
    const scaled = (name: string, axis: "first" | "last") => {
      const { shape, data } = values.get(name)!;
      const perFilter = axis === "first" ? data.length / scale.length : 1;
      return { shape, data: data.map((v, i) => v * scale[Math.floor(i / perFilter) % scale.length]) };
    };

    const { layer, border, columns } = place;
    const [x, weight, bias] = layer.inputs;
    const rewritten: Node[] = [];
    if (columns) {
      const product = { ...layer, inputs: [x, put(weight, weight, scaled(weight, "last"))] };
      if (columns === "alone") rewritten.push({ ...product, outputs: node.outputs });
      else {
        const given = columns.inputs.map((name) => specs[name] ? put(name, name, scaled(name, "last")) : name);
        rewritten.push(product, { ...columns, inputs: given, outputs: node.outputs });
      }
    } else {
      const before = bias === undefined ? undefined : values.get(bias)!.data;
      const shifted = scale.map((s, f) => s * ((before?.[f] ?? 0) - centre[f]) + shift[f]);
      const inputs = [x, put(weight, weight, scaled(weight, "first"))];
      if (bias !== undefined || isBatchNorm(node)) {
        const base = bias ?? weight.replace(/\.weight$/, "") + ".bias";
        inputs.push(put(base, bias, { shape: [scale.length], data: shifted }));
      }
      rewritten.push({ ...layer, inputs, outputs: border ? layer.outputs : node.outputs });
      if (border) {
        const table = border.inputs[1];
        rewritten.push({
          ...border,
          inputs: [border.inputs[0], put(table, table, scaled(table, "first"))],
          outputs: node.outputs,
        });
      }
    }
    nodes = nodes.filter((other) => other !== node).map((other) =>
      rewritten.find(({ name }) => name === other.name) ?? other
    );
  }
  return withoutUnused({ ...graph, nodes, params: specs }, values);
}

/** y = scale · (x − centre) + shift, per channel. */
function affineOf(node: Node, graph: Graph, params: Params64): Affine {
  const { inference } = opOf(node);
  if (inference.kind === "channel affine") {
    return inference.affine(node, node.inputs.slice(1).map((name) => params.get(name)!.data));
  }
  const scale = params.get(node.inputs.find((name) => graph.params[name])!)!.data;
  const zeros = new Float64Array(scale.length);
  return { scale, centre: zeros, shift: zeros };
}

/**
 * The graph with the batch norms and factors gone that `foldForInference` takes into the layers before them, parameters and all
 * else as they were: for who only asks which values there are.
 */
export function withoutFolded(graph: Graph): Graph {
  const shapes = inferShapes(graph);
  let nodes = graph.nodes;
  for (const node of graph.nodes) {
    const place = foldable(node, { ...graph, nodes }, shapes);
    if (!place) continue;
    const { layer, border, columns } = place;
    const last = border ?? (columns === "alone" ? undefined : columns) ?? layer;
    nodes = nodes.filter((other) => other !== node)
      .map((other) => other.name === last.name ? { ...other, outputs: node.outputs } : other);
  }
  return { ...graph, nodes };
}

/** Graph without Dropout and Identity; one stays where it makes an output straight from an input or another output. */
export function dropIdentities(graph: Graph): Graph {
  const alias = new Map<string, string>();
  const resolve = (name: string) => alias.get(name) ?? name;
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const outputs = new Set(graph.outputs);
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const rewired = { ...node, inputs: node.inputs.map(resolve) };
    const [source] = rewired.inputs;
    const idle = opOf(node).inference.kind === "identity";
    if (!idle || (outputs.has(node.outputs[0]) && (inputs.has(source) || outputs.has(source)))) {
      nodes.push(rewired);
      continue;
    }
    alias.set(node.outputs[0], source);
    if (outputs.has(node.outputs[0])) outputs.add(source);
  }
  return { ...graph, nodes, outputs: graph.outputs.map(resolve) };
}

/** Where a node's factors go. */
interface FoldPlace {
  readonly layer: Node;
  /** A table of biases between the two. */
  readonly border?: Node;
  /** Of a product by [K,F], whose columns are scaled: the sum with its bias, or "alone". */
  readonly columns?: Node | "alone";
}

function foldable(node: Node, graph: Graph, shapes: ReadonlyMap<string, Shape>): FoldPlace | undefined {
  const factor = factorOf(node, graph);
  if (!isBatchNorm(node) && !factor) return undefined;
  const readers = consumers(graph);
  const maker = (name: string) =>
    readers.get(name)?.length === 1 && !graph.outputs.includes(name)
      ? graph.nodes.find((other) => other.outputs[0] === name)
      : undefined;
  const x = node.inputs.find((name) => !graph.params[name])!;
  const last = maker(x);
  if (!last) return undefined;
  if (factor && isPerColumn(factor, shapes.get(x)!)) {
    const sum = isSum(last) ? last.inputs.find((name) => graph.params[name]) : undefined;
    const biased = sum !== undefined && isPerColumn(graph.params[sum].shape, shapes.get(x)!);
    const layer = biased ? maker(last.inputs.find((name) => name !== sum)!) : last;
    if (layer && layerOf(graph, layer)?.filters === "last") return { layer, columns: biased ? last : "alone" };
  }
  if (factor && !isPerChannel(factor, shapes.get(x)!)) return undefined;
  const border = isBorderTable(last) ? last : undefined;
  const layer = border ? maker(border.inputs[0]) : last;
  return layer && hasFilterRows(layer) ? { layer, border } : undefined;
}

/** Leaves only the parameters that some node reads. */
function withoutUnused(graph: Graph, values: Params64): { readonly graph: Graph; readonly params: Params64 } {
  const read = new Set(graph.nodes.flatMap((node) => node.inputs));
  return {
    graph: { ...graph, params: Object.fromEntries(Object.entries(graph.params).filter(([name]) => read.has(name))) },
    params: new Map(Array.from(values).filter(([name]) => read.has(name))),
  };
}
