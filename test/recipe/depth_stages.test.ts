/** The stages supernet, search and subnet in a run: what they leave, what they log, and that they can be stopped anywhere. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { readModel } from "../../src/formats/model_file.ts";
import type { Report } from "../../src/report/types.ts";
import type { RunOptions } from "../../src/run/pipeline.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { onlyNightly } from "../long.ts";
import { abortedAt, Crash, crashing, outcome } from "./interrupt.ts";
import { assertSound, DIR, prune, tinyRecipe, train } from "./tiny.ts";

const test = suite("depth stages");

const small = { model: { name: "resnet8", width: 0.125 }, batch: 32 };
const adam = { optimizer: { kind: "adam", lr: 0.01 } };
const supernet = (more: Record<string, unknown> = {}) => ({
  kind: "supernet",
  epochs: 1,
  images: 64,
  ...adam,
  ...more,
});
const search = (more: Record<string, unknown> = {}) => ({ kind: "search", images: 64, ...more });
const subnet = (more: Record<string, unknown> = {}) => ({ kind: "subnet", epochs: 1, images: 64, ...adam, ...more });

let weights: Uint8Array;

test.before(async () => {
  const { store } = await prune(tinyRecipe([train(2)], small));
  weights = (await store.read(`${DIR}/model.safetensors`))!;
});

const onWeights = (stages: readonly unknown[]) => tinyRecipe(stages, { ...small, weights: "weights.safetensors" });

async function freshStore(): Promise<Store> {
  const store = memoryStore();
  await store.write("weights.safetensors", weights);
  return store;
}

async function run(stages: readonly unknown[], options: Partial<RunOptions> = {}) {
  return await prune(onWeights(stages), { store: await freshStore(), ...options });
}

async function linesOf(store: Store): Promise<Record<string, unknown>[]> {
  const text = new TextDecoder().decode(await store.read(`${DIR}/log.jsonl`));
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

const forms = ({ depth }: Report) => depth!.blocks.map(({ form }) => form);

const STAGES: Readonly<Record<string, readonly unknown[]>> = {
  "a supernet of identity forms whose padding moves": [
    supernet({ start: "identity" }),
    search({ k: 2 }),
    subnet({ lambda: { kind: "cosine", fraction: 0.5 }, border: "move" }),
  ],
  "linear layers, searched without a supernet": [search({ k: 1, method: "random" }), subnet()],
  "narrower blocks beside linear layers": [search({ budget: { macs: 0.7 }, widths: [0.5] }), subnet()],
};

test("a supernet is searched, and the subnet of the chosen gene is what the run goes on with", async () => {
  const { report, store } = await run([...STAGES["a supernet of identity forms whose padding moves"], {
    kind: "compact",
  }]);
  assert.equal(forms(report).toSorted(), ["identity", "identity", "keep"]);
  const found = report.depth!.search!;
  assert.equal([found.method, found.value, found.cost], ["exhaustive", "accuracy", "macs"]);
  assert.is(found.candidates.length, 3);
  assert.equal(found.candidates[found.chosen].gene, forms(report));
  const best = Math.max(...found.candidates.map(({ value }) => value));
  assert.is(found.candidates[found.chosen].value, best);
  const { model } = await readModel(store, DIR);
  assert.equal(model.graph.nodes.filter(({ op }) => op === "Mix"), []);
  assert.ok(
    !Object.keys(model.graph.params).some((name) => name.includes("bn1.weight.pruned")),
    "a supernet's norm stayed",
  );
  assert.equal(report.stages.map(({ name }) => name), ["given", "subnet", "compact"]);
  assert.equal(
    report.depth!.blocks.map(({ border }) => border),
    forms(report).map((form) => form === "keep" ? undefined : "moved"),
  );
  const lines = await linesOf(store);
  assert.equal(lines.filter(({ phase }) => phase === "subnet").map(({ lambda }) => lambda), [1]);
  assert.is(lines.filter(({ evaluated }) => evaluated).length, 3);
  assert.is(lines.filter(({ phase }) => phase === "supernet").length, 2);
  await assertSound(store);
});

test("a gene that the recipe names is trained without any search, and epochs: 0 leaves its forms as they begin", async () => {
  const { report } = await run([search({ gene: [0, 1, "skip"] }), subnet({ epochs: 0 })]);
  assert.equal(forms(report), ["keep", "linear", "skip"]);
  assert.is(report.depth!.search, undefined);
  assert.is.not(report.depth!.blocks[1].score, undefined);
});

test("the knapsack searches by label-free scores, under a budget", async () => {
  const { report } = await run([search({ method: "knapsack", budget: { macs: 0.8 } }), subnet({ epochs: 0 })]);
  const { search: found, blocks } = report.depth!;
  assert.equal([found!.method, found!.value], ["knapsack", "score"]);
  assert.ok(report.final.macs <= 0.8 * report.baseline.macs, `${report.final.macs} of ${report.baseline.macs}`);
  assert.ok(blocks.every(({ score }) => score !== undefined));
  assert.equal(found!.candidates[found!.chosen].gene, forms(report));
});

for (const [name, stages] of Object.entries(STAGES)) {
  const look = name.startsWith("narrower blocks") ? onlyNightly(test) : test;
  look(
    `${name}: interrupted again and again, and killed at changes of its folder, a run ends in the same bits`,
    async () => {
      const expected = await run(stages).then(({ store }) => outcome(store));
      const moments = [2, 9, 5, 4, 12, 7, 3, 11];
      const store = await freshStore();
      let pieces = 0;
      for (;; pieces++) {
        const early: Partial<RunOptions> = pieces % 2 === 0
          ? { signal: abortedAt(moments[pieces / 2 % moments.length]) }
          : { store: crashing(store, 1 + pieces % 7, (["before", "amid", "after"] as const)[pieces % 3]) };
        try {
          await prune(onWeights(stages), { store, resume: pieces > 0, ...pieces > 8 ? {} : early });
          break;
        } catch (error) {
          if (!(error instanceof Interrupted) && !(error instanceof Crash)) throw error;
        }
      }
      assert.ok(pieces >= 3, `${pieces} pieces`);
      assert.equal(await outcome(store), expected);
    },
  );
}

test("what can't be is refused before anything is trained, in one line", async () => {
  const refused = async (stages: readonly unknown[], expected: RegExp) => {
    const error = await (async () => await run(stages))().then(() => undefined, (error) => error);
    assert.instance(error, UserError);
    assert.match(error.message, expected);
    assert.not.match(error.message, /\n/);
  };
  await refused(
    [search({ k: 4 }), subnet()],
    /k is 4, and of the network's 3 blocks 3 can take a form .*: give at most 3/,
  );
  await refused([search({ gene: [1, 0] }), subnet()], /the gene has 2 entries, and the network has 3 blocks/);
  await refused([search({ gene: [1, 0, 1, 1] }), subnet()], /the gene has 4 entries, and the network has 3 blocks/);
  await refused(
    [search({ gene: ["attention", 0, 0] }), subnet()],
    /block .* can't become "attention": that is for blocks of kind transformer; expected keep, linear/,
  );
  await refused(
    [search({ budget: { macs: 0.01 } }), subnet()],
    /a budget of 0\.01 of the MACs can't be met: .* the network has \d+ of \d+ MACs: give at least 0\.\d+$/,
  );
  await refused(
    [supernet({ start: "attention" }), search({ k: 1 }), subnet()],
    /no block .* can take the form attention/,
  );
  await refused([search({ k: 1 })], /a search leaves the network as it is/);
  await refused([subnet()], /put a search stage right before it/);
  await refused([supernet(), subnet()], /put a search stage right before it|put a search stage right after it/);
  await refused(
    [search({ k: 1 }), subnet({ lambda: { kind: "linear", fraction: 1.5 } })],
    /stages.1.lambda.fraction: expected a fraction above 0 and at most 1, got 1.5/,
  );
  await refused([search({ k: 1, gene: [0, 0, 1] }), subnet()], /expected one of k, budget and gene/);
});

test.run();
