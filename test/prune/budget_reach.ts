/** Networks of seeded weights, pruned to a budget without training. */
import { UserError } from "../../src/errors.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { COSTS } from "../../src/prune/budget/costs/costs.ts";
import { prune, type PruneOptions } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import type { GatheredEvidence } from "../../src/train/evidence/evidence.ts";

export { WITHIN } from "../../src/prune/budget/approach.ts";

/** Costs that are asked for: multiply-adds, numbers, and time on a device that computes four filters and channels at once. */
export type AskedCost = "macs" | "params" | "ms";

export interface Asked {
  readonly criterion: string;
  readonly cost: AskedCost;
  /** Of what the dense network has. */
  readonly fraction: number;
  readonly evidence?: GatheredEvidence;
}

export function networkOf(name: string): Model {
  const graph = createModel(name);
  return { graph, params: initialise(graph, 1) };
}

/** Kernels are the only groups of this criterion, and save no multiply-adds. A batch norm stands before the second layers of blocks. */
const KERNELS = "synaptic-strength";
const BEHIND_NORMS = ["*.conv2"];

/**
 * By how much less than was asked the compact network has, in fractions of what the dense one has, and what `prune` says of it; of
 * kernels by how many fewer stay. Or why it can't be.
 */
export function missOf(model: Model, asked: Asked): { readonly miss: number; readonly shortfall?: string } | string {
  const { criterion, cost, fraction, evidence } = asked;
  try {
    if (criterion === KERNELS) {
      const constraints = [{ granularity: "kernel", layers: BEHIND_NORMS }] as const;
      const { kept } = prune(model, { criterion, constraints, budget: { groups: fraction } });
      const sum = (of: "keep" | "groups") => kept.reduce((total, record) => total + record[of], 0);
      return { miss: fraction - sum("keep") / sum("groups") };
    }
    const dense = costOf(model, cost);
    const amount = COSTS[cost].amount === "fraction" ? fraction : fraction * dense;
    const budget = { [cost]: amount, ...cost === "ms" && { latency: stairs } };
    const options: PruneOptions = { criterion, budget, ...evidence && { evidence } };
    const { model: masked, shortfall } = prune(model, options);
    const miss = fraction - costOf(compact(masked).model, cost) / dense;
    return { miss, ...shortfall !== undefined && { shortfall } };
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

function costOf(model: Model, cost: AskedCost): number {
  return cost === "ms" ? stairs(model) : graphCost(model.graph)[cost];
}

/** Σ over weights of their size, filters and channels rounded up to fours: of some widths one filter less saves nothing. */
function stairs({ graph }: Model): number {
  const fours = (n: number) => 4 * Math.ceil(n / 4);
  return Object.values(graph.params).filter(({ role, shape }) => role === "weight" && shape.length > 1)
    .reduce((sum, { shape: [f, c, ...window] }) => sum + fours(f) * fours(c) * window.reduce((a, b) => a * b, 1), 0);
}
