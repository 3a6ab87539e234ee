import { UserError } from "../../errors.ts";
import { initialise } from "../../graph/initialise.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { linearCandidates } from "./candidates.ts";
import { linearPlan, zeroFit } from "./linear_plan.ts";
import { placeLayer } from "./place_layer.ts";

/**
 * The network with a linear layer for every block for which one saves multiply-adds, all weights drawn by a seed: for timing,
 * where weights decide nothing.
 *
 * @throws UserError where there is no such block
 */
export function seededLinear(graph: Graph, seed: number): Model {
  const { blocks } = linearCandidates(graph);
  if (blocks.length === 0) {
    throw new UserError(`no linear layer saves anything in "${graph.name}": it has no such block`);
  }
  const empty: Model = { graph, params: new Map() };
  const small = blocks.reduce((model, block) => {
    const plan = linearPlan(graph, block);
    return "refused" in plan ? model : placeLayer(model, { block, plan, fit: zeroFit(plan) }, "replaced").model;
  }, empty);
  return { graph: small.graph, params: initialise(small.graph, seed) };
}
