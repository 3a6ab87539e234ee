import { spread } from "../data/splits.ts";
import { findBlocks } from "../depth/blocks/find_blocks.ts";
import { startForms } from "../depth/start_forms.ts";
import { fullGene, geneFamily } from "../depth/supernet/gene_family.ts";
import { supernet } from "../depth/supernet/supernet.ts";
import type { SupernetStage } from "../recipe/registry.ts";
import { bordersOf } from "./borders.ts";
import type { RunContext } from "./context.ts";
import { fit } from "./fit.ts";
import { startGene } from "./genes.ts";
import { familyLoss } from "./loss.ts";

/** Trains the network together with those in which blocks have taken a form; the run's own network stays as it is. */
export async function runSupernetStage(ctx: RunContext, stage: SupernetStage): Promise<void> {
  const { gpu, recipe, state } = ctx;
  const { model } = state;
  const saved = ctx.takeProgress();
  const { blocks } = findBlocks(model.graph);
  const gene = startGene(model.graph, blocks, stage.start);
  const borders = bordersOf(ctx, state.stage, model.graph, blocks, gene);
  const { unmoved: mixed, mixes } = await startForms({
    gpu,
    model,
    blocks,
    gene,
    borders,
    images: spread(ctx.data.train, stage.images),
    signal: ctx.signal,
  });
  const family = geneFamily(
    mixed,
    blocks.map((block, b) => ({ block, form: gene[b], mixes: mixes[b], border: borders[b] })),
  );
  const { graphs, loss, callback } = supernet({
    family,
    teacher: state.dense,
    random: stage.random,
    seed: recipe.seed,
    loss: familyLoss(stage, state.dense),
  });
  const { params } = await fit(ctx, {
    model: { graph: graphs[0], params: family.params },
    masks: state.masks,
    label: "supernet",
    epochs: stage.epochs,
    optimizer: stage.optimizer,
    schedule: stage.schedule,
    labelSmoothing: stage.labelSmoothing,
    family: { graphs, loss, statistics: "first" },
    phase: { kind: "supernet" },
    callbacks: [callback],
  }, saved);
  state.supernet = {
    mixed: { graph: mixed.graph, params },
    blocks: family.blocks.map(({ form, mixes, border }) => ({ form, mixes, border })),
  };
  await ctx.log({ phase: "supernet", forms: fullGene(family) });
}
