import { proofInputs } from "../data/proof_inputs.ts";
import { spread } from "../data/splits.ts";
import { chosenBlocks, linearCandidates } from "../depth/linearize/candidates.ts";
import { linearize, mixedLayers, scoreBlocks } from "../depth/linearize/linearize.ts";
import { assertEquivalent } from "../graph/equivalence.ts";
import { applyIndexMap, compose } from "../graph/indexmap.ts";
import type { Graph } from "../graph/types.ts";
import { partialMasks } from "../prune/structures/masks.ts";
import type { LinearizeStage } from "../recipe/registry.ts";
import { withBlocks } from "../report/depth_blocks.ts";
import { pointOf } from "../report/points.ts";
import type { RunContext } from "./context.ts";

/** Blocks become linear layers, fitted to what they compute on some training images: no labels, no training (docs/pipeline.md). */
export async function runLinearizeStage(ctx: RunContext, stage: LinearizeStage): Promise<void> {
  const { gpu, state, ui, signal } = ctx;
  const { model } = state;
  const candidates = linearCandidates(model.graph, stage);
  chosenBlocks(candidates, stage.blocks);
  const options = {
    gpu,
    model,
    images: spread(ctx.data.train, stage.images),
    ridge: stage.ridge,
    kernel: stage.kernel,
    signal,
  };
  const named = typeof stage.blocks === "object" ? chosenBlocks(candidates, stage.blocks) : [];
  const scored = await scoreBlocks({ ...options, blocks: [...new Set([...candidates.blocks, ...named])] });
  const scores = new Map(scored.map(({ block, r2 }) => [block, r2]));
  const blocks = chosenBlocks(candidates, stage.blocks, scores);
  const progress = ui.stage("linearize", blocks.length);
  try {
    const { rewrite, layers } = await linearize({ ...options, blocks, progress: (done) => progress.update(done, {}) });
    const { inputs, batch } = proofInputs(ctx.data.validation, ctx.recipe.seed);
    await assertEquivalent(gpu, mixedLayers(model, layers).model, rewrite.model, inputs, batch);
    state.masks = partialMasks(applyIndexMap(rewrite.map, state.masks).tensors);
    state.origin = compose(state.origin, rewrite.map, state.dense.graph.params);
    state.model = rewrite.model;
  } catch (error) {
    progress.abandon();
    throw error;
  }
  progress.done(blocks.map(({ name }) => name).join(", "));
  // Another function from here on: what was proved or chosen before isn't about it.
  state.masked = state.best = state.equivalence = undefined;
  const forms = new Map(blocks.map(({ name }) => [name, "linear"]));
  state.depth = withBlocks(state.depth, { dense: state.dense.graph, now: state.model.graph }, { forms, scores });
  await ctx.log({ phase: "linearize", blocks: [...forms.keys()], scores: Object.fromEntries(scores) });
  state.points.push(await pointOf(ctx, "linear layers", state.model));
}

/** Says before anything is trained which of a stage's blocks aren't there or can't become linear layers. @throws UserError */
export function checkLinearize(graph: Graph, { blocks, kernel }: LinearizeStage): void {
  chosenBlocks(linearCandidates(graph, { kernel }), blocks);
}
