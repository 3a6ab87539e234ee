import { spread } from "../data/splits.ts";
import { findBlocks } from "../depth/blocks/find_blocks.ts";
import { jointKnapsack } from "../depth/joint/joint_knapsack.ts";
import { knapsackScores } from "../depth/joint/knapsack_scores.ts";
import { costOf, keyOf } from "../depth/search/gene_space.ts";
import type { BlockScores } from "../depth/search/knapsack.ts";
import {
  mostEvaluations,
  searchGenes,
  type SearchOptions,
  type SearchResult,
  type SearchState,
} from "../depth/search/search.ts";
import { evaluateGene, fidelitiesAgree } from "../depth/supernet/evaluate_gene.ts";
import { geneNetworks } from "../depth/supernet/gene_networks.ts";
import { doubtOfTable } from "../measure/latency/choose.ts";
import type { SearchStage } from "../recipe/registry.ts";
import { requested } from "../report/achieved.ts";
import { withBlocks } from "../report/depth_blocks.ts";
import { Interrupted } from "../train/errors.ts";
import { bordersOf } from "./borders.ts";
import type { RunContext } from "./context.ts";
import { geneOf } from "./genes.ts";
import { formsFor, type Searched, whatIsSearched } from "./searched_genes.ts";

/** Between two checkpoints: each holds the whole run. */
const SAVE_EVERY_MS = 10_000;

/** Chooses what becomes of each block; the network stays as it is until a subnet is trained. */
export async function runSearchStage(ctx: RunContext, stage: SearchStage): Promise<void> {
  const { state, ui } = ctx;
  const { model } = state;
  const { blocks } = findBlocks(model.graph);
  const searched = whatIsSearched(model, stage, formsFor(stage, state.supernet), {
    stages: ctx.recipe.stages,
    tables: ctx.tables,
  });
  const { space, forms } = searched;
  if (stage.gene) {
    state.gene = geneOf(space, stage.gene, forms[0]);
    await ctx.log({ phase: "search", gene: state.gene, cost: costOf(space, state.gene), unit: space.unit });
  } else {
    const { budget } = stage;
    const doubt = budget?.ms === undefined ? undefined : doubtOfTable(ctx.tables, budget, model);
    if (doubt !== undefined) ui.warn(doubt);
    Object.assign(state.requested, requested({ constraints: [], budget: budget ?? {} }));
    const { method, best, points, pareto } = await search(ctx, stage, searched);
    state.gene = best.gene;
    state.depth = {
      ...withBlocks(state.depth, { dense: state.dense.graph, now: model.graph }),
      search: {
        method,
        value: method === "knapsack" ? "score" : "accuracy",
        cost: space.unit,
        candidates: points.map(({ gene, cost, value }) => ({ gene, cost, value })),
        pareto,
        chosen: points.findIndex(({ gene }) => keyOf(gene) === keyOf(best.gene)),
      },
    };
    await ctx.log({ phase: "search", method, ...best, unit: space.unit, pareto: pareto.map((i) => points[i]) });
  }
  const named = new Map(blocks.map(({ name }, b) => [name, state.gene![b]]));
  const graphs = { dense: state.dense.graph, now: model.graph };
  state.depth = withBlocks(state.depth, graphs, { forms: named });
  state.supernet = undefined;
  const changed = blocks.flatMap(({ name }, b) => state.gene![b] === "keep" ? [] : [`${name} ${state.gene![b]}`]);
  ui.note(`search: ${changed.join(", ") || "no block changes"}`);
}

/** Widths are chosen by a knapsack unless the recipe says otherwise: with them there are too many genes to evaluate each. */
function methodOf({ method, widths }: SearchStage): SearchOptions["method"] {
  return method === "auto" && widths ? "knapsack" : method;
}

async function search(ctx: RunContext, stage: SearchStage, searched: Searched): Promise<SearchResult> {
  const { space, priced } = searched;
  const constraint = searched.constraint!;
  const method = methodOf(stage);
  if (method !== "knapsack") return await evaluated(ctx, stage, searched);
  const scores = await scoresOf(ctx, stage, searched);
  if (constraint.kind === "count") return await searchGenes({ space, constraint, method, scores });
  return jointKnapsack({ ...priced, space, scores, limit: constraint.limit });
}

async function scoresOf(ctx: RunContext, stage: SearchStage, { space, priced }: Searched): Promise<BlockScores> {
  const { gpu, state, recipe, signal } = ctx;
  const { model, blocks } = priced;
  const progress = ctx.ui.stage("search", blocks.length);
  try {
    const { scores, linear } = await knapsackScores({
      gpu,
      model,
      blocks,
      space,
      images: spread(ctx.data.train, stage.images),
      batch: recipe.batch,
      signal,
      progress: (done) => progress.update(done, {}),
    });
    progress.done(`the choices of ${blocks.length} blocks by knapsack`);
    const r2 = new Map(linear.map((score) => [score.block, score.r2]));
    state.depth = withBlocks(state.depth, { dense: state.dense.graph, now: model.graph }, { scores: r2 });
    return scores;
  } catch (error) {
    progress.abandon();
    throw error;
  }
}

/** Looks at genes one after the other, each by its held-out accuracy. */
async function evaluated(ctx: RunContext, stage: SearchStage, searched: Searched): Promise<SearchResult> {
  const { gpu, data, recipe, state, signal } = ctx;
  const { space, priced: { model, blocks } } = searched;
  const saved = ctx.takeProgress();
  const images = spread(data.train, stage.images);
  const networkOf = geneNetworks({
    gpu,
    model,
    blocks,
    images,
    signal,
    supernet: state.supernet,
    bordersOf: (gene) => bordersOf(ctx, state.stage, model.graph, blocks, gene),
  });
  const on = { gpu, train: data.train, heldOut: data.validation, batch: recipe.batch };
  const options: SearchOptions = {
    space,
    constraint: searched.constraint!,
    method: stage.method,
    seed: recipe.seed,
    finalists: fidelitiesAgree(data.validation) ? 0 : undefined,
    from: saved ? { points: (saved.cursor as SearchState).points } : undefined,
    evaluate: async (gene, fidelity) => await evaluateGene(on, await networkOf(gene), fidelity),
    signal,
  };
  const most = mostEvaluations(options);
  const progress = ctx.ui.stage("search", most);
  let at: SearchState | undefined;
  let savedAt = performance.now();
  const keep = async () => {
    savedAt = performance.now();
    if (at) await ctx.save({ phase: { kind: "search" }, points: at.points }, new Map());
  };
  try {
    const result = await searchGenes({
      ...options,
      async onEvaluated(state, { gene, cost, value, full }) {
        at = state;
        const { points } = state;
        const done = points.length + points.filter((point) => point.full !== undefined).length;
        progress.update(Math.min(most, done), { accuracy: full ?? value, text: `${points.length} genes` });
        await ctx.log({ phase: "search", evaluated: gene, cost, value, ...full !== undefined && { full } });
        if (performance.now() - savedAt > SAVE_EVERY_MS) await keep();
      },
    });
    progress.done(`${result.points.length} genes by ${result.method}`);
    return result;
  } catch (error) {
    progress.abandon();
    if (error instanceof Interrupted) await keep();
    throw error;
  }
}
