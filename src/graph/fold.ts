/** Rewrites that inference wants: batch norm folded into the layer before it, Dropout and Identity dropped. */

import { identityMap } from "./indexmap.ts";
import { consumers, freshName, takenNames } from "./names.ts";
import { opOf } from "./ops/ops.ts";
import { hasFilterRows, isBatchNorm, isBorderTable } from "./roles.ts";
import type { Graph, HostTensor, Model, Node, Origin, Rewrite } from "./types.ts";

/** Parameters in float64, as folding computes them. */
export type Params64 = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float64Array }>;

/** Both rewrites. Outputs keep their positions, and their names but where an Identity or a folded batch norm made them. */
export function foldForInference(model: Model): Rewrite {
  return foldBatchNorm({ graph: dropIdentities(model.graph), params: model.params });
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
  const exact = new Map(
    foldedParams(model.graph).map((name) => {
      const { shape, data } = model.params.get(name)!;
      return [name, { shape, data: new Float64Array(data) }];
    }),
  );
  const folded = foldBatchNorm64(model.graph, exact, which);
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

/** Parameters that a fold may read: those of batch norms and of what stands before them. The others may be large. */
function foldedParams(graph: Graph): string[] {
  const readers = consumers(graph);
  const folds = (node: Node) => isBatchNorm(node) || isBorderTable(node);
  const nodes = graph.nodes.filter((node) => folds(node) || readers.get(node.outputs[0])?.some(folds));
  return [...new Set(nodes.flatMap((node) => node.inputs.filter((name) => graph.params[name])))];
}

/** The same in float64 throughout; untouched tensors are passed on as they are. */
export function foldBatchNorm64(
  graph: Graph,
  params: Params64,
  which: (norm: Node) => boolean = () => true,
): { readonly graph: Graph; readonly params: Params64 } {
  const specs = { ...graph.params };
  const values = new Map(params);
  const taken = takenNames(graph);
  let nodes = [...graph.nodes];

  for (const norm of graph.nodes) {
    const { inference } = opOf(norm);
    if (inference.kind !== "channel affine" || !which(norm)) continue;
    const current = { ...graph, nodes };
    const chain = foldable(norm, current);
    if (!chain) continue;
    const { scale, centre, shift } = inference.affine(norm, norm.inputs.slice(1).map((name) => params.get(name)!.data));

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
    const scaled = (name: string) => {
      const { shape, data } = values.get(name)!;
      const perFilter = data.length / shape[0];
      return { shape, data: data.map((v, i) => v * scale[Math.floor(i / perFilter)]) };
    };

    const { layer, border } = chain;
    const [x, weight, bias] = layer.inputs;
    const before = bias === undefined ? undefined : values.get(bias)!.data;
    const shifted = scale.map((s, f) => s * ((before?.[f] ?? 0) - centre[f]) + shift[f]);
    const rewritten: Node[] = [{
      ...layer,
      inputs: [
        x,
        put(weight, weight, scaled(weight)),
        put(bias ?? weight.replace(/\.weight$/, "") + ".bias", bias, { shape: [scale.length], data: shifted }),
      ],
      outputs: border ? layer.outputs : norm.outputs,
    }];
    if (border) {
      const table = border.inputs[1];
      rewritten.push({
        ...border,
        inputs: [border.inputs[0], put(table, table, scaled(table))],
        outputs: norm.outputs,
      });
    }
    nodes = nodes.filter((node) => node !== norm).map((node) =>
      rewritten.find(({ name }) => name === node.name) ?? node
    );
  }
  return withoutUnused({ ...graph, nodes, params: specs }, values);
}

/**
 * The graph with the batch norms gone that a fold takes into the layers before them, parameters and all else as they were: for
 * who only asks which values there are.
 */
export function withoutFoldedNorms(graph: Graph): Graph {
  let nodes = graph.nodes;
  for (const norm of graph.nodes) {
    const chain = isBatchNorm(norm) ? foldable(norm, { ...graph, nodes }) : undefined;
    if (!chain) continue;
    const last = chain.border ?? chain.layer;
    nodes = nodes.filter((node) => node !== norm)
      .map((node) => node.name === last.name ? { ...node, outputs: norm.outputs } : node);
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

function foldable(norm: Node, graph: Graph): { readonly layer: Node; readonly border?: Node } | undefined {
  const readers = consumers(graph);
  const maker = (name: string) =>
    readers.get(name)?.length === 1 && !graph.outputs.includes(name)
      ? graph.nodes.find((node) => node.outputs[0] === name)
      : undefined;
  const last = maker(norm.inputs[0]);
  const border = last && isBorderTable(last) ? last : undefined;
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
