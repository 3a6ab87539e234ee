/** Which of a network's filters reconstruction can take away, and how many of them. */
import { UserError } from "../../errors.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { scorePerCost } from "../budget/score_per_cost.ts";
import { type BudgetRequest, checkRequest, type KeptRecord, settle, stepConstraints } from "../budget/settle.ts";
import { l2 } from "../criteria/l2.ts";
import type { Criterion } from "../criteria/types.ts";
import { type ConstraintOptions, constraintsOf, coupledConstraints } from "../structures/constraints.ts";
import type { Constraint } from "../structures/types.ts";
import { reconstructionRefusal } from "./layer_reader.ts";
import type { ReconstructOptions } from "./reconstruct.ts";
import { removalCosts } from "./removal_costs.ts";

/** Filters that are to go, and how many. */
export interface ReconstructionRequest {
  /** One ratio for all layers, in (0, 1], unless there is a budget. */
  readonly keep?: number;
  /** For the whole network; its rule is `scorePerCost` unless told, or given curves. */
  readonly budget?: BudgetRequest;
  /** Names of layers, as constraints have them. Default: all that can lose filters. */
  readonly layers?: readonly string[];
  /** Names of layers that stay as they are. */
  readonly exclude?: readonly string[];
  /** Filters that stay in any case; default 1. */
  readonly minKeep?: number;
  /** What stays of a layer that loses filters is a multiple of it; default 1. */
  readonly round?: number;
  /** What goes; default "filter". Of "qk" there is no budget. */
  readonly granularity?: "filter" | "qk";
}

/** How many of its filters each layer keeps. */
export interface SettledReconstruction {
  /** In order of execution, each with its `keep`. */
  readonly constraints: readonly Constraint[];
  /** The same for reports. */
  readonly kept: readonly KeptRecord[];
  /** What is reached instead of a budget and why, where that is more than a hundredth of the network below it. */
  readonly shortfall?: string;
}

/** What of a request can be done. */
export interface Reconstructible {
  /** Of all layers that are coupled, one name. */
  readonly options: ConstraintOptions;
  /** Layers that a pattern meets and that can't be reconstructed stay: which, and why. */
  readonly refused: readonly { readonly layer: string; readonly why: string }[];
}

/**
 * The layers of a request whose filters can be reconstructed.
 *
 * @throws UserError for a layer that isn't there or, named in full, can't be reconstructed, and where none is left
 */
export function reconstructible(
  graph: Graph,
  { keep = 1, layers, exclude, minKeep, round, granularity = "filter", budget }: ReconstructionRequest,
): Reconstructible {
  const asked = { granularity, keep, layers, exclude, minKeep, round } as const;
  if (granularity === "qk") {
    if (budget) {
      throw new UserError("reconstruction of queries and keys has no budget: give keep, a ratio for all heads");
    }
    const able = coupledConstraints(graph, asked).map(({ members: [{ param }] }) => param);
    return { options: { ...asked, layers: able, exclude: undefined }, refused: [] };
  }
  const refused: { layer: string; why: string }[] = [];
  const able = coupledConstraints(graph, asked).filter((constraint) => {
    const why = reconstructionRefusal(constraint, graph);
    const layer = nameOf(constraint);
    if (why === undefined) return true;
    if (layers?.includes(layer)) {
      throw new UserError(
        `layer "${layer}" can't be pruned by reconstruction: ${why}: leave it out, or prune it with training`,
      );
    }
    refused.push({ layer, why });
    return false;
  }).map(nameOf);
  if (able.length > 0) return { options: { ...asked, layers: able, exclude: undefined }, refused };
  const reasons = refused.map(({ layer, why }) => `${layer} (${why})`).join(", ");
  throw new UserError(`no layer can be pruned by reconstruction: ${reasons}: prune with training instead`);
}

function nameOf({ name, kind }: Constraint): string {
  return name.slice(0, -kind.length - 1);
}

/**
 * Says before anything is looked at what of a request can't be: layers, and a budget that even the smallest network misses.
 *
 * @throws UserError
 */
export function checkReconstruction(model: Model, request: ReconstructionRequest): Reconstructible {
  const found = reconstructible(model.graph, request);
  checkRequest(model, { constraints: [found.options], criterion: l2, seed: 0, budget: request.budget });
  return found;
}

/**
 * How many of its filters each layer is to keep: the ratio that the request says, or for a budget those whose removal costs least for
 * what it saves (removalCosts).
 *
 * @param dense the network before anything was pruned: fractions count from it
 * @throws UserError as `reconstructible` does, and where a budget can't be met; Interrupted when the signal is aborted
 */
export async function settleReconstruction(
  options: Omit<ReconstructOptions, "constraints">,
  dense: Graph,
  request: ReconstructionRequest,
): Promise<SettledReconstruction> {
  const { model, seed = 1 } = options;
  const { options: filters } = reconstructible(model.graph, request);
  const { budget } = request;
  const costs = budget && !budget.curves
    ? await removalCosts({ ...options, constraints: constraintsOf(model.graph, [filters]) })
    : new Map<string, Float64Array>();
  const criterion: Criterion = budget && !budget.curves
    ? {
      name: "removal costs",
      summary: "",
      needs: ["moments"],
      labels: false,
      score: ({ name }) => costs.get(name)!,
    }
    : l2;
  const { kept, shortfall } = settle({ model, dense }, {
    constraints: [filters],
    criterion,
    seed,
    ...budget && { budget: { ...budget, rule: budget.rule ?? scorePerCost } },
  });
  const settled = { constraints: stepConstraints(model.graph, [filters], kept, 1), kept };
  return { ...settled, ...shortfall !== undefined && { shortfall } };
}
