/** What a search for the best network within a time chooses: how filters are scored, how a budget is shared out, and widths' multiples. */
import type { BudgetRule } from "../../prune/budget/types.ts";
import { budgetRuleNamed } from "../../prune/budget/rules.ts";
import type { Space } from "../space.ts";
import type { Choices } from "../trial.ts";

/** What was said on the command line isn't chosen. */
export interface Fixed {
  readonly criterion?: string;
  readonly round?: number;
  /** Blocks that can become a linear layer; 0 where there are none. */
  readonly blocks: number;
}

/** Cheap ones that differ: by norm, by what the loss would change, by what other filters can stand for. */
const CRITERIA = ["l2", "taylor", "fpgm"];
const RULES = ["per-cost", "isomorphic", "global", "uniform"];
/** On phones four channels are a vector: a width that is no multiple may take as long as the next one that is. */
const ROUNDS = [1, 4, 8];
/** Of each layer's filters that stay in any case. */
const PROTECTED = [0, 0.125, 0.25];
/** Of the blocks at most: a network without any is another network. */
const MOST_BLOCKS = 0.5;

export function searchSpace({ criterion, round, blocks }: Fixed): Space {
  const most = Math.floor(MOST_BLOCKS * blocks);
  return {
    criterion: { kind: "choice", values: criterion === undefined ? CRITERIA : [criterion] },
    rule: { kind: "choice", values: RULES },
    round: { kind: "choice", values: round === undefined ? ROUNDS : [round] },
    protect: { kind: "choice", values: PROTECTED },
    tilt: { kind: "real", from: -2, to: 2, scale: "linear" },
    ...most > 0 && { linear: { kind: "integer", from: 0, to: most, step: 1, scale: "linear" } },
  };
}

/** Choices as the parts of pruning take them. */
export interface Chosen {
  readonly criterion: string;
  readonly rule: BudgetRule;
  readonly round: number;
  readonly protect: number;
  /** So many blocks become linear layers. */
  readonly linear: number;
}

export function chosenOf({ criterion, rule, round, protect, tilt, linear = 0 }: Choices): Chosen {
  return {
    criterion: String(criterion),
    rule: tilted(budgetRuleNamed(String(rule)), Number(tilt)),
    round: Number(round),
    protect: Number(protect),
    linear: Number(linear),
  };
}

/**
 * The rule with each layer's groups worth 2^(tilt · (x − ½)) times as much, x from 0 for the first layer to 1 for the last: above 0
 * more of the early layers goes, below 0 more of the late ones.
 */
export function tilted(rule: BudgetRule, tilt: number): BudgetRule {
  return {
    ...rule,
    worth(scores, saved, layer, all) {
      const x = all.length > 1 ? all.indexOf(layer) / (all.length - 1) : 0.5;
      return rule.worth(scores, saved, layer, all).map((worth) => worth * 2 ** (tilt * (x - 0.5)));
    },
  };
}

/** As a person reads it: "taylor, isomorphic, widths in 4s". */
export function choiceWords({ criterion, rule, round, protect, tilt, linear = 0 }: Choices): string {
  const lean = Number(tilt);
  return [
    criterion,
    `rule ${rule}`,
    ...Number(round) > 1 ? [`widths in ${round}s`] : [],
    ...Number(protect) > 0 ? [`${100 * Number(protect)} % of each layer stay`] : [],
    ...Math.abs(lean) >= 0.5 ? [`more goes ${lean > 0 ? "early" : "late"}`] : [],
    ...Number(linear) > 0 ? [`${linear} ${Number(linear) === 1 ? "block" : "blocks"} linear`] : [],
  ].join(", ");
}
