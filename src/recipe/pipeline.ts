/** Carries a recipe out, stage after stage, from data to report; from the checkpoint where there is one. */
import type { Splits } from "../data/types.ts";
import { UserError } from "../errors.ts";
import { writeModel, writeOnnx } from "../formats/model_file.ts";
import { type Gpu, type OpenGpu, openGpu } from "../gpu/gpu.ts";
import { EquivalenceError } from "../graph/equivalence.ts";
import { identityMap } from "../graph/indexmap.ts";
import type { Model } from "../graph/types.ts";
import type { LatencyTable } from "../measure/latency/types.ts";
import { openTuner } from "../measure/run_tuner.ts";
import { inputOptions, isTrained, metadataOf, readGiven, startModel, tellStart } from "../models/given.ts";
import type { Report } from "../report/types.ts";
import type { Store } from "../store/types.ts";
import { Interrupted } from "../train/errors.ts";
import type { Ui } from "../ui.ts";
import type { RunContext } from "./context.ts";
import { openTables } from "./device.ts";
import { formatRecipe } from "./load.ts";
import { checkOrder, checkTargets } from "./order.ts";
import { mapPaths } from "./paths.ts";
import { pointOf } from "./points.ts";
import { writeReport } from "./report.ts";
import { hashText, loadRun, type RunState, type SavedRun, saveRun, type StageProgress } from "./run.ts";
import type { DataRequest, Recipe } from "./schema.ts";
import { runStage } from "./stages/run.ts";

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
  /** How its own device is opened; default: `Gpu.open`. */
  readonly open?: OpenGpu;
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
  const given = await readGiven(recipe, store);
  const data = await options.loadData({ ...recipe.data, ...inputOptions(recipe, given) }, ui);
  const start = startModel(given, recipe, data, recipe.seed);
  const tables = await openTables(recipe, store, dir, ui);
  using own = options.gpu ? undefined : await (options.open ?? openGpu)({});
  const gpu = options.gpu ?? own!;
  const { state, progress, logBytes } = saved ?? begin(start, recipe, tables);
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
    tables,
    log: (event) => store.append(logFile, JSON.stringify({ stage: state.stage, ...event }) + "\n"),
    save: (cursor, tensors) => save({ cursor, tensors }),
    takeProgress() {
      const taken = stageProgress;
      stageProgress = undefined;
      return taken;
    },
  };
  if (!saved && isTrained(recipe)) {
    tellStart(ui, recipe, given, data.train);
    state.baseline = await pointOf(ctx, "given", state.model);
    state.points.push(state.baseline);
    await save(undefined);
  }
  while (state.stage < recipe.stages.length) {
    const stage = recipe.stages[state.stage];
    try {
      await gpu.stage(`stages.${state.stage} ${stage.kind}`, () => runStage(ctx, stage));
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
  const metadata = metadataOf(data);
  await writeModel(store, dir, state, metadata);
  await writeOnnx(store, dir, state.model, metadata);
  return await writeReport(ctx, options);
}

/** The same files elsewhere are the same recipe: a run may be taken up from another folder than the one it began in. */
function recipeIdentity(recipe: Recipe): Promise<string> {
  return hashText(formatRecipe(mapPaths(recipe, (path) => path.slice(path.lastIndexOf("/") + 1))));
}

function begin(model: Model, recipe: Recipe, tables: readonly LatencyTable[]): SavedRun {
  checkTargets(model, recipe, tables);
  const state: RunState = {
    stage: 0,
    epoch: 0,
    model,
    masks: new Map(),
    dense: model,
    fallback: undefined,
    masked: undefined,
    origin: identityMap(model.graph),
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
