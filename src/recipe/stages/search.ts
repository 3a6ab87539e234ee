import { spread } from "../../data/splits.ts";
import { findBlocks } from "../../depth/blocks/find_blocks.ts";
import { settle } from "../../depth/forms/settle.ts";
import { scoreBlocks } from "../../depth/linearize/linearize.ts";
import { formSpace } from "../../depth/search/form_space.ts";
import {
  checkConstraint,
  costOf,
  type CostUnit,
  type GeneConstraint,
  type GeneSpace,
  keyOf,
} from "../../depth/search/gene_space.ts";
import type { BlockScores } from "../../depth/search/knapsack.ts";
import {
  mostEvaluations,
  searchGenes,
  type SearchOptions,
  type SearchResult,
  type SearchState,
} from "../../depth/search/search.ts";
import { startForms } from "../../depth/start_forms.ts";
import { evaluateGene, fidelitiesAgree } from "../../depth/supernet/evaluate_gene.ts";
import { geneFamily } from "../../depth/supernet/gene_family.ts";
import type { Block, FormName, Gene } from "../../depth/types.ts";
import { UserError } from "../../errors.ts";
import type { Model } from "../../graph/types.ts";
import { estimateFor } from "../../measure/latency/choose.ts";
import type { LatencyTable } from "../../measure/latency/types.ts";
import { withBlocks } from "../../report/depth_blocks.ts";
import { Interrupted } from "../../train/errors.ts";
import type { RunContext } from "../context.ts";
import type { SearchStage } from "../registry.ts";
import type { SavedSupernet } from "../run_state.ts";
import { bordersOf } from "./borders.ts";
import { geneOf } from "./genes.ts";

/** Between two checkpoints: each holds the whole run. */
const SAVE_EVERY_MS = 10_000;

/** Chooses which blocks take which form; the network stays as it is until a subnet is trained. */
export async function runSearchStage(ctx: RunContext, stage: SearchStage): Promise<void> {
  const { state, ui } = ctx;
  const { model } = state;
  const { blocks } = findBlocks(model.graph);
  const forms = formsFor(stage, state.supernet);
  const { space, constraint } = searchSpace({ model, blocks, forms }, stage, ctx.tables);
  if (stage.gene) {
    state.gene = geneOf(space, stage.gene, forms[0]);
    await ctx.log({ phase: "search", gene: state.gene, cost: costOf(space, state.gene), unit: space.unit });
  } else {
    const scores = stage.method === "knapsack" ? await scoresOf(ctx, stage, { space, blocks, forms }) : undefined;
    const result = await search(ctx, stage, { space, constraint: constraint!, blocks, scores });
    const { method, best, points, pareto } = result;
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

/** @throws UserError where the recipe asks for other forms than the supernet has */
function formsFor({ forms, gene }: SearchStage, supernet: SavedSupernet | undefined): readonly FormName[] {
  const named = (gene ?? []).filter((place): place is FormName => typeof place === "string" && place !== "keep");
  if (!supernet) return [...new Set([...forms ?? ["linear"], ...named])];
  const own = [...new Set(supernet.blocks.map(({ form }) => form).filter((form): form is FormName => form !== "keep"))];
  const other = [...forms ?? [], ...named].find((form) => !own.includes(form));
  if (other !== undefined) {
    throw new UserError(`search: the supernet was trained with ${own.join(", ")}, not with ${other}: leave forms out`);
  }
  return own;
}

/** What is searched, and what is asked of it. @throws UserError where no gene is allowed */
function searchSpace(
  { model, blocks, forms }: {
    readonly model: Model;
    readonly blocks: readonly Block[];
    readonly forms: readonly FormName[];
  },
  { budget, k }: Pick<SearchStage, "budget" | "k">,
  tables: readonly LatencyTable[],
): { readonly space: GeneSpace; readonly constraint: GeneConstraint | undefined } {
  const unit = (["params", "ms"] as const satisfies readonly CostUnit[]).find((name) => budget?.[name] !== undefined) ??
    "macs";
  const estimate = unit === "ms" ? estimateFor(tables, budget!, model) : undefined;
  const space = formSpace({ model, blocks, forms, unit, estimate });
  if (k !== undefined) return { space, constraint: { kind: "count", k } };
  if (!budget) return { space, constraint: undefined };
  const asked = budget[unit]!;
  const dense = costOf(space, blocks.map(() => "keep"));
  return { space, constraint: { kind: "budget", limit: unit === "ms" ? asked : asked * dense } };
}

/** Says before anything is trained what no search could find. @throws UserError */
export function checkSearch(model: Model, stage: SearchStage, start: FormName, tables: readonly LatencyTable[]): void {
  const { blocks } = findBlocks(model.graph);
  const named = (stage.gene ?? []).filter((place): place is FormName => typeof place === "string" && place !== "keep");
  const forms = [...new Set([...stage.forms ?? [start], ...named])];
  const { space, constraint } = searchSpace({ model, blocks, forms }, stage, tables);
  if (stage.gene) geneOf(space, stage.gene, forms[0]);
  if (constraint) checkConstraint(space, constraint);
}

/** −(1 − R²) of a block's linear replacement for its form: label-free, and 0 for what stays. */
async function scoresOf(
  ctx: RunContext,
  stage: SearchStage,
  { space, blocks, forms }: {
    readonly space: GeneSpace;
    readonly blocks: readonly Block[];
    readonly forms: readonly FormName[];
  },
): Promise<BlockScores> {
  if (forms.length !== 1 || forms[0] !== "linear") {
    throw new UserError(
      `search: method knapsack sums up how well linear layers stand for blocks, and the forms are ${
        forms.join(", ")
      }: ` +
        "use another method, or forms: [linear]",
    );
  }
  const { gpu, state, signal } = ctx;
  const prunable = blocks.filter((_, b) => space.choices[b].length > 1);
  const images = spread(ctx.data.train, stage.images);
  const scored = await scoreBlocks({ gpu, model: state.model, blocks: prunable, images, signal });
  const r2 = new Map(scored.map((score) => [score.block, score.r2]));
  state.depth = withBlocks(state.depth, { dense: state.dense.graph, now: state.model.graph }, { scores: r2 });
  return blocks.map(({ name }, b) => space.choices[b].map((choice) => choice === "keep" ? 0 : r2.get(name)! - 1));
}

interface Searched {
  readonly space: GeneSpace;
  readonly constraint: GeneConstraint;
  readonly blocks: readonly Block[];
  readonly scores: BlockScores | undefined;
}

async function search(ctx: RunContext, stage: SearchStage, searched: Searched): Promise<SearchResult> {
  const { space, constraint, blocks, scores } = searched;
  const { gpu, data, recipe, signal } = ctx;
  const saved = ctx.takeProgress();
  const networkOf = networks(ctx, stage, blocks);
  const on = { gpu, train: data.train, heldOut: data.validation, batch: recipe.batch };
  const options: SearchOptions = {
    space,
    constraint,
    method: stage.method,
    scores,
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

/** Of a gene the network that is evaluated: the supernet's, or one whose forms begin on some images. */
function networks(ctx: RunContext, stage: SearchStage, blocks: readonly Block[]): (gene: Gene) => Promise<Model> {
  const { gpu, state: { model, supernet }, signal } = ctx;
  if (supernet) {
    const family = geneFamily(supernet.mixed, blocks.map((block, b) => ({ block, ...supernet.blocks[b] })));
    return (gene) => Promise.resolve(family.model(gene, supernet.mixed.params));
  }
  const images = spread(ctx.data.train, stage.images);
  return async (gene) => {
    const borders = bordersOf(ctx, ctx.state.stage, model.graph, blocks, gene);
    return settle((await startForms({ gpu, model, blocks, gene, borders, images, signal })).rewrite.model, "form");
  };
}
