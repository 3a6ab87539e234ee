/** A budget for structures of several kinds, priced by the groups that pruning will really take. */

import type { Graph, Model } from "../../graph/types.ts";
import type { Scoring } from "../criteria/types.ts";
import { chooseAll, type ScoredChoice } from "../methods/one_shot.ts";
import type { Constraint } from "../structures/types.ts";
import { WITHIN } from "./approach.ts";
import { type Budget, type BudgetOptions, missed, shortfallOf, solveBudget, UnreachableBudget } from "./budget.ts";
import { costNames, COSTS, type Target } from "./costs/costs.ts";
import { maskPricing, type Price, pricing } from "./price.ts";

/** Solutions that are tried; each is priced anew by what it leaves of the coarser structures. */
const ROUNDS = 5;

interface ScoredConstraints {
  readonly constraints: readonly Constraint[];
  /** By which constraints are compared. */
  readonly scores: readonly Float64Array[];
  /** By which each one's groups are chosen on the network before anything went. */
  readonly chosenBy: readonly Float64Array[];
}

/**
 * `solveBudget`, for constraints of any kinds. Finer groups are scored once the coarser ones are gone (`chooseAll`), so other
 * ones may stay than their scores on the whole network say, and what they cost depends on which they are. Where what pruning
 * makes of the solution misses the target, or stays more than WITHIN below it, the budget is solved again with the scores that
 * it led to, and from the third time on for so much less or more as the last was off. Of all that meet the target the nearest
 * is taken.
 *
 * @throws UnreachableBudget if the budget can't be met
 */
export function solveAsChosen(
  model: Model,
  { constraints, scores, chosenBy }: ScoredConstraints,
  options: BudgetOptions,
  scoring: Scoring,
): Budget {
  const { graph } = model;
  const { target } = options;
  const first = solveBudget(graph, constraints, scores, { ...options, chosenBy });
  if (new Set(constraints.map(({ kind }) => kind)).size === 1) return first;
  const priceMasks = maskPricing(graph, constraints, options);
  let best: Solved | undefined;
  let solved = first;
  let aim = target;
  for (let round = 1;; round++) {
    const { masks, choices } = chooseAll(model, new Map(), solved.constraints, scoring);
    const keep = solved.constraints.map((constraint) => constraint.keep);
    const price = priceMasks(masks, keep);
    if (!best || nearer(price.gap, best.price.gap)) best = { solved, keep, price, choices };
    if ((price.gap <= 0 && price.gap >= -WITHIN) || round === ROUNDS) break;
    if (round > 1) aim = movedAim(aim, target, price.achieved);
    const found = trySolving(graph, constraints, scores, {
      ...options,
      target: aim,
      ...asChosen(choices, constraints),
    });
    if (!found) break;
    solved = found;
  }
  return asPruned(graph, constraints, best, options);
}

interface Solved {
  readonly solved: Budget;
  readonly keep: readonly number[];
  /** Of what pruning makes of it. */
  readonly price: Price;
  readonly choices: readonly ScoredChoice[];
}

/** Whether a gap is better: it meets the target, and by as little as it can, or misses it by less. */
export function nearer(gap: number, than: number): boolean {
  return gap <= 0 ? than > 0 || gap > than : gap < than;
}

/**
 * What to ask for next, after `aim`, so that what comes out is what was asked: all amounts by the factor of the one that is
 * farthest above, or nearest below, and no fraction above 1.
 */
export function movedAim(aim: Target, asked: Target, achieved: Target): Target {
  const names = costNames.filter((name) => asked[name] !== undefined);
  const factor = Math.min(...names.map((name) => asked[name]! / achieved[name]!));
  const most = Math.min(...names.map((name) => COSTS[name].amount === "fraction" ? 1 / aim[name]! : Infinity));
  return Object.fromEntries(names.map((name) => [name, aim[name]! * Math.min(factor, most)]));
}

function trySolving(...asked: Parameters<typeof solveBudget>): Budget | undefined {
  try {
    return solveBudget(...asked);
  } catch (error) {
    // Less than was asked for can't be reached; what was found before is the best there is.
    if (error instanceof UnreachableBudget) return undefined;
    throw error;
  }
}

/** What decides which groups of each constraint stay, and what of its kernels. */
function asChosen(choices: readonly ScoredChoice[], constraints: readonly Constraint[]) {
  const byName = new Map(choices.map((choice) => [choice.constraint.name, choice]));
  const inOrder = constraints.map(({ name }) => byName.get(name)!);
  return { chosenBy: inOrder.map(({ scores }) => scores), taps: inOrder.map(({ taps }) => taps) };
}

/** The solution with the price of what pruning makes of it, and what to say where that is off. */
function asPruned(
  graph: Graph,
  constraints: readonly Constraint[],
  { solved, keep, price, choices }: Solved,
  options: BudgetOptions,
): Budget {
  const { target } = options;
  const { achieved, params, macs } = price;
  const { shortfall: _, ...rest } = solved;
  const { chosenBy, taps } = asChosen(choices, constraints);
  const byScores = pricing(graph, constraints, chosenBy, { ...options, taps });
  const shortfall = price.gap > 0 ? missed(price, options) : shortfallOf(
    constraints,
    keep,
    (counts) => counts.every((count, c) => count === keep[c]) ? price : byScores(counts),
    options,
  );
  return { ...rest, requested: target, achieved, params, macs, ...shortfall !== undefined && { shortfall } };
}
