/**
 * Layers that read narrowed channels, fitted anew to what they made before: least squares over a few images, no labels and no
 * training (He, Zhang and Sun, "Channel pruning for accelerating very deep neural networks", 2017).
 */
import type { Gpu } from "../../gpu/gpu.ts";
import { layerOf } from "../../graph/fuse.ts";
import { inferShapes } from "../../graph/infer.ts";
import { concrete } from "../../graph/shapes.ts";
import type { Graph, HostTensor, Model, Node } from "../../graph/types.ts";
import { type BiasPlace, biasPlaceOf, withBias } from "../../prune/reconstruct/bias_place.ts";
import { addedMoments, type LinearFit, ridgeFit } from "../../prune/reconstruct/least_squares.ts";
import { elements } from "../../tensor/tensor.ts";
import type { TrainData } from "../../train/train.ts";
import { blockMoments } from "../linearize/block_moments.ts";
import { inputsOf, type LinearPlan } from "../linearize/linear_plan.ts";
import type { Block } from "../types.ts";
import { innerClasses } from "./narrow.ts";

/** What is fitted, and to what. */
export interface RefitOptions {
  readonly gpu: Gpu;
  /** The network before blocks were narrowed: what layers are to make is its. */
  readonly original: Model;
  /** The same network with narrow blocks, which stays as it is. */
  readonly narrow: Model;
  /** Those that were narrowed, in order of execution. */
  readonly blocks: readonly Block[];
  readonly images: TrainData;
  /** Images per pass; default 32. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
}

/** λ relative to the mean variance of what a layer reads, as linear replacement has it. */
const RIDGE = 1e-3;
/** Of a fit: beyond this the moments of what is read take longer than they are worth, and the layer stays as it is. */
const MOST_INPUTS = 2304;

/**
 * One block after the other: each fit is of inputs that went through the narrow blocks before it, so that it makes up for what they
 * have lost. Layers without a place for a bias hand it to the batch norm behind them.
 *
 * @throws Interrupted when the signal is aborted
 */
export async function refitReaders({ original, narrow, blocks, ...options }: RefitOptions): Promise<Model> {
  let model = narrow;
  for (const { readers } of blocks.flatMap((block) => innerClasses(original.graph, block))) {
    for (const { node: name } of readers) {
      const node = model.graph.nodes.find((each) => each.name === name)!;
      const plan = planOf(model.graph, node);
      const place = plan && biasPlaceOf(model.graph, node, plan.layer.filters);
      if (!place || inputsOf(plan.layer) > MOST_INPUTS) continue;
      const [[even, odd]] = await blockMoments({ ...options, original, replaced: model, plans: [plan] });
      const inputs = inputsOf(plan.layer);
      const fit = ridgeFit(addedMoments(even.joint, odd.joint), { inputs, ridge: RIDGE });
      model = withFit(model, node, place, fit);
    }
  }
  return model;
}

/** The layer as what is fitted in its place; undefined where that isn't known how. */
function planOf(graph: Graph, node: Node): LinearPlan | undefined {
  const layer = layerOf(graph, node);
  if (!layer) return undefined;
  const [reads, target] = [node.inputs[0], node.outputs[0]];
  const x = inferShapes(graph).get(reads)!;
  const problem = layer.layer(node, concrete(x, 1), graph.params[node.inputs[1]].shape);
  if (problem.kind === "linear") {
    if (x.length < 3 || layer.filters !== "last") return undefined;
    return { layer: { kind: "tokens", channels: problem.k, filters: problem.n, rank: x.length }, reads, target };
  }
  const { channels, filters, kernel, stride, pads, dilation, groups, taps } = problem.conv;
  if (groups !== 1 || taps || x.length !== 4) return undefined;
  return {
    layer: { kind: "conv", channels, filters, kernel, strides: stride, dilations: dilation, pads },
    reads,
    target,
  };
}

function withFit(model: Model, node: Node, place: BiasPlace, { weight, bias }: LinearFit): Model {
  const { graph, params } = model;
  const { shape } = graph.params[node.inputs[1]];
  // The fit is of all that the layer makes, its own bias included.
  const own = params.get(node.inputs[2])?.data;
  const shifted = withBias(model, place, own ? bias.map((value, i) => value - own[i]) : bias);
  const fitted: HostTensor = {
    shape,
    data: shape.length === 2 ? turned(weight, shape) : new Float32Array(weight),
  };
  return { graph, params: new Map([...shifted.params, [node.inputs[1], fitted]]) };
}

/** [F, C] as a projection's [C, F]. */
function turned(weight: Float64Array, [channels, filters]: readonly number[]): Float32Array<ArrayBuffer> {
  const data = new Float32Array(elements([channels, filters]));
  weight.forEach((value, i) => data[i % channels * filters + Math.floor(i / channels)] = value);
  return data;
}
