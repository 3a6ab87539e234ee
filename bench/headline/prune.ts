/** Structures at random: which filters and columns go is drawn by seed. Nothing here looks at a weight's size. */
import { random } from "../../kernels/random/philox.ts";
import type { Model } from "../../src/graph/types.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { type Choice, maskModel, masksOf } from "../../src/prune/structures/masks.ts";
import { topGroups } from "../../src/prune/structures/selection.ts";
import { removeUnused } from "../../src/prune/rewrite/unused.ts";

export type Kind = "column" | "filter";

/** Keep this part of the groups in these nodes. */
export interface Cut {
  readonly kind: Kind;
  readonly keep: number;
  readonly nodes: readonly string[];
}

export interface Pruned {
  /** Zeros where something went, paths that lead nowhere among them; the dense shapes. */
  readonly masked: Model;
  /** Physically smaller, the same function. */
  readonly compact: Model;
}

export function pruneAtRandom(model: Model, cuts: readonly Cut[], seed: number): Pruned {
  const rng = random(seed, "bench/headline");
  const constraints = cuts.flatMap(({ kind, keep, nodes }) =>
    coupledConstraints(model.graph, { granularity: kind, keep, layers: nodes })
  );
  const choices = constraints.map((constraint, step): Choice => ({
    constraint,
    kept: topGroups(rng.fillUniform(new Float64Array(constraint.groups), step), constraint.keep),
  }));
  const masked = removeUnused(maskModel(model, masksOf(choices, model.params))).model;
  return { masked, compact: compact(masked).model };
}

/** Numbers that aren't zero in the convolutions, stored or not. */
export function convWeights({ graph, params }: Model): number {
  let count = 0;
  for (const { op, inputs } of graph.nodes) {
    if (op !== "Conv" && op !== "ColumnConv") continue;
    for (const weight of params.get(inputs[1])!.data) if (weight !== 0) count++;
  }
  return count;
}
