/** The stage `linearize` in a run: alone on given weights, before and after width pruning, in the report and for `verify`. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { readModel } from "../../src/formats/model_file.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { isMerged } from "../../src/graph/indexmap.ts";
import type { DataRequest, Recipe } from "../../src/recipe/schema.ts";
import type { Report } from "../../src/report/types.ts";
import { onlyNightly } from "../long.ts";
import { abortedAt } from "./interrupt.ts";
import { assertSound, DIR, loadTiny, prune, threeBlocks, tinyRecipe, train, trainedBlocks } from "./tiny.ts";

const test = suite("linearize in a run");
const compact = { kind: "compact" };
const linearize = (more: Record<string, unknown> = {}) => ({ kind: "linearize", blocks: 2, images: 64, ...more });
const halved = { kind: "prune", constraints: [{ kind: "filter", keep: 0.5 }], compact: false };

const { freshStore, onWeights } = await trainedBlocks();

const forms = ({ depth }: Report) => depth!.blocks.map(({ form }) => form);

test("alone on given weights it takes the blocks of highest R², and the report says what became of each", async () => {
  const { report, store } = await onWeights([linearize()]);
  const { model: small, dense, origin } = await readModel(store, DIR);
  const blocks = report.depth!.blocks;
  assert.is(blocks.length, 3);
  const taken = blocks.filter(({ form }) => form === "linear");
  assert.is(taken.length, 2);
  const [least] = blocks.toSorted((a, b) => a.score! - b.score!);
  assert.is(least.form, "keep");
  assert.is(least.macs.after, least.macs.before);
  for (const { name, macs } of taken) {
    assert.ok(macs.after < macs.before);
    const how = `least squares of ${name}`;
    assert.ok(
      [...origin.values()].some((from) => isMerged(from) && from.how === how),
      `${name} isn't told to be merged`,
    );
  }
  const saved = taken.reduce((sum, { macs }) => sum + macs.before - macs.after, 0);
  assert.is(report.final.macs, report.baseline.macs - saved);
  assert.is(graphCost(dense).macs - graphCost(small.graph).macs, saved);
  assert.equal(report.stages.map(({ name }) => name), ["given", "linear layers"]);
  assert.ok("notProved" in report.equivalence && /compute something else/.test(report.equivalence.notProved));
  await assertSound(store);
});

onlyNightly(test)("labels decide nothing: with others the network has the same bits", async () => {
  const turned = async (request: DataRequest) => {
    const data = await loadTiny(request);
    const labels = data.train.labels.map((label) => (label + 3) % 10);
    return { ...data, train: { ...data.train, labels } };
  };
  const [one, other] = [await onWeights([linearize()]), await onWeights([linearize()], { loadData: turned })];
  assert.equal(
    await other.store.read(`${DIR}/model.safetensors`),
    await one.store.read(`${DIR}/model.safetensors`),
  );
});

test("blocks are named, or all; a kernel may be asked for", async () => {
  const named = await onWeights([linearize({ blocks: ["layer3"] })]);
  assert.equal(forms(named.report), ["keep", "keep", "linear"]);
  const all = await onWeights([linearize({ blocks: "all", kernel: 1 })]);
  assert.equal(forms(all.report), ["linear", "linear", "linear"]);
  const { model: { graph } } = await readModel(all.store, DIR);
  assert.equal(graph.params["layer1.linear.weight"].shape, [4, 4, 1, 1]);
});

test("after width pruning and before it: the final network is proved, and smaller than by either", async () => {
  const before = await onWeights([linearize({ blocks: "all" }), halved, compact]);
  const after = await onWeights([halved, linearize({ blocks: "all" }), compact]);
  const { report: { final: { macs: alone } } } = await onWeights([linearize({ blocks: "all" })]);
  for (const { report, store } of [before, after]) {
    assert.equal(forms(report), ["linear", "linear", "linear"]);
    assert.ok("inputs" in report.equivalence && report.equivalence.inputs > 0 && report.equivalence.maxRel <= 1e-5);
    assert.ok(report.final.macs < 0.9 * alone, `${report.final.macs} of ${alone}`);
    const sum = report.depth!.blocks.reduce((total, { macs }) => total + macs.after, 0);
    assert.ok(sum < report.final.macs && sum > 0.5 * report.final.macs, "each block is told as it is in the end");
    assert.match(report.untold!["filter *"], /merged from/);
    await assertSound(store);
  }
});

test("a network that was compacted before is replaced like any other, and trained on", async () => {
  const { report, store } = await onWeights([halved, compact, linearize({ blocks: 1 }), train(1), compact]);
  assert.is(forms(report).filter((form) => form === "linear").length, 1);
  await assertSound(store);
});

test("what can't be is said before anything is trained", async () => {
  const complaint = async (stages: readonly unknown[], more: Partial<Recipe> = {}): Promise<string> => {
    const error = await (async () => await prune({ ...tinyRecipe(stages, threeBlocks), ...more }))().catch((
      e: unknown,
    ) => e);
    assert.instance(error, UserError);
    return (error as Error).message;
  };
  assert.match(
    await complaint([train(1), linearize({ blocks: 9 })]),
    /9 blocks are to become linear layers, and 3 can/,
  );
  assert.match(
    await complaint([train(1), linearize({ blocks: ["layer9"] })]),
    /no block is called "layer9": expected layer1, layer2, layer3/,
  );
  assert.match(await complaint([linearize()]), /stages.0 is linearize, expected train/);
  assert.match(
    await complaint([linearize({ blocks: "some" })]),
    /expected a number of blocks, all, or a list of names/,
  );
});

onlyNightly(test)("stopped within it and taken up again, it ends in the same bits", async () => {
  const whole = await onWeights([linearize(), compact]);
  const store = await freshStore();
  const stopped = await prune(whole.recipe, { store, signal: abortedAt(3) }).then(() => "ran", (e: Error) => e.name);
  assert.is(stopped, "Interrupted");
  await prune(whole.recipe, { store, resume: true });
  assert.equal(
    await store.read(`${DIR}/model.safetensors`),
    await whole.store.read(`${DIR}/model.safetensors`),
  );
});

test.run();
