/** Every budget rule by its name. */

import { UserError } from "../../errors.ts";
import { CRITERIA } from "../criteria/criteria.ts";
import type { Criterion } from "../criteria/types.ts";
import { erk } from "./erk.ts";
import { global } from "./global.ts";
import { isomorphic } from "./isomorphic.ts";
import { perCost } from "./per_cost.ts";
import { scorePerCost } from "./score_per_cost.ts";
import type { BudgetRule } from "./types.ts";
import { uniform } from "./uniform_rule.ts";
import { zScore } from "./z_score.ts";

const ALL: readonly BudgetRule[] = [
  perCost,
  global,
  uniform,
  erk,
  isomorphic,
  zScore,
  scorePerCost,
  ...[...CRITERIA.values()].flatMap(ruleOf),
];

/** By name: how groups of different layers are put into one order. */
export const BUDGET_RULES: ReadonlyMap<string, BudgetRule> = new Map(ALL.map((rule) => [rule.name, rule]));

/** @throws UserError for an unknown name, with those that are known */
export function budgetRuleNamed(name: string): BudgetRule {
  const found = BUDGET_RULES.get(name);
  if (!found) throw new UserError(`unknown budget rule "${name}": known are ${[...BUDGET_RULES.keys()].join(", ")}`);
  return found;
}

/** A criterion that sets a layer's scores against each other does so with any criterion's scores. */
function ruleOf({ name, summary, relative }: Criterion): BudgetRule[] {
  return relative ? [{ name, summary, worth: (scores) => relative(scores) }] : [];
}
