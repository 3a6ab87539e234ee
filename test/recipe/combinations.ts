/** Recipes that prune a small residual network by every criterion, structure, budget and schedule that go together. */
import { CRITERIA } from "../../src/prune/criteria/criteria.ts";
import { checkScorable } from "../../src/prune/criteria/score.ts";
import { BUDGET_RULES } from "../../src/prune/budget/rules.ts";
import { costNames } from "../../src/prune/budget/costs/costs.ts";
import { constraintsOf, prunableLayers } from "../../src/prune/structures/constraints.ts";
import { GRANULARITIES } from "../../src/prune/structures/structures.ts";
import type { Granularity, Structure } from "../../src/prune/structures/types.ts";
import { UserError } from "../../src/errors.ts";
import type { Graph } from "../../src/graph/types.ts";
import { pairwise, type Row } from "./pairwise.ts";

/** What a budget counts; "keep" is no budget, but the same part of each layer. */
const UNTIL = "as little as holds";
const AMOUNTS = [UNTIL, "keep", ...costNames.filter((name) => name !== "ms")];

/** Budgets that only some structures can meet: zeros in place save no multiply-adds, and most change no activation's size. */
const SAVERS: Readonly<Record<string, readonly Granularity[]>> = {
  macs: ["layer", "filter", "channel", "column", "block", "block-punched", "pattern"],
  peakBytes: ["filter", "channel"],
};
const NO_RULE = "none";

const SETTINGS = {
  criterion: [...CRITERIA.keys()],
  amount: AMOUNTS,
  rule: [NO_RULE, ...BUDGET_RULES.keys()],
  schedule: ["one-shot", "progressive", "gradual", "until"],
};

/** A criterion and a structure that it can't score, with what is said of it. */
export interface Refused {
  readonly criterion: string;
  readonly structure: string;
  readonly message: string;
}

/** The pairs of criterion and structure that are refused on this network. */
export function refusedPairs(graph: Graph): Refused[] {
  return [...CRITERIA.values()].flatMap((criterion) =>
    structuresOf(graph).flatMap((structure): Refused[] => {
      try {
        checkScorable(criterion, constraintsOf(graph, [{ ...structureOf(structure), keep: 0.5 }]), graph);
        return [];
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        return [{ criterion: criterion.name, structure, message: error.message }];
      }
    })
  );
}

/** Rows that together hold every pair of settings that is allowed. */
export function combinations(graph: Graph): Row[] {
  const refused = new Set(refusedPairs(graph).map(({ criterion, structure }) => `${criterion} ${structure}`));
  return pairwise({ ...SETTINGS, structure: structuresOf(graph) }, (a, b) => {
    const at = Object.fromEntries([a, b]);
    if (refused.has(`${at.criterion} ${at.structure}`)) return false;
    if (at.schedule !== undefined && at.amount !== undefined) {
      return (at.schedule === "until") === (at.amount === UNTIL);
    }
    if (at.structure === "n:m" && (at.schedule === "gradual" || at.schedule === "until")) return false;
    // Without a budget there is nothing for a rule to share out.
    if (at.amount === "keep" && at.rule !== undefined) return at.rule === NO_RULE;
    if (at.amount !== undefined && at.rule !== undefined) return at.rule !== NO_RULE;
    const [structure, amount] = [at.structure as Granularity | undefined, at.amount];
    if (structure === undefined || amount === undefined) return true;
    if (structure === "n:m") return amount === "keep";
    return SAVERS[amount]?.includes(structure) ?? true;
  });
}

/** The stages of a row; fractions that every structure of a small network reaches, and a floor that every network holds. */
export function stagesOf({ criterion, structure, amount, rule, schedule }: Row): unknown[] {
  const amounts = amount === "keep"
    ? structure === "n:m" ? {} : { keep: 0.75 }
    : amount === UNTIL
    ? {}
    : { budget: { [amount]: 0.8, rule } };
  const schedules: Readonly<Record<string, object>> = {
    "one-shot": {},
    progressive: { steps: 2 },
    gradual: { gradual: { epochs: 1, every: 4 } },
    until: {
      until: { accuracy: 0.05, step: 0.5, bisections: 0, ...rule !== NO_RULE && { rule } },
    },
  };
  const prune = {
    kind: "prune",
    criterion,
    constraints: [{ kind: structure }],
    ...amounts,
    ...schedules[schedule],
    images: 64,
  };
  return [prune, { kind: "compact" }];
}

/** Those that the network has groups of: without attention there are no queries. */
function structuresOf(graph: Graph): Granularity[] {
  return GRANULARITIES.filter((name) => prunableLayers(graph, structureOf(name)).length > 0);
}

function structureOf(granularity: Granularity): Structure {
  const more: Partial<Record<Granularity, object>> = {
    block: { block: [4, 4] },
    "block-punched": { block: [4, 4] },
    pattern: { library: 8 },
    vector: { direction: "row" },
    "n:m": { n: 2, m: 4 },
  };
  return { granularity, ...more[granularity] } as Structure;
}
