/** Carries a recipe out, stage after stage, from data to report; from the checkpoint where there is one. */
import type { Splits } from "../data/types.ts";
import { chosenGpu, type GpuChoice } from "../gpu/gpu_choice.ts";
import { identityMap } from "../graph/indexmap.ts";
import type { Graph, Model } from "../graph/types.ts";
import { openTuner, type RunTuner, type TuneMode } from "../measure/run_tuner.ts";
import {
  type Given,
  inputOptions,
  isTrained,
  readGiven,
  startModel,
  tellStart,
  withOutputsOf,
} from "../models/given.ts";
import { checkOrder } from "../recipe/order.ts";
import type { DataRequest, Recipe } from "../recipe/schema.ts";
import { checkWithoutLabels } from "../recipe/without_labels.ts";
import { pointOf } from "../report/points.ts";
import { openLog, type RunLog } from "../report/run_log.ts";
import type { Point, Report } from "../report/types.ts";
import { checkMeasures, checkTargets } from "../stages/check_network.ts";
import type { RunContext } from "../stages/context.ts";
import { Paused } from "../stages/pause.ts";
import type { Measured } from "../stages/request.ts";
import { tellRestored, wantsNorms } from "../stages/restored_norms.ts";
import { loadRun, type RunState, type SavedRun, saveRun, type StageProgress } from "../stages/run_state.ts";
import type { Store } from "../store/types.ts";
import { restoreNorms } from "../train/restore_norms.ts";
import type { Ui } from "../ui.ts";
import { runProgress } from "./run_progress.ts";
import { type RunUi, runUi } from "./run_ui.ts";
import { workOf } from "./run_work.ts";
import { openTables } from "./device_tables.ts";
import { openCurves } from "./sensitivity_curves.ts";
import { writeReport } from "./run_report.ts";
import { runStages } from "./run_stages.ts";
import { reopenTail, tailOf, trainingIdentity } from "./tail.ts";

export interface RunOptions extends GpuChoice {
  readonly recipe: Recipe;
  /** The run's folder in `store`; holds recipe.yaml. */
  readonly dir: string;
  readonly store: Store;
  /** Go on from the checkpoint in `dir`, if there is one. */
  readonly resume: boolean;
  readonly signal?: AbortSignal;
  readonly ui: Ui;
  /** Whether `ui` is shown one stage for the whole run, with the time that is left, or each of the run's; default "stages". */
  readonly bar?: "run" | "stages";
  /**
   * Measure kernels before they are used, and keep the winners in this folder of `store`; null: for this run alone.
   * Default: planners' defaults.
   */
  readonly plansFolder?: string | null;
  /** How much is measured; default "auto" where there are plans, and "none" takes planners' defaults. */
  readonly tune?: TuneMode | "none";
  /** For the report: "secateur 0.1.0", its commit, the command line. */
  readonly tool: string;
  readonly commit: string;
  readonly command: string;
  readonly loadData: (request: DataRequest, ui: Ui) => Promise<Splits>;
  /** Times the final network on the device that it was searched for, one image, in ms; undefined where that isn't there any more. */
  readonly timeFinal?: (graph: Graph) => Promise<number | undefined>;
}

/** Where a part of a run ends. */
export interface PartEnd {
  /** Before this stage, an index in the recipe's stages; at their number the run ends with its report. */
  readonly stage: number;
  /** Or earlier, after the epoch with which so many have been trained over all stages. */
  readonly epochs?: number;
}

export interface PartOptions extends RunOptions {
  readonly until: PartEnd;
  /** The checkpoint may be of another recipe, as long as that one's stages were the same so far. Default: it may not. */
  readonly adopt?: boolean;
}

/** What a part of a run has come to; its checkpoint lies in the folder. */
export interface RunPart {
  /** Index of the stage that is next, or was left within its training. */
  readonly stage: number;
  /** Trained so far. */
  readonly epochs: number;
  /** The network as it was measured last; within a training it may have become another since. */
  readonly point: Point | undefined;
  /** Where the run has come to its end. */
  readonly report?: Report;
}

/**
 * Throws Interrupted when the signal is aborted (with the checkpoint written), UserError for everything that its user can
 * mend. Stages that only measure or compare don't end a run when they fail: the report tells of it in `failed`.
 */
export async function runPrune(options: RunOptions): Promise<Report> {
  return (await runPart({ ...options, until: { stage: options.recipe.stages.length } })).report!;
}

/** Carries out a recipe as `runPrune` does, and no further than `until`: a later call with `resume` goes on from there. */
export async function runPart(options: PartOptions): Promise<RunPart> {
  const { recipe, dir, store } = options;
  checkOrder(recipe);
  const identity = await trainingIdentity(recipe);
  const saved = options.resume ? await loadRun(store, dir, options.adopt ? undefined : identity) : undefined;
  const log = await openLog(store, `${dir}/log.jsonl`, saved?.log);
  const given = await readGiven(recipe, store);
  const loaded = await options.loadData({ ...recipe.data, ...inputOptions(recipe, given) }, options.ui);
  if (loaded.labels === "absent") checkWithoutLabels(recipe, loaded.name);
  const data = loaded.labels === "absent" ? withOutputsOf(given, recipe, loaded) : loaded;
  const shown = showRun(options, data);
  try {
    const part = await carryOut(options, { identity, saved, log, given, data, shown });
    shown.finish();
    return part;
  } catch (error) {
    shown.abandon();
    throw error;
  }
}

function showRun({ bar = "stages", ui, recipe }: RunOptions, { train, validation, test }: Splits): RunUi {
  if (bar === "stages") return { ...ui, enter() {}, finish() {}, abandon() {} };
  const images = { train: train.count, validation: validation.count, test: test.count };
  return runUi(ui, recipe.name, runProgress(workOf(recipe, images)));
}

/** What a run begins with. */
interface Opened {
  readonly identity: string;
  readonly saved: SavedRun | undefined;
  readonly log: RunLog;
  readonly given: Given;
  readonly data: Splits;
  readonly shown: RunUi;
}

async function carryOut(
  options: PartOptions,
  { identity, saved, log, given, data, shown: ui }: Opened,
): Promise<RunPart> {
  const { recipe, dir, store, signal } = options;
  const start = startModel(given, recipe, data, recipe.seed);
  const tables = await openTables(recipe, store, dir, ui);
  const curves = await openCurves(recipe, store, dir);
  using device = await chosenGpu(options);
  const { gpu } = device;
  const restored = !saved && wantsNorms(start.graph, recipe)
    ? await restoreNorms({ gpu, model: start, data: data.train, batch: recipe.batch, signal })
    : undefined;
  const { state, progress } = saved
    ? takeUp(saved, recipe)
    : begin(restored?.model ?? start, recipe, { tables, curves });
  if (restored) {
    state.restored = restored.norms;
    tellRestored(ui, restored.norms.length);
  }
  if (state.stage < tailOf(recipe)) await checkMeasures(gpu, start, recipe);
  const { tune = "auto" } = options;
  const [mode, plansFolder] = tune === "none" ? ["auto", undefined] as const : [tune, options.plansFolder] as const;
  const tuner = await openTuner({ gpu, store, dir, mode, plansFolder, saved: saved?.plans, ui, signal });

  let stageProgress = progress;
  const spend = spending(state, tuner);
  const save = async (inside: StageProgress | undefined) => {
    if (inside) spend();
    await saveRun(store, dir, identity, {
      state,
      progress: inside,
      log: await log.mark(),
      plans: await tuner.mark(),
    });
  };
  const ctx: RunContext = {
    gpu,
    recipe,
    data,
    store,
    dir,
    ui: { ...ui, warn: remembering(state, ui) },
    signal,
    spend,
    state,
    tuner,
    tables,
    curves,
    layout: given.layout ?? "nchw",
    log: (event) => log.append({ stage: state.stage, ...event }),
    save: (cursor, tensors) => save({ cursor, tensors }),
    pauseAt: options.until.epochs,
    takeProgress() {
      const taken = stageProgress;
      stageProgress = undefined;
      return taken;
    },
  };
  if (!saved) {
    if (isTrained(recipe)) {
      tellStart(ui, recipe, given, data.train);
      state.baseline = await pointOf(ctx, "given", state.model);
      state.points.push(state.baseline);
    }
    // From now on the folder knows with which plans the run was begun.
    await save(undefined);
  }
  const { until } = options;
  let epochs: number | undefined;
  try {
    const inside = progress !== undefined;
    await runStages(ctx, { until, inside, save: () => save(undefined), enter: ui.enter });
  } catch (error) {
    if (!(error instanceof Paused)) throw error;
    epochs = error.epochs;
  }
  const part = { stage: state.stage, epochs: epochs ?? state.epoch, point: state.points.at(-1) };
  return state.stage < recipe.stages.length ? part : { ...part, report: await writeReport(ctx, options) };
}

/** Adds what has passed since the last call to the time of the stage in progress. */
function spending(state: RunState, tuner: RunTuner): () => void {
  let last = performance.now();
  let tuned = 0;
  return () => {
    const { stages, tuning } = state.spent ?? { stages: [], tuning: 0 };
    const now = performance.now();
    const all = Array.from({ length: Math.max(stages.length, state.stage + 1) }, (_, i) => stages[i] ?? 0);
    all[state.stage] += (now - last) / 1000;
    state.spent = { stages: all, tuning: tuning + tuner.seconds() - tuned };
    last = now;
    tuned = tuner.seconds();
  };
}

/** Warns, and keeps the warning for the report. */
function remembering(state: RunState, ui: Ui): Ui["warn"] {
  return (text) => {
    if (!state.warnings?.includes(text)) state.warnings = [...state.warnings ?? [], text];
    ui.warn(text);
  };
}

function takeUp({ state, progress }: SavedRun, recipe: Recipe): Pick<SavedRun, "state" | "progress"> {
  return { state, progress: reopenTail(state, recipe) ? progress : undefined };
}

function begin(
  model: Model,
  recipe: Recipe,
  measured: Measured,
): Pick<SavedRun, "state" | "progress"> {
  checkTargets(model, recipe, measured);
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
    failed: [],
    reported: [],
  };
  return { state, progress: undefined };
}
