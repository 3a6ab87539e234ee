/** Fewer filters: those go that cost the outputs least for the multiply-adds they save, and their readers are fitted anew. */
import { spread } from "../../data/splits.ts";
import { graphCost } from "../../graph/cost.ts";
import type { Model } from "../../graph/types.ts";
import { solveBudget } from "../../prune/budget/budget.ts";
import { scorePerCost } from "../../prune/budget/score_per_cost.ts";
import { reconstruct } from "../../prune/reconstruct/reconstruct.ts";
import { reconstructible } from "../../prune/reconstruct/reconstructible.ts";
import { removalCosts } from "../../prune/reconstruct/removal_costs.ts";
import { compact } from "../../prune/rewrite/compact.ts";
import { constraintsOf } from "../../prune/structures/constraints.ts";
import { maskModel, masksOf } from "../../prune/structures/masks.ts";
import { rankGroups } from "../../prune/structures/selection.ts";
import type { Constraint } from "../../prune/structures/types.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import { costOf, type Looked, type Material, partCost, type Way } from "./way.ts";

/** What is left are plain convolutions, which any runtime reads. */
const PLAIN = { columns: false, border: "keep" } as const;

export const width: Way = {
  parts: ({ graph }) => reconstructible(graph, {}).options.layers!.length,
  async look(material, { gpu, signal, progress }) {
    const { model, images, batch, looked } = material;
    const constraints = constraintsOf(model.graph, [reconstructible(model.graph, {}).options]);
    const looking = { gpu, model, images: spread(images, looked), constraints, batch, signal, progress };
    const costs = await removalCosts(looking);
    return lookedAt(material, constraints, constraints.map(({ name }) => costs.get(name)!));
  },
};

function lookedAt(
  { model, images, batch }: Material,
  constraints: readonly Constraint[],
  scores: readonly Float64Array[],
): Looked {
  const { graph } = model;
  const before = graphCost(graph);
  const budget = (removed: number) =>
    solveBudget(graph, constraints, scores, { target: { macs: 1 - removed }, rule: scorePerCost, compact: PLAIN })
      .constraints;
  const left = (keep: readonly number[]) => compact(withBest(model, constraints, scores, keep), PLAIN);
  const smallest = left(constraints.map(({ minKeep }) => minKeep)).report.after;
  return {
    most: 1 - smallest.macs / before.macs,
    predict(removed) {
      const keep = budget(removed).map((constraint) => constraint.keep);
      const { model: small, report } = left(keep);
      const after = graphCost(small.graph);
      const parts = report.layers.map(({ name, before: { filters }, after: stays }) => ({
        name,
        filters: { kept: stays?.filters ?? 0, of: filters },
        before: partCost(before, [name]),
        after: partCost(after, [name]),
      }));
      return { before: costOf(before), after: costOf(after), parts, loss: lossWithout(scores, keep) };
    },
    async make({ gpu, signal, progress }, removed) {
      const chosen = budget(removed);
      const options = { gpu, model, images, batch, signal, progress, constraints: chosen };
      const { model: pruned, masks, starved } = await reconstruct(options);
      const fitted = await recalibrate(gpu, maskModel(pruned, masks), images, batch);
      return { fitted, small: compact(fitted, PLAIN).model, notes: notesOf(starved, images.count) };
    },
  };
}

/** The network with as many groups of each constraint as it is to keep: those of the highest scores. */
function withBest(
  model: Model,
  constraints: readonly Constraint[],
  scores: readonly Float64Array[],
  keep: readonly number[],
): Model {
  const choices = constraints.map((constraint, c) => ({ constraint, kept: rankGroups(scores[c]).slice(0, keep[c]) }))
    .filter(({ constraint, kept }) => kept.length < constraint.groups);
  return maskModel(model, masksOf(choices, model.params));
}

/** What the groups that go have cost, summed as if layers didn't know of each other. */
export function lossWithout(scores: readonly Float64Array[], keep: readonly number[]): number {
  return scores.reduce(
    (sum, of, c) => of.toSorted().subarray(0, of.length - keep[c]).reduce((all, score) => all + score, sum),
    0,
  );
}

function notesOf(starved: readonly { readonly layer: string; readonly wanted: number }[], images: number): string[] {
  if (starved.length === 0) return [];
  const { layer, wanted } = starved.reduce((a, b) => b.wanted > a.wanted ? b : a);
  return [
    `${images} images tell too little of ${starved.length} layers, whose fits are held back: "${layer}" wants ${wanted}`,
  ];
}
