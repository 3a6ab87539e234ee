import { spread } from "../data/splits.ts";
import { findBlocks } from "../depth/blocks/find_blocks.ts";
import { startChoices } from "../depth/joint/start_choices.ts";
import { progressive } from "../depth/progressive/progressive.ts";
import { applyIndexMap, compose } from "../graph/indexmap.ts";
import type { IndexMap } from "../graph/types.ts";
import { partialMasks } from "../prune/structures/masks.ts";
import type { SubnetStage } from "../recipe/registry.ts";
import { withBlocks } from "../report/depth_blocks.ts";
import { pointOf } from "../report/points.ts";
import { recalibrate } from "../train/recalibrate.ts";
import { bordersOf } from "./borders.ts";
import type { RunContext } from "./context.ts";
import { fit } from "./fit.ts";
import { familyLoss } from "./loss.ts";

/**
 * The blocks that the search has chosen become narrower at once or evolve into their forms; the network of the forms is what the run
 * goes on with.
 */
export async function runSubnetStage(ctx: RunContext, stage: SubnetStage): Promise<void> {
  const { gpu, recipe, state, ui } = ctx;
  const { model } = state;
  const saved = ctx.takeProgress();
  const gene = state.gene!;
  const { blocks } = findBlocks(model.graph);
  const borders = bordersOf(ctx, state.stage, model.graph, blocks, gene);
  const moved = blocks.map(({ name }) => name).filter((_, b) => borders[b] === "move");
  if (moved.length > 0) ui.note(`subnet: padding moves to the first layer of ${moved.join(", ")}`);
  const { rewrite: { model: mixed, map }, scores } = await startChoices({
    gpu,
    model,
    blocks,
    gene,
    borders,
    images: spread(ctx.data.train, stage.images),
    signal: ctx.signal,
  });
  const masks = partialMasks(applyIndexMap(map, state.masks).tensors);
  const family = progressive({
    mixed,
    teacher: state.dense,
    lambda: stage.lambda,
    loss: familyLoss(stage, state.dense),
  });
  const { params } = await fit(ctx, {
    model: { graph: family.graphs[0], params: mixed.params },
    masks,
    label: "subnet",
    epochs: stage.epochs,
    optimizer: stage.optimizer,
    schedule: stage.schedule,
    labelSmoothing: stage.labelSmoothing,
    family: { graphs: family.graphs, loss: family.loss },
    phase: { kind: "subnet" },
    callbacks: [family.callback],
  }, saved);
  const settled = await recalibrate(gpu, family.settled(params), ctx.data.train, recipe.batch);
  const own: IndexMap = new Map([...map].filter(([name]) => settled.graph.params[name]));
  state.origin = compose(state.origin, own, state.dense.graph.params);
  state.masks = partialMasks(new Map([...masks].filter(([name]) => settled.graph.params[name])));
  state.model = settled;
  // Another function from here on: what was proved or chosen before isn't about it.
  state.masked =
    state.best =
    state.equivalence =
    state.gene =
      undefined;
  const graphs = { dense: state.dense.graph, now: settled.graph };
  const r2 = new Map(scores.map((score) => [score.block, score.r2]));
  state.depth = withBlocks(state.depth, graphs, {
    scores: r2,
    borders: new Map(moved.map((name) => [name, "moved"] as const)),
  });
  state.points.push(await pointOf(ctx, "subnet", settled));
}
