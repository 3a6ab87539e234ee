/** Says of each layer's groups why they are still there. It is pure. */
import { UserError } from "../errors.ts";
import type { Graph, Model } from "../graph/types.ts";
import { explainAll, type Explanation } from "../prune/explain.ts";
import { coupledClasses } from "../prune/groups/coupling.ts";
import type { NextPruning, StayedGroups } from "./types.ts";

/** What is known of a network beside itself. */
export interface StayedOptions {
  /** What it was before pruning. */
  readonly dense?: Graph;
  /** Name of a layer -> what the run's recipe asked of its groups. */
  readonly asked?: ReadonlyMap<string, string>;
}

/** All that is asked of the network: half of its multiply-adds, as `prune` takes them where nothing is said. */
const HALF = 0.5;
const TARGET = "half of its multiply-adds";

/**
 * Lists the layers of a network, coupled ones together, in order of execution: what can't go and why, and what `prune`
 * would take and leave if it were to halve the multiply-adds by the weights' l2 norms.
 */
export function stayedGroups(
  model: Model,
  { dense, asked }: StayedOptions = {},
): { readonly stayed: StayedGroups[]; readonly noNext?: string } {
  const classes = coupledClasses(model.graph);
  const before = new Map(
    (dense ? coupledClasses(dense) : []).flatMap(({ producers, size }) => producers.map(({ node }) => [node, size])),
  );
  const { next, why } = nextPruning(model, classes.some(({ prunable }) => prunable));
  const stayed = classes.map(({ id, size, producers, why }): StayedGroups => {
    const layers = producers.map(({ node }) => node);
    const first = <T>(of: ReadonlyMap<string, T>) =>
      layers.map((name) => of.get(name)).find((one) => one !== undefined);
    const was = first(before), wanted = asked && first(asked), going = why === undefined ? first(next) : undefined;
    return {
      name: id,
      layers,
      ...was !== undefined && { before: was },
      now: size,
      ...wanted !== undefined && { asked: wanted },
      ...why !== undefined && { blocked: why },
      ...going && { next: going },
    };
  });
  return { stayed, ...why !== undefined && { noNext: why } };
}

/** Of each layer that can lose groups; or why nothing can be told. */
function nextPruning(
  model: Model,
  prunable: boolean,
): { readonly next: ReadonlyMap<string, NextPruning>; readonly why?: string } {
  if (!prunable) return { next: new Map() };
  try {
    const found = explainAll(model, { budget: { macs: HALF } });
    return { next: new Map(found.flatMap((one) => one.layers.map((layer) => [layer, summary(one)]))) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { next: new Map(), why: error.message };
  }
}

function summary({ groups, keep, criterion, budget, ranking }: Explanation): NextPruning {
  const staying = Map.groupBy(ranking.filter(({ stays }) => stays), ({ reason }) => reason);
  return {
    target: TARGET,
    criterion,
    rule: budget!.rule,
    go: groups - keep,
    ...budget!.threshold !== undefined && { threshold: budget!.threshold },
    reasons: Array.from(staying, ([reason, list]) => {
      const worths = list.flatMap(({ worth }) => worth ?? []);
      return { reason, groups: list.length, ...worths.length > 0 && { lowest: Math.min(...worths) } };
    }),
  };
}
