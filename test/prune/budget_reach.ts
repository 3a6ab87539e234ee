/** Networks of seeded weights, pruned to a budget without training. */
import { UserError } from "../../src/errors.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { CRITERIA } from "../../src/prune/criteria/criteria.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";

/** Those that need no images. */
export const WEIGHT_CRITERIA: readonly string[] = [...CRITERIA.values()].filter(({ request }) => !request)
  .map(({ name }) => name);

/** What is asked for is reached to within so much of the dense network … */
export const WITHIN = 0.01;
/** … or, where a group of the residual stream is the last to go, to within what it costs: a ResNet-20 has 16 in its first stage. */
export const COUPLED_GROUP = 1 / 16;

/** Kernels are the only groups of this criterion, and save no multiply-adds. A batch norm stands before the second layers of blocks. */
const KERNELS = "synaptic-strength";
const BEHIND_NORMS = ["*.conv2"];

/**
 * By how much less than was asked the compact network costs, in fractions of the dense one: MACs, or of kernels the groups that stay. Or
 * why it can't be.
 */
export function missOf(network: string, criterion: string, asked: number): number | string {
  const graph = createModel(network);
  const model = { graph, params: initialise(graph, 1) };
  try {
    if (criterion === KERNELS) {
      const constraints = [{ granularity: "kernel", layers: BEHIND_NORMS }] as const;
      const { kept } = prune(model, { criterion, constraints, budget: { groups: asked } });
      const sum = (of: "keep" | "groups") => kept.reduce((total, record) => total + record[of], 0);
      return asked - sum("keep") / sum("groups");
    }
    const { model: masked } = prune(model, { criterion, budget: { macs: asked } });
    return asked - graphCost(compact(masked).model.graph).macs / graphCost(graph).macs;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}
