/**
 * Linear replacement: blocks become one linear layer each, fitted by least squares to what they compute on a few images. No
 * labels, no training (docs/pipeline.md; ReplaceMe does it to blocks of language models).
 */
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { compose, identityMap } from "../../graph/indexmap.ts";
import type { Graph, Model, Rewrite } from "../../graph/types.ts";
import { addedMoments, ridgeFit, squaredError } from "../../prune/reconstruct/least_squares.ts";
import type { TrainData } from "../../train/train.ts";
import type { Block } from "../types.ts";
import { type BlockMoments, blockMoments } from "./block_moments.ts";
import { inputsOf, type LinearPlan, linearPlan, type LinearPlanOptions } from "./linear_plan.ts";
import { type FittedLayer, placeLayer } from "./place_layer.ts";
import { replacedMacs } from "./replaced_macs.ts";

/** What is fitted, and to what. */
export interface LinearizeOptions extends LinearPlanOptions {
  /** Where the passes run. */
  readonly gpu: Gpu;
  /** The network, which stays as it is. */
  readonly model: Model;
  /** Whose values the layers are to make, by the same names, such as the network before `model` was narrowed; default: `model`. */
  readonly original?: Model;
  /** Blocks of it, in any order. */
  readonly blocks: readonly Block[];
  /** All of them are looked at: a few hundred do. Labels aren't. */
  readonly images: TrainData;
  /** λ of the least squares, relative to the mean variance of what a layer reads; default 1e-3. */
  readonly ridge?: number;
  /** Images per pass; default 32. */
  readonly batch?: number;
  /** Stops after the batch in progress. */
  readonly signal?: AbortSignal;
  /** Told after each block. */
  readonly progress?: (done: number, total: number) => void;
}

/** How well a linear layer stands for a block. */
export interface LinearScore {
  /** The block's name. */
  readonly block: string;
  /**
   * 1 − ‖y − ŷ‖² / ‖y − ȳ‖² of what the block makes, its shortcut included, before an activation at its end: 1 is perfect.
   * Each half of the images is predicted by a layer that was fitted to the other half.
   */
  readonly r2: number;
  /** Multiply-adds for one image: of what the layer replaces, and of the layer. */
  readonly macs: { readonly before: number; readonly after: number };
}

/** A network some of whose blocks are linear layers. */
export interface Linearized {
  /** The network, and where its parameters come from. */
  readonly rewrite: Rewrite;
  /** In the order of execution; of inputs that went through the layers before. */
  readonly scores: readonly LinearScore[];
  /** What was put in, in the same order. */
  readonly layers: readonly FittedLayer[];
}

const RIDGE = 1e-3;

/**
 * Scores blocks for linear replacement, each alone, in one pass over the images.
 *
 * @returns a score for each block, in the order that they were given in
 * @throws UserError for a block that no linear layer can stand for, with the reason; Interrupted when the signal is aborted
 */
export async function scoreBlocks(options: LinearizeOptions): Promise<LinearScore[]> {
  const { model, original = model, blocks } = options;
  const plans = blocks.map((block) => planOf(model.graph, block, options));
  if (plans.length === 0) return [];
  const moments = await blockMoments({ ...options, original, replaced: model, plans });
  return blocks.map((block, i) => scoreOf(model, { block, plan: plans[i] }, moments[i], options.ridge ?? RIDGE));
}

/**
 * Replaces blocks by linear layers, one after the other in the order of execution: each is fitted on inputs that went through
 * the layers before it, to what the block made in the original network, so that later layers make up for earlier errors.
 * With `how: "mixed"` the network that comes back holds both, joined by a Mix (placeLayer).
 *
 * @throws UserError for a block that no linear layer can stand for, with the reason; Interrupted when the signal is aborted
 */
export async function linearize(
  options: LinearizeOptions & { readonly how?: "replaced" | "mixed" },
): Promise<Linearized> {
  const { model, original = model, ridge = RIDGE, how = "replaced", progress } = options;
  const planned = inOrder(model.graph, options.blocks).map((block) => ({
    block,
    plan: planOf(model.graph, block, options),
  }));
  const layers: FittedLayer[] = [];
  const scores: LinearScore[] = [];
  let rewrite: Rewrite = { model, map: identityMap(model.graph) };
  for (const { block, plan } of planned) {
    const [halves] = await blockMoments({ ...options, original, replaced: rewrite.model, plans: [plan] });
    scores.push(scoreOf(model, { block, plan }, halves, ridge));
    const [even, odd] = halves;
    const fit = ridgeFit(addedMoments(even.joint, odd.joint), { inputs: inputsOf(plan.layer), ridge });
    layers.push({ block, plan, fit });
    rewrite = placed(model, rewrite, layers.at(-1)!, "replaced");
    progress?.(layers.length, planned.length);
  }
  return { rewrite: how === "mixed" ? mixedLayers(model, layers) : rewrite, scores, layers };
}

/** The network with each of these layers mixed with its block. */
export function mixedLayers(model: Model, layers: readonly FittedLayer[]): Rewrite {
  return layers.reduce<Rewrite>(
    (rewrite, layer) => placed(model, rewrite, layer, "mixed"),
    { model, map: identityMap(model.graph) },
  );
}

function placed(model: Model, before: Rewrite, layer: FittedLayer, how: "replaced" | "mixed"): Rewrite {
  const { model: after, map } = placeLayer(before.model, layer, how);
  return { model: after, map: compose(before.map, map, model.graph.params) };
}

function scoreOf(
  { graph }: Model,
  { block, plan }: Pick<FittedLayer, "block" | "plan">,
  halves: readonly [BlockMoments, BlockMoments],
  ridge: number,
): LinearScore {
  const inputs = inputsOf(plan.layer);
  const [first, second] = halves.map(({ joint }) => ridgeFit(joint, { inputs, ridge }));
  const error = squaredError(halves[0].joint, second) + squaredError(halves[1].joint, first);
  const deviation = halves[0].deviation + halves[1].deviation;
  return {
    block: block.name,
    // Rounding may leave less than nothing of what is 0.
    r2: deviation > 0 ? 1 - Math.max(0, error) / deviation : 1,
    macs: replacedMacs(graph, block, plan),
  };
}

/** @throws UserError where there is none */
function planOf(graph: Graph, block: Block, options: LinearPlanOptions): LinearPlan {
  const plan = linearPlan(graph, block, options);
  if (!("refused" in plan)) return plan;
  throw new UserError(
    `block "${block.name}" (${block.kind}) can't become a linear layer: ${plan.refused}: leave it out`,
  );
}

function inOrder(graph: Graph, blocks: readonly Block[]): Block[] {
  const place = new Map(graph.nodes.map(({ outputs }, i) => [outputs[0], i]));
  return blocks.toSorted((a, b) => place.get(a.output)! - place.get(b.output)!);
}
