/** Carries a recipe out, stage after stage, from data to report; from the checkpoint where there is one. */
import type { Splits } from "../data/types.ts";
import { UserError } from "../errors.ts";
import { Gpu } from "../gpu/gpu.ts";
import { identityMap } from "../graph/indexmap.ts";
import { initialise } from "../graph/initialise.ts";
import type { Graph } from "../graph/types.ts";
import { createModel } from "../models/zoo.ts";
import { Interrupted } from "../train/errors.ts";
import { EquivalenceError } from "../graph/equivalence.ts";
import type { Report } from "../report/types.ts";
import type { Store } from "../store/types.ts";
import type { RunContext } from "./context.ts";
import { writeModel } from "./files.ts";
import { formatRecipe } from "./load.ts";
import { checkOrder, checkTargets } from "./order.ts";
import { mapPaths } from "./paths.ts";
import { writeReport } from "./report.ts";
import { hashText, loadRun, type RunState, type SavedRun, saveRun, type StageProgress } from "./run.ts";
import type { DataRequest, Recipe } from "./schema.ts";
import { runStage } from "./stages/run.ts";
import { openTuner } from "./tuning.ts";
import type { Ui } from "./ui.ts";

export interface RunOptions {
  readonly recipe: Recipe;
  /** The run's folder in `store`; holds recipe.yaml. */
  readonly dir: string;
  readonly store: Store;
  /** Go on from the checkpoint in `dir`, if there is one. */
  readonly resume: boolean;
  readonly signal?: AbortSignal;
  readonly ui: Ui;
  /** Measure kernels before they are used, and keep the winners in this folder of `store`. Default: planners' defaults. */
  readonly plansFolder?: string;
  /** The device to work on, which stays open; default: one of the run's own. */
  readonly gpu?: Gpu;
  /** For the report: "secateur 0.1.0", its commit, the command line. */
  readonly tool: string;
  readonly commit: string;
  readonly command: string;
  readonly loadData: (request: DataRequest, ui: Ui) => Promise<Splits>;
}

/**
 * Throws Interrupted when the signal is aborted (with the checkpoint written), UserError for everything that its user can
 * mend or should report: also where a rewrite was not exact.
 */
export async function runPrune(options: RunOptions): Promise<Report> {
  const { recipe, dir, store, ui, signal } = options;
  checkOrder(recipe);
  const recipeHash = await recipeIdentity(recipe);
  const saved = options.resume ? await loadRun(store, dir, recipeHash) : undefined;
  const data = await options.loadData({ ...recipe.data, ...recipe.preprocess }, ui);
  const graph = modelFor(recipe, data);
  using own = options.gpu ? undefined : await Gpu.open();
  const gpu = options.gpu ?? own!;
  const { state, progress, logBytes } = saved ?? begin(graph, recipe);
  const logFile = `${dir}/log.jsonl`;
  await store.truncate(logFile, logBytes);

  const tuner = await openTuner({
    gpu,
    store,
    dir,
    plansFolder: options.plansFolder,
    resume: options.resume,
    ui,
    signal,
  });

  let stageProgress: StageProgress | undefined = progress;
  const save = async (inside: StageProgress | undefined) =>
    await saveRun(store, dir, recipeHash, { state, progress: inside, logBytes: await store.size(logFile) ?? 0 });
  const ctx: RunContext = {
    gpu,
    recipe,
    data,
    store,
    dir,
    ui,
    signal,
    state,
    tuner,
    log: (event) => store.append(logFile, JSON.stringify({ stage: state.stage, ...event }) + "\n"),
    save: (cursor, tensors) => save({ cursor, tensors }),
    takeProgress() {
      const taken = stageProgress;
      stageProgress = undefined;
      return taken;
    },
  };
  while (state.stage < recipe.stages.length) {
    const stage = recipe.stages[state.stage];
    try {
      await runStage(ctx, stage);
    } catch (error) {
      if (error instanceof EquivalenceError) {
        throw new UserError(`stages.${state.stage} (${stage.kind}): ${error.message}: please report this as a bug`);
      }
      throw error;
    }
    state.stage++;
    await save(undefined);
    // Training stops within an epoch; whatever else a stage does is short, and ends first.
    if (signal?.aborted && state.stage < recipe.stages.length) throw new Interrupted("stopped");
  }
  await writeModel(store, dir, state);
  return await writeReport(ctx, options);
}

/** The same files elsewhere are the same recipe: a run may be taken up from another folder than the one it began in. */
function recipeIdentity(recipe: Recipe): Promise<string> {
  return hashText(formatRecipe(mapPaths(recipe, (path) => path.slice(path.lastIndexOf("/") + 1))));
}

function modelFor(recipe: Recipe, { classes, shape: [inChannels, size], name }: Splits): Graph {
  const { name: model, ...given } = recipe.model;
  if (given.classes !== undefined && given.classes < classes) {
    throw new UserError(
      `recipe ${recipe.name}: model.classes is ${given.classes}, data set "${name}" has ${classes} classes: ` +
        `leave it out, or give at least as many`,
    );
  }
  const sized = model.startsWith("resnet") || model.startsWith("vgg") ? { size } : {};
  const graph = createModel(model, { classes, inChannels, ...sized, ...given });
  const [, , height] = graph.inputs[0].shape;
  if (height !== size) {
    throw new UserError(
      `model "${model}" takes ${height}×${height} images, data set "${name}" has ${size}×${size}: choose another pair`,
    );
  }
  return graph;
}

function begin(graph: Graph, recipe: Recipe): SavedRun {
  const model = { graph, params: initialise(graph, recipe.seed) };
  checkTargets(model, recipe);
  const state: RunState = {
    stage: 0,
    epoch: 0,
    model,
    masks: new Map(),
    dense: model,
    fallback: undefined,
    masked: undefined,
    origin: identityMap(graph),
    points: [],
    baseline: undefined,
    controls: {},
    kept: [],
    admm: [],
    equivalence: undefined,
    requested: {},
    latency: [],
  };
  return { state, progress: undefined, logBytes: 0 };
}
