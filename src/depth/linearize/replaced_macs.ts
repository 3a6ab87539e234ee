import { graphCost } from "../../graph/cost.ts";
import type { Graph } from "../../graph/types.ts";
import type { Block } from "../types.ts";
import { type LinearPlan, zeroFit } from "./linear_plan.ts";
import { placeLayer } from "./place_layer.ts";

/** Multiply-adds for one image: of a block's nodes, and of its layer and those of its nodes that stay beside it. */
export function replacedMacs(
  graph: Graph,
  block: Block,
  plan: LinearPlan,
): { readonly before: number; readonly after: number } {
  const cost = graphCost(graph);
  const before = block.nodes.reduce((sum, name) => sum + cost.nodes.get(name)!.macs, 0);
  const { model } = placeLayer({ graph, params: new Map() }, { block, plan, fit: zeroFit(plan) }, "replaced");
  return { before, after: before - (cost.macs - graphCost(model.graph).macs) };
}
