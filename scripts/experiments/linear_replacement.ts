/**
 * How good networks are whose blocks became linear layers, with nothing trained and no label looked at: on the bundled digits, by
 * family and seed, and on a ResNet-20 that others have trained, from one block to all of them.
 *
 *     deno run -A scripts/experiments/linear_replacement.ts digits --networks runs/dense --out digits.json
 *     deno run -A scripts/experiments/linear_replacement.ts cifar --weights resnet20-cifar10.safetensors \
 *       --data folder:cifar10-jpeg.tar.xz --out cifar.json
 *
 * `--test 2000` scores by as many test images, spread evenly. The dense networks of the digits are trained first (dense_digits.ts), unless a finished run lies in their folder.
 */
import { parseArgs } from "node:util";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { commit } from "../../src/cli/identity.ts";
import { loadDataset } from "../../src/data/deno.ts";
import { spread } from "../../src/data/splits.ts";
import type { Splits } from "../../src/data/types.ts";
import { chosenBlocks, linearCandidates } from "../../src/depth/linearize/candidates.ts";
import { linearize, type LinearScore, scoreBlocks } from "../../src/depth/linearize/linearize.ts";
import { skipForm } from "../../src/depth/forms/skip.ts";
import { settle } from "../../src/depth/forms/settle.ts";
import type { Block } from "../../src/depth/types.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { graphCost } from "../../src/graph/cost.ts";
import type { Model } from "../../src/graph/types.ts";
import { measureNetworks } from "../../src/measure/networks.ts";
import { evaluateModel } from "../../src/train/evaluate.ts";
import { denseRecipe, FAMILIES, networkOfRun } from "./dense_digits.ts";
import { given, resnet20Recipe } from "./given_resnet20.ts";

const IMAGES = 256;

prepareEnvironment();
const gpu = await Gpu.open();
const { positionals: [what], values } = parseArgs({
  allowPositionals: true,
  options: {
    networks: { type: "string", default: "runs/dense" },
    families: { type: "string", default: Object.keys(FAMILIES).join() },
    seeds: { type: "string", default: "1,2,3" },
    weights: { type: "string" },
    data: { type: "string" },
    test: { type: "string", default: "10000" },
    out: { type: "string" },
  },
});
const EXPERIMENTS: Readonly<Record<string, () => Promise<unknown>>> = { digits, cifar };
if (!Object.hasOwn(EXPERIMENTS, what)) {
  console.error(`usage: linear_replacement.ts ${Object.keys(EXPERIMENTS).join(" | ")}, see the head of this file`);
  Deno.exit(2);
}
const results = await EXPERIMENTS[what]();
const { vendor, description, fallback } = gpu.info;
const record = {
  experiment: `linear replacement, ${what}`,
  date: new Date().toISOString(),
  commit: await commit(),
  command: ["scripts/experiments/linear_replacement.ts", ...Deno.args].join(" "),
  adapter: { vendor, description, fallback },
  machine: { cores: navigator.hardwareConcurrency, load: Deno.loadavg()[0] },
  images: IMAGES,
  results,
};
if (values.out) Deno.writeTextFileSync(values.out, JSON.stringify(record, null, 2) + "\n");
gpu.close();

/** Half of the blocks of four families, by R². */
async function digits(): Promise<unknown> {
  const rows = [];
  for (const family of values.families.split(",")) {
    for (const seed of values.seeds.split(",").map(Number)) {
      const recipe = denseRecipe(family, seed);
      const dir = `${values.networks}/${family}-${seed}`;
      const data = await loadDataset("digits", recipe.data);
      const model = await networkOfRun(gpu, recipe, dir, "train");
      const { blocks, scores } = await scored(model, data);
      const half = Math.floor(blocks.length / 2);
      const row = {
        family,
        seed,
        dense: await accuracy(model, data),
        blocks: blocks.length,
        replaced: half,
        half: await replaced(model, data, best(blocks, scores, half)),
        worst: await replaced(model, data, best(blocks, scores.map((s) => ({ ...s, r2: -s.r2 })), half)),
        all: await replaced(model, data, blocks),
        skip: await skipped(model, data, best(skippable(model, blocks), scores, half)),
        scores,
      };
      rows.push(row);
      console.log(JSON.stringify({ ...row, scores: undefined }));
    }
  }
  return rows;
}

/** From one block to all of them: those of the highest R² first. */
async function cifar(): Promise<unknown> {
  const { model, data } = await given(resnet20Recipe(values));
  const { blocks, scores } = await scored(model, data);
  const rows = [];
  for (let count = 0; count <= blocks.length; count++) {
    const chosen = best(blocks, scores, count);
    const { model: small, ...row } = await fitted(model, data, chosen);
    const times = [];
    for (const batch of [1, 32]) {
      const networks = [{ name: "dense", model }, { name: "linear", model: small }];
      const untuned = { inference: () => Promise.resolve() };
      const timed = await measureNetworks(gpu, networks, { batch, seconds: 1, seed: 1, tuner: untuned, point: "" });
      times.push({ batch, ...Object.fromEntries(timed.map(({ name, medianMs }) => [name, medianMs])) });
    }
    const skips = best(skippable(model, blocks), scores, count);
    const skip = skips.length === count ? await skipped(model, data, skips) : undefined;
    rows.push({ count, ...row, ms: times, ...skip && { skip } });
    console.log(JSON.stringify(rows.at(-1)));
  }
  return { scores, rows };
}

async function scored(
  model: Model,
  data: Splits,
): Promise<{ blocks: readonly Block[]; scores: readonly LinearScore[] }> {
  const { blocks } = linearCandidates(model.graph);
  return { blocks, scores: await scoreBlocks({ gpu, model, blocks, images: spread(data.train, IMAGES) }) };
}

function best(blocks: readonly Block[], scores: readonly LinearScore[], count: number): readonly Block[] {
  const r2 = new Map(scores.map((score) => [score.block, score.r2]));
  return chosenBlocks({ blocks, costly: new Map(), refused: new Map() }, Math.min(count, blocks.length), r2);
}

/** The blocks as linear layers: the network, and how good it is. */
async function fitted(model: Model, data: Splits, blocks: readonly Block[]) {
  const { rewrite, scores } = await linearize({ gpu, model, blocks, images: spread(data.train, IMAGES) });
  return {
    model: rewrite.model,
    blocks: blocks.map(({ name }) => name),
    accuracy: await accuracy(rewrite.model, data),
    r2: scores.map((score) => score.r2),
    macs: graphCost(rewrite.model.graph).macs / graphCost(model.graph).macs,
  };
}

async function replaced(model: Model, data: Splits, blocks: readonly Block[]) {
  const { model: _, ...row } = await fitted(model, data, blocks);
  return row;
}

function skippable({ graph }: Model, blocks: readonly Block[]): readonly Block[] {
  return blocks.filter((block) => skipForm.refuses(graph, block) === undefined);
}

/** Nothing but the shortcut left of each block. */
async function skipped(model: Model, data: Splits, blocks: readonly Block[]) {
  const mixed = blocks.reduce((before, block) => skipForm.mixed(before, block).model, model);
  return {
    blocks: blocks.map(({ name }) => name),
    accuracy: await accuracy(settle(mixed, "form"), data),
  };
}

async function accuracy(model: Model, data: Splits): Promise<number> {
  return (await evaluateModel(gpu, model, spread(data.test, Number(values.test)))).accuracy;
}
