/** What merging a block becomes where a device may have a say in it. */
import { UserError } from "../../errors.ts";
import type { Graph } from "../../graph/types.ts";
import { latencyEstimate, unfitTable } from "../../measure/latency/estimate.ts";
import type { LatencyTable } from "../../measure/latency/types.ts";
import { mergedGraph, type MergeTarget, planBlock } from "./merge.ts";
import type { MergeGoal, MergePlan, MergeRefused } from "./plan.ts";

/** How forms are merged. */
export interface MergeFormOptions {
  /**
   * "fastest": one layer where a table has both it and the layers of the fewest multiply-adds, and says that it takes less time; else
   * these. Default "fewest macs".
   */
  readonly layers?: MergeGoal | "fastest";
  /** Of the network that is merged, on the device that it is for. */
  readonly table?: LatencyTable;
}

/** The plans of one block that has taken its form. */
export function planForm(
  graph: Graph,
  block: MergeTarget,
  { layers = "fewest macs", table }: MergeFormOptions = {},
): readonly MergePlan[] | MergeRefused {
  if (layers !== "fastest") return planBlock(graph, block, { layers });
  const fewest = planBlock(graph, block, { layers: "fewest macs" });
  if (!table) return fewest;
  const one = planBlock(graph, block, { layers: "one" });
  if ("refused" in one) return fewest;
  const [oneMs, fewestMs] = [one, fewest].map((plans) => msOf(graph, plans, table));
  return oneMs !== undefined && fewestMs !== undefined && oneMs < fewestMs ? one : fewest;
}

/** Of the network with the plans carried out; undefined where the table can't price it, or they can't be carried out. */
function msOf(graph: Graph, plans: readonly MergePlan[] | MergeRefused, table: LatencyTable): number | undefined {
  try {
    const merged = { graph: "refused" in plans ? graph : mergedGraph(graph, plans) };
    return unfitTable(table, merged) === undefined ? latencyEstimate(table)(merged) : undefined;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
