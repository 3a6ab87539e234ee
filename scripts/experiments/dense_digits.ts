/** Dense networks of the bundled digits that experiments begin with: trained by the recipes below, unless a finished run is there. */
import { readModel } from "../../src/formats/model_file.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import type { Model } from "../../src/graph/types.ts";
import { parseRecipe, type Recipe } from "../../src/recipe/schema.ts";
import { denoStore } from "../../src/store/deno.ts";
import { reportOfRun } from "./recipe_run.ts";

const sgd = (weightDecay: number) => ({ kind: "sgd", lr: 0.05, momentum: 0.9, weightDecay });
const adamw = (lr: number) => ({ kind: "adamw", lr, weightDecay: 0.05 });

/** How the dense networks of the digits are trained. */
export const FAMILIES: Readonly<
  Record<string, { readonly epochs: number; readonly optimizer: unknown; readonly crop: number }>
> = {
  "resnet14": { epochs: 24, optimizer: sgd(5e-4), crop: 1 },
  "mobilenetv2-micro": { epochs: 30, optimizer: sgd(1e-4), crop: 1 },
  "convnext-micro": { epochs: 30, optimizer: adamw(2e-3), crop: 1 },
  "deit-micro": { epochs: 60, optimizer: adamw(1.5e-3), crop: 0 },
};

/** A seventh of the digits is held out, and those that are trained on are shifted by up to a pixel, where that helps. */
export function digitsData(family: string): Record<string, unknown> {
  const { crop } = FAMILIES[family];
  return { name: "digits", validation: 0.15, ...crop > 0 && { augment: { crop } } };
}

export function denseRecipe(family: string, seed: number): Recipe {
  const { epochs, optimizer } = FAMILIES[family];
  return parseRecipe({
    version: 1,
    name: `${family}-${seed}`,
    seed,
    model: { name: family },
    data: digitsData(family),
    batch: 64,
    stages: [{ kind: "train", epochs, optimizer, schedule: { kind: "cosine", warmup: 1 } }],
  }, family);
}

/** The network of a run of this recipe, which is carried out, or gone on with, where its folder holds none. */
export async function networkOfRun(gpu: Gpu, recipe: Recipe, dir: string, command: string): Promise<Model> {
  const store = denoStore();
  if (!await store.read(`${dir}/model.safetensors`)) await reportOfRun(gpu, recipe, dir, command);
  return (await readModel(store, dir)).model;
}
