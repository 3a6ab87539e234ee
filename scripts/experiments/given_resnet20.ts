/** The ResNet-20 for CIFAR-10 that others have trained, and images for it: what experiments on a given network begin with. */
import { loadDataset } from "../../src/data/deno.ts";
import type { Splits } from "../../src/data/types.ts";
import type { Model } from "../../src/graph/types.ts";
import { readGiven, startModel } from "../../src/models/given.ts";
import { parseRecipe, type Recipe } from "../../src/recipe/schema.ts";
import { denoStore } from "../../src/store/deno.ts";

/** The keys of a recipe on that network; `data` may add to what is loaded. */
export function resnet20Keys(
  { weights, data }: { readonly weights?: string; readonly data?: string },
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    model: { name: "resnet20" },
    weights,
    data: { name: data, validation: 0.05, ...more },
    preprocess: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  };
}

/** The network and the images that a recipe names. */
export async function given(recipe: Recipe): Promise<{ readonly model: Model; readonly data: Splits }> {
  const data = await loadDataset(recipe.data.name, { ...recipe.data, ...recipe.preprocess });
  return { data, model: startModel(await readGiven(recipe, denoStore()), recipe, data, recipe.seed) };
}

/** A recipe that only says which network and images are meant. */
export function resnet20Recipe(files: { readonly weights?: string; readonly data?: string }): Recipe {
  return parseRecipe({ version: 1, name: "cifar", ...resnet20Keys(files), stages: [{ kind: "compact" }] }, "cifar");
}
