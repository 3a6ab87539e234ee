/**
 * Budgets of half of what networks of CIFAR's size have, by every criterion: multiply-adds, numbers, and time on a device that
 * computes four channels at once, a line for each. Fails where the network that comes out has more than was asked, or less by more
 * than a hundredth of the dense one without saying so. Names of networks as arguments: only these.
 */
import { CRITERIA } from "../../src/prune/criteria/criteria.ts";
import { gatherFor } from "../../src/prune/criteria/gather.ts";
import type { Criterion } from "../../src/prune/criteria/types.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import type { Model } from "../../src/graph/types.ts";
import { UserError } from "../../src/errors.ts";
import type { GatheredEvidence } from "../../src/train/evidence/evidence.ts";
import { testGpu } from "../gpu.ts";
import { type AskedCost, missOf, networkOf, WITHIN } from "../prune/budget_reach.ts";
import { imagesFor } from "../prune/sensitivity/images.ts";

const NETWORKS = ["resnet20", "mobilenetv2-cifar", "densenet40", "convnext-cifar", "deit-cifar"];
/** Random images say nothing of a criterion, and as much as others of how near a budget comes by it. */
const IMAGES = 16;
const HALF = 0.5;

const gpu = await testGpu();
let failed = false;
for (const network of Deno.args.length > 0 ? Deno.args : NETWORKS) {
  const model = networkOf(network);
  for (const criterion of CRITERIA.values()) {
    const evidence = await evidenceOf(criterion, model);
    if (typeof evidence === "string") {
      console.log(`${network}  ${criterion.name}  –  refused: ${evidence.slice(0, 120)}`);
      continue;
    }
    // Time depends on widths as numbers do, so that one criterion tells.
    const costs: readonly AskedCost[] = criterion.name === "l2" ? ["macs", "params", "ms"] : ["macs", "params"];
    for (const cost of costs) {
      const found = missOf(model, { criterion: criterion.name, cost, fraction: HALF, ...evidence });
      const line = typeof found === "string" ? `–  refused: ${found.slice(0, 120)}` : verdictOf(found);
      failed ||= line.endsWith("MISSED");
      console.log(`${network}  ${criterion.name}  ${cost}  ${line}`);
    }
  }
}
gpu.close();
Deno.exit(failed ? 1 : 0);

function verdictOf({ miss, shortfall }: { readonly miss: number; readonly shortfall?: string }): string {
  const reached = (HALF - miss).toFixed(4);
  if (miss >= 0 && miss <= WITHIN) return `${reached}  reached`;
  return miss > 0 && shortfall !== undefined ? `${reached}  ${shortfall}` : `${reached}  MISSED`;
}

/** What a criterion looks at beside weights, or why it can't. */
async function evidenceOf(
  criterion: Criterion,
  model: Model,
): Promise<{ readonly evidence?: GatheredEvidence } | string> {
  if (!criterion.request) return {};
  const constraints = coupledConstraints(model.graph, { granularity: "filter", keep: 1 });
  const data = imagesFor(model.graph, IMAGES);
  try {
    const evidence = await gatherFor({ gpu, model, data, criterion, constraints, batch: IMAGES });
    return { ...evidence && { evidence } };
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}
