/** A form as it will be when it is merged, known before anything is trained. */
import { UserError } from "../../errors.ts";
import type { Graph, HostTensor, Model } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { blockIn } from "../blocks/find_blocks.ts";
import { mergedGraph } from "../merge/merge.ts";
import { type MergeFormOptions, planForm } from "../merge/plan_form.ts";
import type { MergedLayer } from "../merge/plan.ts";
import type { Block } from "../types.ts";

/** A network in which a block has taken its form, merged where it can be. */
export interface MergedForm {
  readonly graph: Graph;
  /** Those that were merged. */
  readonly layers: readonly MergedLayer[];
  /** Why nothing was merged, as a clause, where that is so. */
  readonly unmerged?: string;
}

/** @param graph in which the block has taken its form; its ends have the names that the block's had */
export function mergedForm(graph: Graph, block: Block, options: MergeFormOptions): MergedForm {
  const plans = planForm(graph, blockIn(graph, block), options);
  if ("refused" in plans) return { graph, layers: [], unmerged: plans.refused };
  try {
    return { graph: mergedGraph(graph, plans), layers: plans.flatMap((plan) => plan.layers) };
  } catch (error) {
    if (error instanceof UserError) return { graph, layers: [], unmerged: error.message };
    throw error;
  }
}

/** Kept per graph: every form of every block begins with it. */
const zeros = new WeakMap<Graph, Model>();

/** A model of zeros: what a form looks like doesn't depend on numbers. */
export function unfilled(graph: Graph): Model {
  const known = zeros.get(graph);
  if (known) return known;
  const params = new Map<string, HostTensor>(
    Object.entries(graph.params).map(([name, { shape }]) => [name, { shape, data: new Float32Array(elements(shape)) }]),
  );
  const model = { graph, params };
  zeros.set(graph, model);
  return model;
}
