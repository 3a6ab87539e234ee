/** What training that prepares pruning chooses by: a criterion over constraints on the network that is being trained. */
import type { Graph, Model, Params } from "../../graph/types.ts";
import type { GatheredEvidence } from "../../train/evidence/evidence.ts";
import type { Criterion } from "../criteria/types.ts";
import { settlePatterns } from "../structures/constraints.ts";
import { maskModel, type Masks } from "../structures/masks.ts";
import type { Constraint } from "../structures/types.ts";
import { oneShot } from "./one_shot.ts";

/** Which groups, and by what. */
export interface GroupChoice {
  /** On the training's first graph, each with how many groups it keeps. */
  readonly constraints: readonly Constraint[];
  /** Says what a group is worth. */
  readonly criterion: Criterion;
  /** Of criteria that draw lots. */
  readonly seed: number;
  /** What is gone already, and stays away. */
  readonly masks: Masks;
  /** What the criterion looks at beside the weights; not to be stopped by the training's signal. */
  readonly gather?: (model: Model) => Promise<GatheredEvidence | undefined>;
}

/** Masks of what the constraints keep of a network as it is, on top of those there are. */
export async function chooseMasks(
  { constraints, criterion, seed, masks, gather }: GroupChoice,
  graph: Graph,
  params: Params,
): Promise<Masks> {
  const model = maskModel({ graph, params }, masks);
  const gathered = await gather?.(model);
  return oneShot(model, masks, settlePatterns(constraints, model.params), { criterion, seed, gathered });
}
