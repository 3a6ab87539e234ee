/** Where blocks that take a form have their padding, by what a run's stages say. */
import { findBlocks } from "../depth/blocks/find_blocks.ts";
import { type BorderOptions, chooseBorders } from "../depth/forms/borders.ts";
import { formsOf } from "../depth/forms/forms.ts";
import type { Block, Border, Gene } from "../depth/types.ts";
import type { Graph } from "../graph/types.ts";
import { tableIn } from "../measure/latency/choose.ts";
import type { LatencyTable } from "../measure/latency/types.ts";
import type { Stage } from "../recipe/registry.ts";
import type { RunContext } from "./context.ts";
import { GOALS } from "./layer_goals.ts";

/**
 * The border of each block, as the first subnet stage from `at` on says. Supernets and searches before it ask for the same ones, so
 * that genes are judged by the networks that they become.
 *
 * @throws UserError where padding is to move and can't
 */
export function bordersOf(
  { recipe: { stages }, tables }: Pick<RunContext, "recipe" | "tables">,
  at: number,
  graph: Graph,
  blocks: readonly Block[],
  gene: Gene,
): readonly Border[] {
  return chooseBorders(graph, blocks, gene, mergingOf({ stages, tables }, at, graph));
}

/** A run's stages, and the device that it is for. */
export interface MergingSetting {
  readonly stages: readonly Stage[];
  readonly tables: readonly LatencyTable[];
}

/** Where forms will have their padding and what they will be merged to, by the first subnet stage from `at` on and what follows. */
export function mergingOf({ stages, tables }: MergingSetting, at: number, graph: Graph): BorderOptions {
  const place = stages.findIndex(({ kind }, i) => kind === "subnet" && i >= at);
  const [search, subnet] = [stages[place - 1], stages[place]];
  if (subnet?.kind !== "subnet" || search?.kind !== "search") return {};
  const merge = stages.slice(place).find((stage) => stage.kind === "merge");
  return {
    border: subnet.border,
    table: tableIn(tables, search.budget ?? {}, { graph }),
    layers: merge && GOALS[merge.layers],
  };
}

/** Says before anything is trained of which block the padding can't move. @throws UserError */
export function checkBorders(graph: Graph, stages: readonly Stage[], at: number): void {
  const [supernet, search, subnet] = [stages[at - 2], stages[at - 1], stages[at]];
  if (subnet.kind !== "subnet" || subnet.border !== "move" || search.kind !== "search") return;
  const { blocks } = findBlocks(graph);
  const forms = search.forms ?? [supernet?.kind === "supernet" ? supernet.start : "linear"];
  const genes: readonly Gene[] = search.gene
    ? [search.gene.map((place) => place === 0 ? "keep" : place === 1 ? forms[0] : place)]
    : forms.map((form) => blocks.map((block) => formsOf(graph, block).includes(form) ? form : "keep"));
  for (const gene of genes) chooseBorders(graph, blocks, gene, { border: "move" });
}
