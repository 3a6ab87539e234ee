/** A recipe carried out in a folder of its own, once: what is there already is read, what was begun goes on. */
import { commit } from "../../src/cli/identity.ts";
import { loadDataset } from "../../src/data/deno.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { formatRecipe } from "../../src/recipe/load.ts";
import type { Recipe } from "../../src/recipe/schema.ts";
import type { Report } from "../../src/report/types.ts";
import { parseReport } from "../../src/report/validate.ts";
import { runPrune } from "../../src/run/pipeline.ts";
import { denoStore } from "../../src/store/deno.ts";
import { silentUi } from "../../src/ui.ts";

/** @param command what the report says that the run was made by */
export async function reportOfRun(gpu: Gpu, recipe: Recipe, dir: string, command: string): Promise<Report> {
  const store = denoStore();
  const path = `${dir}/report.json`;
  const finished = await store.read(path);
  if (finished) return parseReport(JSON.parse(new TextDecoder().decode(finished)), path);
  const resume = await store.read(`${dir}/recipe.yaml`) !== undefined;
  if (!resume) await store.write(`${dir}/recipe.yaml`, new TextEncoder().encode(formatRecipe(recipe)));
  return await runPrune({
    recipe,
    dir,
    store,
    gpu,
    resume,
    ui: silentUi(),
    tool: "experiment",
    commit: await commit(),
    command,
    loadData: ({ name, ...options }) => loadDataset(name, options),
  });
}
