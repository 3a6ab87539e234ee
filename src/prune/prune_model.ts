/** Pruning in one call, without training: what to prune, by which criterion, for which budget. */

import { show, UserError } from "../errors.ts";
import type { Model } from "../graph/types.ts";
import type { GatheredEvidence } from "../train/evidence/evidence.ts";
import { type KnownKeys, refuseUnknownKeys } from "../validation/choice.ts";
import { budgetRuleNamed } from "./budget/rules.ts";
import { costNames, type Target } from "./budget/costs/costs.ts";
import { type BudgetRequest, type KeptRecord, type PruneRequest, settle, stepConstraints } from "./budget/settle.ts";
import type { BudgetRule } from "./budget/types.ts";
import { criterionNamed } from "./criteria/criteria.ts";
import { NORMALISATIONS, type Normalise, normalised } from "./criteria/normalise.ts";
import type { Criterion } from "./criteria/types.ts";
import type { Sensitivity } from "./sensitivity/types.ts";
import type { ConstraintOptions } from "./structures/constraints.ts";
import { maskModel, type Masks, withStreamNorms } from "./structures/masks.ts";
import { GRANULARITIES } from "./structures/structures.ts";
import { oneShot } from "./methods/one_shot.ts";

/** How much of the whole network may stay, in exactly one cost: fractions of what it has, or milliseconds. */
export interface BudgetSettings extends Target {
  /** How groups of different layers are put into one order: a rule or its name. Default "per-cost". */
  readonly rule?: BudgetRule | string;
  /** What the network loses by each layer, in place of a rule: for `macs` and `params`. What secateur sensitivity writes is one. */
  readonly sensitivity?: Sensitivity;
  /** The fraction of its groups, in 0…1, that each constraint keeps at least. Default 0, and 0.1 by the rule "global". */
  readonly protect?: number;
  /** What a network takes in ms, such as `latencyEstimate(table)` gives it: for a budget in `ms`. */
  readonly latency?: (model: Model) => number;
}

/** What `prune` takes beside the model. */
export interface PruneOptions {
  /** What groups of weights are and which layers lose some. Default: whole filters of every layer that can lose any. */
  readonly constraints?: readonly (Omit<ConstraintOptions, "keep"> & { readonly keep?: number })[];
  /** What a group is worth: a criterion, or the name of one in `CRITERIA`. Default "l2". */
  readonly criterion?: Criterion | string;
  /** By what each tensor's part of a coupled group's score is divided before they are added. Default "none". */
  readonly normalise?: Normalise;
  /** For the whole network. Without it each constraint keeps the fraction of its groups that its `keep` says. */
  readonly budget?: BudgetSettings;
  /** Of what a criterion draws by lot. Default 1. */
  readonly seed?: number;
  /** For a criterion that looks at more than weights: what `gatherFor` has gathered for it. */
  readonly evidence?: GatheredEvidence;
}

/** What `prune` has chosen. */
export interface Pruned {
  /** 0 where a weight goes and 1 where it stays, in the shapes of the parameters; unmasked parameters have no entry. */
  readonly masks: Masks;
  /**
   * The model with every masked weight 0. Its shapes are the same, but for norms of a stream that give way: `compact` makes it
   * small.
   */
  readonly model: Model;
  /** How many of its groups each constraint keeps, coarse constraints first. */
  readonly kept: readonly KeptRecord[];
  /** What is reached instead of the budget and why, where that is more than a hundredth of the network below it. */
  readonly shortfall?: string;
}

const KNOWN: KnownKeys<PruneOptions> = {
  constraints: true,
  criterion: true,
  normalise: true,
  budget: true,
  seed: true,
  evidence: true,
};

/**
 * Chooses what goes, in one shot: scores all groups by the criterion, finds how many each layer keeps, and masks the
 * others. Filters that are coupled, such as those of a residual stream, go together with their biases and batch norms.
 * Nothing is trained and the model given stays as it is.
 *
 * @throws UserError for an unknown option, criterion, cost or rule (naming the known ones), for a criterion that can't be
 * normalised, for a layer that can't be pruned so, and for a budget that can't be met
 */
export function prune(model: Model, options: PruneOptions = {}): Pruned {
  const request = pruneRequest(options);
  const { kept, shortfall } = settle({ model, dense: model.graph }, request);
  const settled = stepConstraints(model.graph, request.constraints, kept, 1);
  const masks = oneShot(model, new Map(), settled, request);
  const { model: masked } = withStreamNorms(maskModel(model, masks), masks, settled);
  return { masks, model: masked, kept, ...shortfall !== undefined && { shortfall } };
}

/** The options as the parts of pruning take them. @throws UserError for an unknown one, and for a criterion that can't be normalised */
export function pruneRequest(options: PruneOptions): PruneRequest {
  refuseUnknownKeys("prune", options, Object.keys(KNOWN));
  const { criterion: asked = "l2", normalise = "none", budget, seed = 1, evidence: gathered } = options;
  if (!NORMALISATIONS.includes(normalise)) {
    throw new UserError(`prune: unknown normalise "${normalise}": known are ${NORMALISATIONS.join(", ")}`);
  }
  if (!(Number.isInteger(seed) && seed >= 0)) {
    throw new UserError(`prune: seed is ${show(seed)}, expected a whole number of at least 0`);
  }
  const criterion = normalised(typeof asked === "string" ? criterionNamed(asked) : asked, normalise);
  const constraints = constraintsFor(options);
  return { constraints, criterion, seed, gathered, ...budget && { budget: budgetRequest(budget) } };
}

function constraintsFor({ constraints = [{ granularity: "filter" }], budget }: PruneOptions): ConstraintOptions[] {
  if (constraints.length === 0) {
    throw new UserError("prune: constraints has no entry: leave it out for filters, or say what is to go");
  }
  return constraints.map((constraint) => {
    const { granularity, keep } = constraint;
    if (!GRANULARITIES.includes(granularity)) {
      throw new UserError(`prune: unknown granularity "${granularity}": known are ${GRANULARITIES.join(", ")}`);
    }
    if (budget && keep !== undefined) {
      throw new UserError(`prune: constraint "${granularity}" has a keep, and so has the budget: leave one out`);
    }
    // N:M says itself how many stay, and patterns alone keep every kernel.
    const lacks = keep === undefined && granularity !== "n:m" && granularity !== "pattern";
    if (!budget && lacks) {
      throw new UserError(
        `prune: constraint "${granularity}" has no keep and there is no budget: give the fraction of its groups that ` +
          `stays, or a budget in one of ${costNames.join(", ")}`,
      );
    }
    return { ...constraint, keep: keep ?? 1 } as ConstraintOptions;
  });
}

function budgetRequest({ rule, sensitivity, protect, latency, ...target }: BudgetSettings): BudgetRequest {
  refuseUnknownKeys("budget", target, [...costNames, "rule", "sensitivity", "protect", "latency"]);
  const given = costNames.filter((name) => target[name] !== undefined);
  if (given.length !== 1) {
    throw new UserError(
      `budget: got ${given.join(", ") || "no cost"}, expected exactly one of ${costNames.join(", ")}`,
    );
  }
  const amount: unknown = target[given[0]];
  if (typeof amount !== "number") {
    throw new UserError(`budget: ${given[0]} is ${show(amount)}, expected a number above 0`);
  }
  if (protect !== undefined && !(protect >= 0 && protect <= 1)) {
    throw new UserError(`budget: protect is ${show(protect)}, expected a fraction in 0…1`);
  }
  if (sensitivity && !Array.isArray(sensitivity.curves)) {
    throw new UserError(
      "budget: sensitivity has no curves: give what measureSensitivity or secateur sensitivity has found",
    );
  }
  if (rule !== undefined && sensitivity) {
    throw new UserError("budget: rule and sensitivity exclude each other: leave one out");
  }
  if (target.ms !== undefined && !latency) {
    throw new UserError("budget: ms needs `latency`, a function that tells what a network takes: see latencyEstimate");
  }
  return {
    target,
    ...sensitivity && { curves: sensitivity },
    ...protect !== undefined && { protect },
    ...latency && { latency },
    ...rule !== undefined && { rule: typeof rule === "string" ? budgetRuleNamed(rule) : rule },
  };
}
