/**
 * One budget in ms spent on depth and width together, on width alone and on depth alone: on the bundled digits by seed, and on a
 * ResNet-20 that others have trained. All three choose by the same label-free scores and the same table, and are trained in the same
 * way for as long; test images are looked at once, at the end. Then all networks of a seed are timed against each other.
 *
 *     deno run -A scripts/experiments/joint_budget.ts digits --networks runs/dense --work runs/joint --out joint_digits.json
 *     deno run -A scripts/experiments/joint_budget.ts cifar --weights resnet20-cifar10.safetensors \
 *       --data folder:cifar10-jpeg.tar.xz --seeds 1 --budgets 0.6 --batch 32 --epochs 1 --work runs/joint --out joint_resnet20.json
 *
 * What lies in `--work` already, the latency table, scores, and finished or interrupted runs, isn't made again.
 */
import { parseArgs } from "node:util";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { commit } from "../../src/cli/identity.ts";
import { loadDataset } from "../../src/data/deno.ts";
import { spread } from "../../src/data/splits.ts";
import type { Splits } from "../../src/data/types.ts";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { formedNetworks } from "../../src/depth/forms/form_cost.ts";
import { choiceScores } from "../../src/depth/joint/choice_scores.ts";
import { jointKnapsack } from "../../src/depth/joint/joint_knapsack.ts";
import { jointSpace } from "../../src/depth/joint/joint_space.ts";
import { widthOf } from "../../src/depth/joint/narrow.ts";
import { type AdditiveCost, cheapestGene, costOf, type GeneSpace } from "../../src/depth/search/gene_space.ts";
import type { BlockScores } from "../../src/depth/search/knapsack.ts";
import type { Choice, FormName, Gene } from "../../src/depth/types.ts";
import { UserError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { random } from "../../kernels/random/philox.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { concrete } from "../../src/graph/shapes.ts";
import type { Model } from "../../src/graph/types.ts";
import { sampleInterleaved } from "../../src/measure/interleaved.ts";
import { buildLatencyTable } from "../../src/measure/latency/build.ts";
import { latencyEstimate } from "../../src/measure/latency/estimate.ts";
import type { LatencyTable } from "../../src/measure/latency/types.ts";
import { parseRecipe, type Recipe } from "../../src/recipe/schema.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { evaluateModel } from "../../src/train/evaluate.ts";
import { denseRecipe, digitsData, networkOfRun } from "./dense_digits.ts";
import { given, resnet20Keys } from "./given_resnet20.ts";

const IMAGES = 256;
/** Student's t that 97.5 % lie below, by degrees of freedom from 1. */
const T975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
const METHODS: Readonly<Record<string, (choice: Choice) => boolean>> = {
  joint: () => true,
  width: (choice) => widthOf(choice) !== undefined,
  depth: (choice) => widthOf(choice) === undefined,
};

prepareEnvironment();
const { positionals: [what], values } = parseArgs({
  allowPositionals: true,
  options: {
    networks: { type: "string", default: "runs/dense" },
    work: { type: "string", default: "runs/joint" },
    family: { type: "string", default: "convnext-micro" },
    seeds: { type: "string", default: "1,2,3,4,5" },
    /** Fractions of what the dense network takes by the table. */
    budgets: { type: "string", default: "0.6,0.5,0.42" },
    widths: { type: "string", default: "0.5,0.25,0.125,0.0625" },
    forms: { type: "string", default: "linear,skip" },
    /** Images at once, of the budget in ms and of what is measured. */
    batch: { type: "string", default: "64" },
    epochs: { type: "string", default: "6" },
    /** Of a table, and then of each network that is measured. */
    seconds: { type: "string", default: "90,2" },
    weights: { type: "string" },
    data: { type: "string" },
    out: { type: "string" },
  },
});
const [batch, epochs] = [values.batch, values.epochs].map(Number);
const [widths, budgets, seeds, seconds] = [values.widths, values.budgets, values.seeds, values.seconds]
  .map((list) => list.split(",").map(Number));
const forms = values.forms.split(",") as FormName[];

/** A dense network with its data, and how what becomes of it is trained. */
interface Subject {
  readonly name: string;
  readonly seed: number;
  readonly model: Model;
  readonly data: Splits;
  tuned(gene: Gene): Recipe;
}

const SUBJECTS: Readonly<Record<string, () => AsyncGenerator<Subject>>> = { digits, cifar };
if (!Object.hasOwn(SUBJECTS, what)) {
  console.error(`usage: joint_budget.ts ${Object.keys(SUBJECTS).join(" | ")}, see the head of this file`);
  Deno.exit(2);
}
const gpu = await Gpu.open();
const rows = [];
let table: LatencyTable | undefined;
for await (const subject of SUBJECTS[what]()) {
  table ??= await latencyTable(subject);
  const seedRows = await compared(subject, table);
  rows.push(...seedRows);
}
const { vendor, description, fallback } = gpu.info;
const record = {
  experiment: `one budget in ms for depth and width, ${what}`,
  date: new Date().toISOString(),
  commit: await commit(),
  command: ["scripts/experiments/joint_budget.ts", ...Deno.args].join(" "),
  adapter: { vendor, description, fallback },
  machine: { cores: navigator.hardwareConcurrency, load: Deno.loadavg()[0] },
  images: IMAGES,
  batch,
  epochs,
  widths,
  forms,
  table: { wholeMs: table!.wholeMs, clock: table!.clock },
  summary: summaryOf(rows),
  rows,
};
if (values.out) Deno.writeTextFileSync(values.out, JSON.stringify(record, null, 2) + "\n");
console.table(record.summary.map(({ accuracy, measuredMs, ...row }) => ({
  ...row,
  accuracy: shown(accuracy, 100),
  measuredMs: shown(measuredMs, 1),
})));
gpu.close();

async function* digits(): AsyncGenerator<Subject> {
  const { family } = values;
  for (const seed of seeds) {
    const recipe = denseRecipe(family, seed);
    const dir = `${values.networks}/${family}-${seed}`;
    yield {
      name: family,
      seed,
      model: await networkOfRun(gpu, recipe, dir, "train"),
      data: await loadDataset("digits", recipe.data),
      tuned: (gene) =>
        tunedRecipe(seed, gene, {
          model: { name: family },
          weights: `${dir}/model.safetensors`,
          data: digitsData(family),
          batch: 64,
        }, { optimizer: { kind: "adamw", lr: 1.5e-3, weightDecay: 0.05 } }),
    };
  }
}

/** A fifth of the images, of which an epoch has some thousand. */
async function* cifar(): AsyncGenerator<Subject> {
  const loaded = { limit: 9500, augment: { flip: true, crop: 4 }, perEpoch: 4096 };
  const base = { ...resnet20Keys(values, loaded), batch: 64 };
  const tuned = (gene: Gene) =>
    tunedRecipe(seeds[0], gene, base, {
      optimizer: { kind: "sgd", lr: 0.02, momentum: 0.9, weightDecay: 1e-4 },
    });
  yield { name: "resnet20", seed: seeds[0], ...await given(tuned([])), tuned };
}

function tunedRecipe(seed: number, gene: Gene, base: Record<string, unknown>, how: Record<string, unknown>): Recipe {
  return parseRecipe({
    version: 1,
    name: "joint",
    seed,
    ...base,
    stages: [
      { kind: "search", gene },
      { kind: "subnet", epochs, ...how, schedule: { kind: "cosine", warmup: 0.5 } },
      { kind: "merge" },
    ],
  }, "joint");
}

async function latencyTable({ name, model }: Subject): Promise<LatencyTable> {
  const also = formedNetworks(model.graph);
  return await once(
    `${name}-${batch}.json`,
    () => buildLatencyTable(gpu, model, { name, batch, also, seconds: seconds[0] }),
  );
}

/** What `make` gives, kept in the folder of the work. */
async function once<T>(name: string, make: () => Promise<T>): Promise<T> {
  const file = `${values.work}/${name}`;
  try {
    return JSON.parse(Deno.readTextFileSync(file));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const made = await make();
  Deno.mkdirSync(values.work, { recursive: true });
  Deno.writeTextFileSync(file, JSON.stringify(made));
  return made;
}

interface Row {
  readonly seed: number;
  readonly method: string;
  /** Of the dense network's ms by the table. */
  readonly budget: number;
  readonly limitMs: number;
  /** Why there is no network. */
  readonly unmet?: string;
  readonly gene?: Gene;
  /** Minus the sum of the scores. */
  readonly loss?: number;
  readonly tableMs?: number;
  /** The least of its samples. */
  readonly measuredMs?: number;
  readonly macs?: number;
  readonly accuracy?: number;
}

/** Every method at every budget, trained; then all networks timed against each other, and beside the dense one. */
async function compared(subject: Subject, table: LatencyTable): Promise<Row[]> {
  const { name, seed, model, data } = subject;
  const { blocks } = findBlocks(model.graph);
  const estimate = latencyEstimate(table);
  const priced = { model, blocks, unit: "ms", estimate } as const;
  const space = jointSpace({ ...priced, forms, widths });
  const images = spread(data.train, IMAGES);
  const scores = await once(
    `${name}-${seed}-scores-${[...widths, ...forms].join("-")}.json`,
    () => choiceScores({ gpu, model, blocks, space, images }),
  );
  const dense = estimate(model);
  const networks = new Map([["dense", model]]);
  const rows: Row[] = [];
  for (const budget of budgets) {
    for (const [method, allows] of Object.entries(METHODS)) {
      const row = { seed, method, budget, limitMs: budget * dense };
      const part = only(space, scores, allows);
      const chosen = chosenWithin(() => jointKnapsack({ ...priced, ...part, limit: row.limitMs }));
      if (typeof chosen === "string") {
        const reached = costOf(part.space, cheapestGene(part.space));
        rows.push({ ...row, unmet: `${method} alone reaches ${reached.toPrecision(4)} ms` });
        console.log(JSON.stringify(rows.at(-1)));
        continue;
      }
      const { gene, cost, value } = chosen.best;
      const key = gene.join("_").replaceAll(" ", "");
      if (!networks.has(key)) {
        const dir = `${values.work}/${name}-${seed}/${key}`;
        networks.set(key, await networkOfRun(gpu, subject.tuned(gene), dir, "prune"));
      }
      const small = networks.get(key)!;
      const macs = graphCost(small.graph).macs / graphCost(model.graph).macs;
      const right = await once(`${name}-${seed}/${key}.json`, () => accuracy(small, data));
      rows.push({ ...row, gene, loss: -value, tableMs: cost, macs, accuracy: right });
      console.log(JSON.stringify(rows.at(-1)));
    }
  }
  const ms = await leastMs(networks);
  console.log(JSON.stringify(Object.fromEntries(ms)));
  return [
    {
      seed,
      method: "dense",
      budget: 1,
      limitMs: dense,
      tableMs: dense,
      measuredMs: ms.get("dense"),
      macs: 1,
      accuracy: await accuracy(model, data),
    },
    ...rows.map((row) => row.gene ? { ...row, measuredMs: ms.get(row.gene.join("_").replaceAll(" ", "")) } : row),
  ];
}

/**
 * What each network takes, all of them in turn, in ms: the least of its samples, since what else the machine does only adds to
 * them.
 */
async function leastMs(networks: ReadonlyMap<string, Model>): Promise<ReadonlyMap<string, number>> {
  const plans = [...networks].map(([name, model]) => ({ name, plan: compilePlan(gpu, model, batch) }));
  const shape = concrete([...networks.values()][0].graph.inputs[0].shape, batch);
  const input = Tensor.from(gpu, random(1, "measure").fillNormal(new Float32Array(elements(shape)), 0), shape);
  const contestants = plans.map(({ name, plan }) => ({ name, record: () => void plan.run(input) }));
  const sampled = await sampleInterleaved(gpu, contestants, { seconds: seconds[1] });
  for (const { plan } of plans) plan.dispose();
  input.dispose();
  return new Map(sampled.map(({ name, samplesMs }) => [name, Math.min(...samplesMs)]));
}

/** The space and the scores of the choices that a method has. */
function only(space: GeneSpace, scores: BlockScores, allows: (choice: Choice) => boolean) {
  const kept = space.choices.map((own) => own.map((choice) => choice === "keep" || allows(choice)));
  const part = <T>(lists: readonly (readonly T[])[]) => lists.map((own, b) => own.filter((_, c) => kept[b][c]));
  const { rest, blocks } = space.cost as AdditiveCost;
  return {
    space: { ...space, choices: part(space.choices), cost: { rest, blocks: part(blocks) } },
    scores: part(scores),
  };
}

function chosenWithin<T>(choose: () => T): T | string {
  try {
    return choose();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

async function accuracy(model: Model, { test }: Splits): Promise<number> {
  return (await evaluateModel(gpu, model, test)).accuracy;
}

/** A mean over seeds, and how far a 95 % interval by Student's t reaches from it. */
interface Mean {
  readonly mean: number;
  readonly plusMinus?: number;
}

function summaryOf(rows: readonly Row[]) {
  const settings = [...new Map(rows.map(({ method, budget }) => [`${method} ${budget}`, { method, budget }])).values()];
  return settings.map(({ method, budget }) => {
    const own = rows.filter((row) => row.method === method && row.budget === budget);
    const met = own.filter((row) => row.accuracy !== undefined);
    const column = (key: "accuracy" | "measuredMs" | "tableMs" | "macs") => meanOf(met.map((row) => row[key]!));
    const joint = rows.filter((row) => row.method === "joint" && row.budget === budget);
    const behind = met.flatMap((row) =>
      joint.filter(({ seed }) => seed === row.seed).map((j) => j.accuracy! - row.accuracy!)
    );
    return {
      method,
      budget,
      met: met.length,
      of: own.length,
      accuracy: column("accuracy"),
      measuredMs: column("measuredMs"),
      tableMs: column("tableMs"),
      macs: column("macs"),
      ...method !== "joint" && method !== "dense" && { jointIsBetterBy: meanOf(behind) },
    };
  });
}

function meanOf(numbers: readonly number[]): Mean | undefined {
  const n = numbers.length;
  if (n === 0) return undefined;
  const mean = numbers.reduce((sum, x) => sum + x, 0) / n;
  if (n === 1) return { mean };
  const variance = numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  return { mean, plusMinus: T975[n - 2] * Math.sqrt(variance / n) };
}

function shown(value: Mean | undefined, times: number): string {
  if (!value) return "–";
  const { mean, plusMinus } = value;
  return (times * mean).toFixed(2) + (plusMinus === undefined ? "" : ` ± ${(times * plusMinus).toFixed(2)}`);
}
