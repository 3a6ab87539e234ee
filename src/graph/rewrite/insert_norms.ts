/** Batch norms put back where an exporter folded them away, with numbers that leave the network's function as it is. */
import { consumers, freshName, takenNames } from "../names.ts";
import { inferShapes } from "../infer.ts";
import { hasFilterRows } from "../roles.ts";
import type { Graph, HostTensor, Model, Node, ParamRole } from "../types.ts";

/** Of each channel of a value, over samples and positions. */
export interface ChannelMoments {
  /** [C] */
  readonly mean: Float64Array;
  /** [C], at least 0. */
  readonly variance: Float64Array;
}

/** ONNX's and PyTorch's default. */
const EPSILON = 1e-5;

/** Whether nothing in the network scales channels by what they are: no batch, group, layer or instance norm. */
export function hasNoNorms({ params }: Graph): boolean {
  return Object.values(params).every(({ role }) => role !== "gamma");
}

/**
 * The convolutions behind which a batch norm may have stood: with a bias, as folding leaves it, and parameters that no other
 * node reads; whose images are larger than one pixel; whom no norm follows; and whose outputs another layer reads in the end
 * (the last layer makes scores, which nobody normalises).
 */
export function convolutionsWithoutNorm(graph: Graph): Node[] {
  const shapes = inferShapes(graph);
  const readers = consumers(graph);
  const feedsLayer = new Set<string>();
  for (const node of graph.nodes.toReversed()) {
    const next = readers.get(node.outputs[0]) ?? [];
    if (next.some((reader) => hasFilterRows(reader) || feedsLayer.has(reader.name))) feedsLayer.add(node.name);
  }
  const isNorm = ({ inputs }: Node) => inputs.some((name) => graph.params[name]?.role === "gamma");
  return graph.nodes.filter((node) => {
    const shape = shapes.get(node.outputs[0])!;
    const image = hasFilterRows(node) && shape.length === 4 && shape.slice(2).some((size) => size !== 1);
    const [, ...own] = node.inputs;
    const alone = own.length === 2 && own.every((name) => readers.get(name)!.length === 1);
    return image && alone && feedsLayer.has(node.name) && !(readers.get(node.outputs[0]) ?? []).some(isNorm);
  });
}

/** The Euclidean norm of a filter as He et al. initialise it: fan-in numbers of variance 2 / fan-in. */
const FILTER_NORM = Math.SQRT2;

/**
 * Puts a batch norm behind each convolution of `moments`, and divides its weight and bias by one number s, so that its filters
 * have the mean square norm of He et al.'s initialisation. With running mean μ/s and variance σ²/s², γ = s·√(σ²/s² + ε) and
 * β = μ the two compute γ·(x/s − μ/s)/√(σ²/s² + ε) + β = x. In training the norm normalises by the batch, and begins where
 * the network is.
 *
 * The scale s is for training: what a norm follows may have any, but the larger the weights the smaller is the part of
 * them that a step of SGD changes. Folding leaves them small, γ/σ times what they were trained with.
 *
 * @param moments of the outputs of convolutions whose parameters no other node reads, by node name
 * @returns the network, and the names of the new nodes
 */
export function insertNorms(
  { graph, params }: Model,
  moments: ReadonlyMap<string, ChannelMoments>,
): { readonly model: Model; readonly norms: readonly string[] } {
  const taken = takenNames(graph);
  const specs = { ...graph.params };
  const values = new Map<string, HostTensor>(params);
  const norms: string[] = [];
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const found = moments.get(node.name);
    if (!found) return [node];
    const [, ...own] = node.inputs;
    const scale = filterNorm(params.get(own[0])!) / FILTER_NORM || 1;
    for (const param of own) {
      const { shape, data } = params.get(param)!;
      values.set(param, { shape, data: data.map((v) => v / scale) });
    }
    const name = freshName(taken, `${node.name}.norm`);
    norms.push(name);
    const put = (part: string, role: ParamRole, data: Float64Array) => {
      const param = freshName(taken, `${name}.${part}`);
      specs[param] = { shape: [data.length], role };
      values.set(param, { shape: [data.length], data: new Float32Array(data) });
      return param;
    };
    // Rounded as they are stored, so that γ and β fit what the norm will subtract and divide by.
    const mean = found.mean.map((v) => Math.fround(v / scale));
    const variance = found.variance.map((v) => Math.fround(v / scale ** 2));
    const inner = freshName(taken, `${node.outputs[0]}.before_norm`);
    const inputs = [
      inner,
      put("weight", "gamma", variance.map((v) => scale * Math.sqrt(v + EPSILON))),
      put("bias", "beta", mean.map((v) => scale * v)),
      put("running_mean", "mean", mean),
      put("running_var", "variance", variance),
    ];
    return [
      { ...node, outputs: [inner] },
      { name, op: "BatchNormalization", inputs, outputs: node.outputs, attrs: { epsilon: EPSILON } },
    ];
  });
  return { model: { graph: { ...graph, nodes, params: specs }, params: values }, norms };
}

/** √ of the mean over filters of the sum of a filter's squares. */
function filterNorm({ shape, data }: HostTensor): number {
  return Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / shape[0]);
}
