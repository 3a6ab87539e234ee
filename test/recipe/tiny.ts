/** Runs of a few seconds: a network of some hundred numbers on some hundred of the bundled digits. */
import * as assert from "uvu/assert";
import { loadDataset } from "../../src/data/deno.ts";
import type { Splits } from "../../src/data/types.ts";
import { formatRecipe } from "../../src/recipe/load.ts";
import { type DataRequest, parseRecipe, type Recipe } from "../../src/recipe/schema.ts";
import type { Check } from "../../src/report/checks.ts";
import type { Report } from "../../src/report/types.ts";
import { parseReport } from "../../src/report/validate.ts";
import { type RunOptions, runPrune } from "../../src/run/pipeline.ts";
import { verifyRun } from "../../src/run/verify.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { silentUi } from "../../src/ui.ts";
import { testGpu } from "../gpu.ts";

export const DIR = "runs/tiny";

const sgd = (lr: number) => ({ kind: "sgd", lr, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });

/** Stages to put recipes together from. */
export const train = (epochs = 3) => ({ kind: "train", epochs, optimizer: { kind: "adam", lr: 0.02 } });
export const retrain = (epochs = 1) => ({ epochs, optimizer: sgd(0.02), schedule: { kind: "cosine" } });
export const admm = (more: Record<string, unknown> = {}) => ({
  kind: "admm",
  steps: 2,
  updates: 2,
  optimizer: sgd(0.02),
  schedule: { kind: "constant" },
  retrain: retrain(),
  ...("constraints" in more || "budget" in more ? {} : { constraints: [{ kind: "filter", keep: 0.5, minKeep: 2 }] }),
  ...more,
});

export function tinyRecipe(stages: readonly unknown[], more: Record<string, unknown> = {}): Recipe {
  return parseRecipe({
    version: 1,
    name: "tiny",
    model: { name: "digits", width: 0.25 },
    data: { name: "digits", limit: 200 },
    batch: 16,
    stages,
    ...more,
  }, "test");
}

const loaded = new Map<string, Promise<Splits>>();

export function loadTiny({ name, ...options }: DataRequest): Promise<Splits> {
  const key = JSON.stringify([name, options]);
  if (!loaded.has(key)) loaded.set(key, loadDataset(name, options));
  return loaded.get(key)!;
}

/** Carries a recipe out as the command line does, on the tests' own device. */
export async function prune(
  recipe: Recipe,
  { store = memoryStore(), ...options }: Partial<RunOptions> = {},
): Promise<{ report: Report; store: Store }> {
  if (!options.resume) await store.write(`${DIR}/recipe.yaml`, new TextEncoder().encode(formatRecipe(recipe)));
  const report = await runPrune({
    recipe,
    dir: DIR,
    store,
    resume: false,
    ui: silentUi(),
    gpu: await testGpu(),
    tool: "secateur 0.0.0",
    commit: "test",
    command: "secateur prune",
    loadData: loadTiny,
    ...options,
  });
  return { report, store };
}

/** The report can be read again, and nothing that it says differs from what is recomputed. */
export async function assertSound(store: Store): Promise<void> {
  parseReport(JSON.parse(new TextDecoder().decode(await store.read(`${DIR}/report.json`))), "report.json");
  assert.equal((await verify(store)).filter(({ verdict }) => verdict === "differs"), []);
}

/** A network of three residual blocks. */
export const threeBlocks = { model: { name: "resnet8", width: 0.25 } };

/** Trains that network for two epochs: stores that hold its file of weights, and runs that begin with it. */
export async function trainedBlocks() {
  const { store } = await prune(tinyRecipe([train(2)], threeBlocks));
  const weights = (await store.read(`${DIR}/model.safetensors`))!;
  const freshStore = async (): Promise<Store> => {
    const store = memoryStore();
    await store.write("weights.safetensors", weights);
    return store;
  };
  const onWeights = async (stages: readonly unknown[], options: Partial<RunOptions> = {}) => {
    const recipe = tinyRecipe(stages, { ...threeBlocks, weights: "weights.safetensors" });
    return { ...await prune(recipe, { store: await freshStore(), ...options }), recipe };
  };
  return { freshStore, onWeights };
}

export async function verify(store: Store): Promise<readonly Check[]> {
  return await verifyRun({ dir: DIR, store, ui: silentUi(), gpu: await testGpu(), loadData: loadTiny });
}
