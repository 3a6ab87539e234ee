/** Diagnoses a finished run, or a network's file: what files say and what is measured of them, put together. */
import type { PartName } from "../data/images/arrange.ts";
import type { InputOptions } from "../data/input.ts";
import type { Dataset, Splits } from "../data/types.ts";
import { diagnose, type Diagnosis } from "../doctor/diagnose.ts";
import { examine, type ExamineOptions } from "../doctor/examine.ts";
import { UserError } from "../errors.ts";
import { MODEL_FILE, parseModel } from "../formats/model_file.ts";
import { isSafetensors } from "../formats/safetensors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { chosenGpu, type GpuChoice } from "../gpu/gpu_choice.ts";
import { initialise } from "../graph/initialise.ts";
import type { Graph, Model } from "../graph/types.ts";
import { type Given, inputOptions, readGiven, startModel } from "../models/given.ts";
import { layersOf } from "../prune/structures/constraints.ts";
import { type ConstraintOptions, coupledConstraints } from "../prune/structures/constraints.ts";
import { loadRecipe } from "../recipe/load.ts";
import { constraintsOfStage, type MeasureStage, type Stage } from "../recipe/registry.ts";
import type { DataRequest, Recipe } from "../recipe/schema.ts";
import type { RunContext } from "../stages/context.ts";
import { joinPath } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import type { Ui } from "../ui.ts";
import { EXAMINED_SHARE, examinedSeconds, isExamined, sharedSeconds, widthSeconds } from "./doctor_time.ts";

export interface DoctorOptions extends GpuChoice {
  /** A run's folder, or a network's file. */
  readonly target: string;
  readonly store: Store;
  readonly ui: Ui;
  readonly signal?: AbortSignal;
  /** Batch sizes; default those that the run's recipe measures, else 1 and 32. */
  readonly batches?: readonly number[];
  /** See `ExamineOptions`. */
  readonly seconds?: number;
  readonly images?: number;
  /** Name of the data in place of the recipe's. */
  readonly data?: string;
  /** All parts of a run's data. */
  readonly loadData: (request: DataRequest, ui: Ui) => Promise<Splits>;
  /** One part of `data`, for a file's network. */
  readonly loadPart?: (input: InputOptions, ui: Ui) => Promise<{ part: PartName | "all"; data: Dataset }>;
}

const BATCHES = [1, 32];

/**
 * Reads the network, and of a run its dense one, its recipe and its data, and measures them.
 *
 * @throws UserError for a folder without a run, a run whose network is missing, and a file that can't be read
 * @throws Interrupted when the signal is aborted
 */
export async function runDoctor(options: DoctorOptions): Promise<Diagnosis> {
  const { ui, signal, seconds, images, batches } = options;
  const { batches: own, ...about } = await readTarget(options);
  using device = await chosenGpu(options);
  const { gpu } = device;
  return await examined(gpu, ui, {
    ...about,
    batches: batches ?? own ?? BATCHES,
    ...seconds !== undefined && { seconds },
    ...images !== undefined && { images },
    ...signal && { signal },
  });
}

/** A run's network, and the one that it was before pruning. */
export interface Networks {
  readonly model: Model;
  readonly dense: Model;
}

/** A run looks at so many images. */
const RUN_IMAGES = 250;

/**
 * Diagnoses the network of a run that has come to its end, on the run's device.
 *
 * @returns undefined where the recipe doesn't measure dense and compact networks, or not long enough
 */
export async function diagnoseRun(
  { gpu, recipe, data, ui, signal, state }: RunContext,
  { model, dense }: Networks,
): Promise<Diagnosis | undefined> {
  const { asked, measure } = askedOf(recipe, dense.graph);
  if (!measure || !isExamined(measure)) return undefined;
  const ran = (state.spent?.stages ?? []).reduce((sum, seconds) => sum + seconds, 0);
  return await examined(gpu, ui, {
    model,
    dense,
    asked,
    batches: measure.batches,
    data: data.validation,
    images: RUN_IMAGES,
    seconds: widthSeconds(measure),
    wholeSeconds: sharedSeconds(examinedSeconds(measure), EXAMINED_SHARE, ran),
    ...signal && { signal },
  });
}

/** Measures with a bar, and says what follows. */
async function examined(gpu: Gpu, ui: Ui, options: ExamineOptions): Promise<Diagnosis> {
  const stage = ui.stage("doctor", 1000);
  try {
    const progress = (done: number, text: string) => stage.update(Math.floor(1000 * done), { text });
    const checkup = await examine(gpu, { ...options, progress });
    stage.done("");
    return diagnose(checkup);
  } catch (error) {
    stage.abandon();
    throw error;
  }
}

/** What is known before anything is measured. */
type Read = Omit<ExamineOptions, "batches"> & { readonly batches?: readonly number[] };

async function readTarget(options: DoctorOptions): Promise<Read> {
  const { target, store } = options;
  const bytes = await store.size(target) === undefined ? undefined : await store.read(target);
  if (bytes) return isSafetensors(bytes) ? await readSaved(options, bytes, target) : await readFile(options);
  const file = joinPath(target, MODEL_FILE);
  const saved = await store.read(file);
  if (saved) return await readRun(options, saved, file);
  if (await store.size(joinPath(target, "recipe.yaml")) !== undefined) {
    throw new UserError(`${file} is missing: end the run first, or resume it to write its network again`);
  }
  throw new UserError(`${target} holds no run: expected the folder of a finished run, or a network's file, net.onnx`);
}

/** A run's folder: its recipe says which data, batches and ratios. */
async function readRun(options: DoctorOptions, bytes: Uint8Array, file: string): Promise<Read> {
  const { target, store, ui, data: name } = options;
  const { model, dense, metadata } = await parseModel(bytes, file);
  const networks = { model, dense: withWeights(dense) };
  const recipe = await orReason(() => loadRecipe(joinPath(target, "recipe.yaml"), store, { data: name }));
  if (typeof recipe === "string") return { ...networks, noData: `the run's recipe can't be read: ${recipe}` };
  const loaded = await orReason(() =>
    options.loadData({ ...recipe.data, ...inputOptions(recipe, { model, metadata }) }, ui)
  );
  const { asked, measure } = askedOf(recipe, dense);
  return {
    ...networks,
    ...typeof loaded === "string" ? { noData: loaded } : { data: loaded.validation },
    asked,
    ...measure && { batches: measure.batches },
  };
}

/** What a recipe says that the doctor goes by. */
function askedOf({ stages }: Recipe, dense: Graph) {
  const measure = stages.findLast((stage): stage is MeasureStage => stage.kind === "measure");
  return { asked: askedGroups(stages, dense), measure };
}

/** A model.safetensors of its own holds the dense network's graph. */
async function readSaved(options: DoctorOptions, bytes: Uint8Array, file: string): Promise<Read> {
  const { model, dense, metadata } = await parseModel(bytes, file);
  return { model, dense: withWeights(dense), ...await partOf(options, { model, metadata, file }) };
}

async function readFile(options: DoctorOptions): Promise<Read> {
  const given = await readGiven({ model: { name: options.target } }, options.store);
  return { model: given.model!, ...await partOf(options, given) };
}

/** Data for a file's network, where somebody has named some that fit. @throws UserError where they don't */
async function partOf({ target, loadPart, ui }: DoctorOptions, given: Given): Promise<Pick<Read, "data" | "noData">> {
  if (!loadPart) return { noData: "no data were given: --data names some" };
  const network = { model: { name: target } };
  const { data } = await loadPart(inputOptions(network, given), ui);
  startModel(given, network, data, 0);
  return { data };
}

/** Weights decide nothing about time. */
function withWeights(graph: Graph): Model {
  return { graph, params: initialise(graph, 1) };
}

async function orReason<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** Name of a layer -> what the stages asked of its groups, in a clause. Layers that only a changed network has are passed over. */
export function askedGroups(stages: readonly Stage[], dense: Graph): ReadonlyMap<string, string> {
  const asked = new Map<string, string[]>();
  for (const [i, stage] of stages.entries()) {
    for (const options of constraintsOfStage(stage)) {
      const budget = "budget" in stage && stage.budget !== undefined;
      const what = budget ? "a budget for the whole network" : `${options.keep} of its ${options.granularity}s`;
      for (const name of constrainedLayers(dense, options)) {
        asked.set(name, [...asked.get(name) ?? [], `stages.${i} (${stage.kind}) asked for ${what}`]);
      }
    }
  }
  return new Map([...asked].map(([name, clauses]) => [name, clauses.join(", ")]));
}

function constrainedLayers(dense: Graph, options: ConstraintOptions): string[] {
  try {
    return coupledConstraints(dense, options).flatMap((constraint) => layersOf(dense, constraint));
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}
