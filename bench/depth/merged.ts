/** Networks some of whose blocks are merged, without numbers: a time doesn't depend on them. */
import { initialise } from "../../src/graph/initialise.ts";
import { graphCost } from "../../src/graph/cost.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { applyGene, formsOf } from "../../src/depth/forms/forms.ts";
import { settle } from "../../src/depth/forms/settle.ts";
import { mergedGraph, planBlock } from "../../src/depth/merge/merge.ts";
import type { MergeGoal, MergePlan } from "../../src/depth/merge/plan.ts";
import type { Block, FormName } from "../../src/depth/types.ts";

export interface Choice {
  readonly form: FormName;
  /** How many blocks take it, the earliest that can. */
  readonly blocks: number;
  /** As one layer even where that takes more multiply-adds; default "fewest macs". */
  readonly layers?: MergeGoal;
}

export interface Merged {
  readonly graph: Graph;
  /** Names of the blocks that were merged. */
  readonly blocks: readonly string[];
}

/**
 * The network with its earliest blocks merged that can take the form and are cheaper by it, in multiply-adds; with `layers`
 * "one" those that can take it at all.
 *
 * @throws RangeError where there are fewer
 */
export function mergedNetwork(graph: Graph, { form, blocks: count, layers }: Choice): Merged {
  const found = findBlocks(graph);
  const model: Model = { graph, params: initialise(graph, 1) };
  const chosen: Block[] = [];
  for (const block of found.blocks) {
    if (chosen.length < count && takes(model, block, form, layers)) chosen.push(block);
  }
  if (chosen.length < count) {
    throw new RangeError(`"${graph.name}": ${chosen.length} blocks take the form "${form}", not ${count}`);
  }
  return { graph: withForms(model, chosen, form, layers), blocks: chosen.map(({ name }) => name) };
}

/** How many blocks of a network could be merged at all. */
export function blockCount(graph: Graph): number {
  return findBlocks(graph).blocks.length;
}

function takes(model: Model, block: Block, form: FormName, layers: MergeGoal | undefined): boolean {
  if (!formsOf(model.graph, block).includes(form)) return false;
  if (form === "skip") return true;
  const formed = settled(model, [block], form);
  const plans = plansOf(formed.graph, block, layers);
  if (!plans) return false;
  return layers === "one" || graphCost(mergedGraph(formed.graph, plans)).macs < graphCost(model.graph).macs;
}

function withForms(model: Model, blocks: readonly Block[], form: FormName, layers: MergeGoal | undefined): Graph {
  const { graph } = settled(model, blocks, form);
  return mergedGraph(graph, blocks.flatMap((block) => plansOf(graph, block, layers) ?? []));
}

function settled(model: Model, blocks: readonly Block[], form: FormName): Model {
  const found = findBlocks(model.graph);
  const names = new Set(blocks.map(({ name }) => name));
  const gene = found.blocks.map(({ name }) => names.has(name) ? form : "keep");
  return settle(applyGene(model, found, gene).model, "form");
}

/** A block is found again by the names of its input and its output. */
function plansOf(graph: Graph, block: Block, layers: MergeGoal | undefined): readonly MergePlan[] | undefined {
  const plans = planBlock(graph, block, { layers });
  return "refused" in plans ? undefined : plans;
}
