/** Cells that are runs of a recipe, which begins with a dense network that all cells of a net and a seed share. */
import type { Gpu } from "../../src/gpu/gpu.ts";
import { sha256 } from "../../src/formats/sha256.ts";
import { parseRecipe, type Recipe } from "../../src/recipe/schema.ts";
import { accuracyOf } from "../../src/report/build.ts";
import type { Point, Report } from "../../src/report/types.ts";
import { networkOfRun } from "../experiments/dense_digits.ts";
import { reportOfRun } from "../experiments/recipe_run.ts";
import { type Cell, type CellName, type CellResult, nameOf } from "./cell.ts";
import type { Net } from "./nets.ts";

/** What reports say that they were made by. */
export const COMMAND = "deno task bench methods";

export interface RecipeCell extends CellName {
  /** What is done to the dense network. */
  readonly stages: readonly unknown[];
  /** Epochs of training in them. */
  readonly epochs: number;
  /** Which of the report's networks counts; default: the final one. */
  readonly point?: (report: Report) => Point;
}

/** @param root where the folders of dense networks lie */
export function recipeCell({ stages, epochs, point = ({ final }) => final, ...name }: RecipeCell, root: string): Cell {
  const { net, seed } = name;
  const train = { kind: "train", ...net.train };
  return {
    ...name,
    determinedBy: { keys: net.keys, train, stages, seed },
    async compute(gpu, dir): Promise<CellResult> {
      const dense = await denseRun(gpu, net, seed, root);
      const keys = { ...net.keys, model: `${dense.dir}/model.safetensors` };
      const written = { version: 1, name: "cell", seed, ...keys, stages };
      const report = await reportOfRun(gpu, parseRecipe(withPath(written), nameOf(name)), dir, COMMAND);
      const { baseline, speedup } = report;
      const found = point(report);
      return {
        accuracy: accuracyOf(found).test,
        dense: accuracyOf(baseline).test,
        params: found.params / baseline.params,
        nonzero: found.nonzero / baseline.nonzero,
        macs: found.macs / baseline.macs,
        ...speedup.length > 0 && { speedup: speedup[0].ratio },
        epochs,
      };
    },
  };
}

/** The dense network of a net and a seed, trained where its folder doesn't hold it yet. */
export async function denseRun(gpu: Gpu, net: Net, seed: number, root: string) {
  const recipe = denseRecipe(net, seed);
  const digest = await sha256(new TextEncoder().encode(JSON.stringify(recipe)));
  const dir = `${root}/${net.name}-dense-seed-${seed}-${digest.slice(0, 10)}`;
  return { dir, recipe, model: await networkOfRun(gpu, recipe, dir, COMMAND) };
}

function denseRecipe({ name, keys, train }: Net, seed: number): Recipe {
  return parseRecipe({ version: 1, name: "dense", seed, ...keys, stages: [{ kind: "train", ...train }] }, name);
}

/** `model: path` spelled out, as loading a recipe's file would. */
function withPath({ model, ...rest }: { readonly model: string } & Record<string, unknown>) {
  return { ...rest, model: { name: model } };
}
