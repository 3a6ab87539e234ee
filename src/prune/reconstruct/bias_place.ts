/** Where a number for each output of a layer can go: layers in front of a norm have no bias of their own. */
import { consumers } from "../../graph/names.ts";
import { isBatchNorm, isSum } from "../../graph/roles.ts";
import type { Graph, HostTensor, Model, Node } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";

/** A parameter that takes it, onto itself or off itself. */
export interface BiasPlace {
  readonly param: string;
  readonly how: keyof typeof PLACED;
}

const PLACED = {
  added: (before: number, bias: number) => before + bias,
  subtracted: (before: number, bias: number) => before - bias,
} as const;

/** The layer's own bias, what is added behind it, or the mean that a batch norm subtracts; undefined where there is none. */
export function biasPlaceOf(graph: Graph, node: Node, outputs: number): BiasPlace | undefined {
  const readers = consumers(graph);
  const taken = (param: string, how: BiasPlace["how"]): BiasPlace | undefined =>
    readers.get(param)!.length === 1 && elements(graph.params[param].shape) === outputs ? { param, how } : undefined;
  if (node.inputs[2] !== undefined) return taken(node.inputs[2], "added");
  const [next, ...others] = readers.get(node.outputs[0]) ?? [];
  if (!next || others.length > 0 || graph.outputs.includes(node.outputs[0])) return undefined;
  if (isBatchNorm(next)) return taken(next.inputs[3], "subtracted");
  const param = next.inputs.find((input) => input in graph.params);
  return isSum(next) && param !== undefined ? taken(param, "added") : undefined;
}

/** The model whose layer makes `bias` more, [outputs]. */
export function withBias({ graph, params }: Model, { param, how }: BiasPlace, bias: Float64Array): Model {
  const { shape, data } = params.get(param)!;
  const changed: HostTensor = { shape, data: data.map((before, i) => PLACED[how](before, bias[i])) };
  return { graph, params: new Map([...params, [param, changed]]) };
}
