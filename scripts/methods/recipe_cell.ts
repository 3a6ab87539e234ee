/** Cells that are runs of a recipe, which begins with a dense network that all cells of a net and a seed share. */
import type { Gpu } from "../../src/gpu/gpu.ts";
import { sha256 } from "../../src/formats/sha256.ts";
import { UserError } from "../../src/errors.ts";
import type { Model } from "../../src/graph/types.ts";
import { parseRecipe, type Recipe } from "../../src/recipe/schema.ts";
import { accuracyOf } from "../../src/report/build.ts";
import { detailFromLog } from "../../src/report/detail.ts";
import type { Point, Report } from "../../src/report/types.ts";
import { networkOfRun } from "../experiments/dense_digits.ts";
import { given as readNetwork } from "../experiments/given_resnet20.ts";
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
  return {
    ...name,
    determinedBy: { ...denseBy(net), stages, seed },
    async compute(gpu, dir): Promise<CellResult> {
      const { keys } = await denseNetwork(gpu, net, seed, root);
      const written = { version: 1, name: "cell", seed, ...keys, stages };
      const report = await reportOfRun(gpu, parseRecipe(written, nameOf(name)), dir, COMMAND);
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
        ...await updatesOf(dir),
      };
    },
  };
}

/** From the log of a run with ADMM; nothing of another run. */
async function updatesOf(dir: string): Promise<Pick<CellResult, "updates">> {
  const { residuals } = detailFromLog((await Deno.readTextFile(`${dir}/log.jsonl`)).split("\n"));
  const updates = residuals.map(({ rho: _, ...update }) => update);
  return updates.length > 0 ? { updates } : {};
}

/** What determines the network that cells begin with, beside the seed. */
export function denseBy({ keys, train, given }: Net) {
  return train ? { keys, train: { kind: "train", ...train } } : { keys, given: given?.sha256 };
}

/** The network that cells of a net and a seed begin with. */
interface DenseNetwork {
  /** The keys of a recipe that begins with it. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** A recipe that names it and its images. */
  readonly recipe: Recipe;
  readonly model: Model;
}

/**
 * A dense network: what others have trained, or what is trained here unless a finished run is there.
 *
 * @throws UserError where files are wanted that weren't named, or are others
 */
export async function denseNetwork(gpu: Gpu, net: Net, seed: number, root: string): Promise<DenseNetwork> {
  if (!net.train) return await givenNetwork(net, seed);
  const { dir, recipe, model } = await denseRun(gpu, net, seed, root);
  return { keys: { ...net.keys, model: { name: `${dir}/model.safetensors` } }, recipe, model };
}

async function givenNetwork({ name, keys, given }: Net, seed: number): Promise<DenseNetwork> {
  if (!given?.files) throw new UserError(`${name}: expected --weights and --data: docs/methods.md says which files`);
  const { weights, data } = given.files;
  const found = await sha256(await Deno.readFile(weights));
  if (found !== given.sha256) {
    throw new UserError(
      `--weights: ${weights} has SHA-256 ${found}, expected ${given.sha256}: ${name}'s rows are of that file`,
    );
  }
  const named = { ...keys, weights, data: { ...keys.data as object, name: data } };
  // A recipe has a stage at least; only what is given is taken of this one.
  const recipe = parseRecipe({ version: 1, name, seed, ...named, stages: [{ kind: "compact" }] }, name);
  return { keys: named, recipe, model: (await readNetwork(recipe)).model };
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
