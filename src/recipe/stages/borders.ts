/** Where blocks that take a form have their padding, by what a run's stages say. */
import { findBlocks } from "../../depth/blocks/find_blocks.ts";
import { chooseBorders } from "../../depth/forms/borders.ts";
import { formsOf } from "../../depth/forms/forms.ts";
import type { Block, Border, Gene } from "../../depth/types.ts";
import type { Graph } from "../../graph/types.ts";
import { tableIn } from "../../measure/latency/choose.ts";
import type { RunContext } from "../context.ts";
import type { Stage } from "../registry.ts";
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
  const place = stages.findIndex(({ kind }, i) => kind === "subnet" && i >= at);
  const subnet = stages[place];
  if (subnet?.kind !== "subnet") return chooseBorders(graph, blocks, gene);
  const search = stages[place - 1];
  const merge = stages.slice(place).find((stage) => stage.kind === "merge");
  return chooseBorders(graph, blocks, gene, {
    border: subnet.border,
    table: tableIn(tables, (search.kind === "search" && search.budget) || {}, { graph }),
    layers: merge && GOALS[merge.layers],
  });
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
