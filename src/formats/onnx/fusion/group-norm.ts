/**
 * Group normalisation as PyTorch exports it, as one GroupNormalization of the channels: groups as channels of an
 * instance norm ([N,C,…] -> [N,G,L], normed, -> [N,C,…]), then γ and β per channel.
 */
import { groupNormAttrs } from "../../../graph/attrs.ts";
import { inferShapes } from "../../../graph/infer.ts";
import { consumers } from "../../../graph/names.ts";
import type { HostTensor, Model, Node, ParamSpec } from "../../../graph/types.ts";

/** The model with a GroupNormalization in place of each last sum; what only it needed is left over. */
export function fuseGroupNorm(model: Model): Model {
  const { graph } = model;
  if (!graph.nodes.some(({ op }) => op === "GroupNormalization")) return model;
  const shapes = inferShapes(graph);
  const readers = consumers(graph);
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  const specs: Record<string, ParamSpec> = { ...graph.params };
  const params = new Map(model.params);
  /** The maker of a value that nobody else reads. */
  const own = (value: string, op: Node["op"]) => {
    const node = makers.get(value);
    return node?.op === op && readers.get(value)?.length === 1 && !graph.outputs.includes(value) ? node : undefined;
  };
  const uniform = (name: string, value: number) => model.params.get(name)?.data.every((v) => v === value);
  /** The operands of a sum or product with one number per channel. */
  const perChannel = (node: Node | undefined, channels: number) => {
    const at = node?.inputs.findIndex((name) => params.has(name)) ?? -1;
    if (!node || at < 0) return undefined;
    const parameter = node.inputs[at];
    const { shape, data } = params.get(parameter)!;
    const form = [channels, ...shapes.get(node.inputs[1 - at])!.slice(2).map(() => 1)].join();
    const fits = data.length === channels && [`${channels}`, form, `1,${form}`].includes(shape.join()) &&
      readers.get(parameter)?.length === 1;
    return fits ? { value: node.inputs[1 - at], parameter } : undefined;
  };
  const flat = (parameter: string, role: ParamSpec["role"]) => {
    const { data } = params.get(parameter)!;
    const tensor: HostTensor = { shape: [data.length], data };
    params.set(parameter, tensor);
    specs[parameter] = { shape: tensor.shape, role };
    return parameter;
  };
  const nodes = graph.nodes.map((node): Node => {
    const channels = shapes.get(node.outputs[0])?.[1] as number;
    const sum = node.op === "Add" ? perChannel(node, channels) : undefined;
    const product = sum && perChannel(own(sum.value, "Mul"), channels);
    const back = product && own(product.value, "Reshape");
    const norm = back && own(back.inputs[0], "GroupNormalization");
    const there = norm && own(norm.inputs[0], "Reshape");
    if (!there || !uniform(norm.inputs[1], 1) || !uniform(norm.inputs[2], 0)) return node;
    const { groups, epsilon } = groupNormAttrs(norm);
    const [x] = there.inputs;
    const grouped = shapes.get(there.outputs[0])!;
    if (shapes.get(x)!.join() !== shapes.get(node.outputs[0])!.join() || grouped[1] !== groups) return node;
    return {
      ...node,
      op: "GroupNormalization",
      name: product.parameter.replace(/\.(weight|scale)$/, ""),
      inputs: [x, flat(product.parameter, "gamma"), flat(sum.parameter, "beta")],
      attrs: { epsilon, num_groups: groups },
    };
  });
  return { graph: { ...graph, nodes, params: specs }, params };
}
