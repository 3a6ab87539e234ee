/** A linear layer put in a block's place, or mixed with the block. */
import { identityMap } from "../../graph/indexmap.ts";
import { freshName, takenNames } from "../../graph/names.ts";
import { withoutUnneeded } from "../../graph/rewrite/needed_nodes.ts";
import type { HostTensor, Model, Node, ParamSpec, Rewrite } from "../../graph/types.ts";
import type { LinearFit } from "../../prune/reconstruct/least_squares.ts";
import type { Block } from "../types.ts";
import type { LinearPlan } from "./linear_plan.ts";

/** A layer for one block. */
export interface FittedLayer {
  /** What it stands for. */
  readonly block: Block;
  /** Its shape, and where it goes. */
  readonly plan: LinearPlan;
  /** Its numbers. */
  readonly fit: LinearFit;
}

/**
 * The network with a linear layer for a block: "replaced", or "mixed", by a Mix of the value that the block has there and of
 * that with the layer. Names of the block's input and output stay. The layer's parameters, `<block>.linear.weight` and
 * `.bias`, count as merged from those of the block that the layer makes unneeded.
 */
export function placeLayer(model: Model, { block, plan, fit }: FittedLayer, how: "replaced" | "mixed"): Rewrite {
  const { graph } = model;
  const { target, skip } = plan;
  const taken = takenNames(graph);
  const fresh = (name: string) => freshName(taken, name);
  const base = fresh(`${block.name}.linear`);
  const before = fresh(`${target}.kept`);
  const { weight, bias } = layerTensors(plan, fit);
  const names = { weight: fresh(`${base}.weight`), bias: fresh(`${base}.bias`) };
  const nodes = layerNodes(plan, base, names, fresh);
  if (skip !== undefined) nodes.push(nodeOf(fresh(`${base}.sum`), "Add", [skip, nodes.at(-1)!.outputs[0]]));
  const made = nodes.at(-1)!;
  const specs: Record<string, ParamSpec> = {
    ...graph.params,
    [names.weight]: { shape: weight.shape, role: "weight" },
    [names.bias]: { shape: bias.shape, role: "bias" },
  };
  const params = new Map<string, HostTensor>([...model.params, [names.weight, weight], [names.bias, bias]]);
  const after = (list: readonly Node[]): Model => ({
    graph: {
      ...graph,
      params: specs,
      nodes: graph.nodes.flatMap((node) =>
        node.outputs[0] === target ? [{ ...node, outputs: [before] }, ...list] : [node]
      ),
    },
    params,
  });
  const replaced = withoutUnneeded(after([...nodes.slice(0, -1), { ...made, outputs: [target] }]));
  const mix = { ...nodeOf(fresh(`${base}.mix`), "Mix", [before, made.outputs[0]]), outputs: [target] };
  const result = how === "replaced" ? replaced : after([...nodes, mix]);
  const sources = Object.keys(graph.params).filter((name) => !replaced.graph.params[name]);
  const merged = { sources, how: `least squares of ${block.name}` };
  const map = identityMap(result.graph);
  return {
    model: result,
    map: new Map(Array.from(map, ([name, origin]) => [name, graph.params[name] ? origin : merged])),
  };
}

/** The layer without its shortcut; the last node makes its value. */
function layerNodes(
  { layer, reads }: LinearPlan,
  base: string,
  { weight, bias }: { readonly weight: string; readonly bias: string },
  fresh: (name: string) => string,
): Node[] {
  if (layer.kind === "conv") {
    const { strides, pads, dilations } = layer;
    return [nodeOf(base, "Conv", [reads, weight, bias], { strides, pads, dilations, group: 1 })];
  }
  return [nodeOf(base, "MatMul", [reads, weight]), nodeOf(fresh(`${base}.add`), "Add", [base, bias])];
}

function nodeOf(name: string, op: Node["op"], inputs: readonly string[], attrs: Node["attrs"] = {}): Node {
  return { name, op, inputs, outputs: [name], attrs };
}

/** The fit as the layer's parameters: [F, C, KH, KW] and [F], or of tokens [C, F] and [1, …, F]. */
function layerTensors({ layer }: LinearPlan, { weight, bias }: LinearFit): Record<"weight" | "bias", HostTensor> {
  const { channels, filters } = layer;
  if (layer.kind === "conv") {
    return {
      weight: { shape: [filters, channels, ...layer.kernel], data: new Float32Array(weight) },
      bias: { shape: [filters], data: new Float32Array(bias) },
    };
  }
  const turned = new Float32Array(channels * filters);
  weight.forEach((value, i) => turned[i % channels * filters + Math.floor(i / channels)] = value);
  return {
    weight: { shape: [channels, filters], data: turned },
    bias: {
      shape: Array.from({ length: layer.rank }, (_, axis) => axis === layer.rank - 1 ? filters : 1),
      data: new Float32Array(bias),
    },
  };
}
