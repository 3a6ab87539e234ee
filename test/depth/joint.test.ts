/** One budget in ms over the blocks of a network and the widths inside them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { digitsSplits } from "../../src/data/digits.ts";
import { firstImages } from "../../src/data/proof_inputs.ts";
import { spread } from "../../src/data/splits.ts";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { settle } from "../../src/depth/forms/settle.ts";
import { jointBudget } from "../../src/depth/joint/joint_budget.ts";
import { jointKnapsack } from "../../src/depth/joint/joint_knapsack.ts";
import { costOfGene, jointSpace } from "../../src/depth/joint/joint_space.ts";
import { innerLayers, narrowBlocks, widthOf } from "../../src/depth/joint/narrow.ts";
import { refitReaders } from "../../src/depth/joint/refit_readers.ts";
import { startChoices } from "../../src/depth/joint/start_choices.ts";
import { type AdditiveCost, costOf } from "../../src/depth/search/gene_space.ts";
import type { Gene } from "../../src/depth/types.ts";
import { UserError } from "../../src/errors.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { runPlan } from "../../src/graph/equivalence.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { KeptOrigin, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { outputLoss } from "../../src/prune/reconstruct/output_loss.ts";
import { testGpu } from "../gpu.ts";
import { onlyNightly } from "../long.ts";

const test = suite("joint budget");
const FILE = new URL("../../src/data/digits/digits.csv.gz", import.meta.url);

test("the loss of outputs is their error in parts of their spread", () => {
  // Two images of two classes: z̄ = [2, 5], the spread 1 + 1 + 1 + 1 = 4, the error 4 · 0.25 = 1.
  const original = Float32Array.of(1, 4, 3, 6);
  assert.is(outputLoss(original, original, 2), 0);
  assert.is(outputLoss(original, original.map((z) => z + 0.5), 2), 0.25);
  assert.is(outputLoss(original, Float32Array.of(2, 5, 2, 5), 2), 1);
  assert.is(outputLoss(Float32Array.of(1, 2), Float32Array.of(1, 2), 1), 0);
  assert.is(outputLoss(Float32Array.of(1, 2), Float32Array.of(1, 3), 1), Infinity);
});

test("a width is read from a choice, and nothing else is one", () => {
  assert.is(widthOf("width 0.25"), 0.25);
  for (const choice of ["keep", "linear", "skip"] as const) assert.is(widthOf(choice), undefined);
});

/** Small, its weights random. */
function net(name: string, width: number): Model {
  const graph = createModel(name, { size: 8, inChannels: 1, width });
  const params = new Map(initialise(graph, 3));
  for (const [param, { role, shape }] of Object.entries(graph.params)) {
    if (role !== "mean") continue;
    params.set(param, { shape, data: random(3, param).fillNormal(new Float32Array(shape[0]), 0, 0, 0.1) });
  }
  return { graph, params };
}

test("inner layers are those whose channels nobody outside reads, of every kind of block", () => {
  const inner = (name: string) => {
    const { graph } = net(name, 1);
    return innerLayers(graph, findBlocks(graph).blocks[0]);
  };
  assert.equal(inner("resnet14"), ["layer1.0.conv1"]);
  assert.equal(inner("mobilenetv2-micro"), ["features.1.conv.0.0"]);
  assert.equal(inner("convnext-micro"), ["features.1.0.block.3"]);
  assert.equal(inner("deit-micro"), ["blocks.0.attn.qkv", "blocks.0.mlp.fc1"]);
});

test("a narrow block keeps its filters of the largest norms, and everything outside its width", () => {
  const model = net("resnet14", 0.5);
  const { blocks } = findBlocks(model.graph);
  const { model: narrow } = narrowBlocks(model, [{ block: blocks[1], keep: 0.25 }, { block: blocks[2], keep: 0.5 }]);
  const filters = ({ graph }: Model, layer: string) => graph.params[`${layer}.weight`].shape[0];
  for (const { name } of model.graph.nodes.filter(({ op }) => op === "Conv")) {
    const part = ({ [`${blocks[1].name}.conv1`]: 0.25, [`${blocks[2].name}.conv1`]: 0.5 })[name] ?? 1;
    assert.is(filters(narrow, name), part * filters(model, name), name);
  }
  assert.throws(
    () => narrowBlocks(model, [{ block: { name: "stem", nodes: ["conv1"] }, keep: 0.5 }]),
    /no channels of its own/,
  );
});

test("the choice with the least loss that meets the limit, of all that there are", async () => {
  const gpu = await testGpu();
  const model = net("resnet14", 0.5);
  const found = findBlocks(model.graph);
  const blocks = { ...found, blocks: found.blocks.slice(0, 2) };
  const images = spread((await digitsSplits(await Deno.readFile(FILE))).train, 48);
  // Additive, as a table's sum is.
  const estimate = ({ graph }: Pick<Model, "graph">) => graphCost(graph).macs / 1e5;
  const dense = estimate(model);
  const options = { gpu, model, blocks, images, estimate, widths: [0.5, 0.25] };
  for (const part of [0.95, 0.85]) {
    const { gene, ms, options: [first, second], rewrite } = await jointBudget({ ...options, limit: part * dense });
    assert.equal(first.map(({ choice }) => choice), ["keep", "width 0.5", "width 0.25", "linear", "skip"]);
    const pairs = first.flatMap((a) =>
      second.map((b) => ({ gene: [a.choice, b.choice], ms: a.ms + b.ms - dense, loss: a.loss + b.loss }))
    );
    const best = pairs.filter((pair) => pair.ms <= part * dense + 1e-9).toSorted((a, b) => a.loss - b.loss)[0];
    assert.equal(gene, best.gene);
    assert.ok(ms <= part * dense && Math.abs(estimate(rewrite.model) - ms) < 1e-9);
  }
  const narrow = await jointBudget({ ...options, limit: 0.85 * dense, forms: [] });
  assert.ok(narrow.gene.every((choice) => choice === "keep" || widthOf(choice) !== undefined));
  const shallow = await jointBudget({ ...options, limit: 0.85 * dense, widths: [] });
  assert.ok(shallow.gene.every((choice) => widthOf(choice) === undefined));
  try {
    await jointBudget({ ...options, limit: 0.01 * dense });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UserError);
    assert.match((error as Error).message, /a budget of [\d.]+ ms can't be met: with every block in its cheapest form/);
  }
});

test("a choice costs what the network has with it alone, narrowed or merged, and a gene what it has with all", () => {
  const model = net("resnet14", 0.5);
  const { blocks } = findBlocks(model.graph);
  const priced = { model, blocks, unit: "macs", estimate: undefined } as const;
  const space = jointSpace({ ...priced, forms: ["skip"], widths: [0.5] });
  assert.equal(space.choices[0], ["keep", "width 0.5", "skip"]);
  // 8 channels of 8×8 and two 3×3 convolutions: 2 · 64 · 8 · 8 · 9 = 73,728 multiply-adds, of which half or all goes.
  const [first] = (space.cost as AdditiveCost).blocks;
  assert.equal(first, [0, -36_864, -73_728]);
  const gene: Gene = blocks.map((_, b) => b === 0 ? "width 0.5" : b === 1 ? "skip" : "keep");
  assert.is(costOfGene(priced, gene), graphCost(model.graph).macs - 36_864 - 73_728);
  assert.is(costOfGene(priced, gene), costOf(space, gene));
});

test("where savings don't add up, the limit of their sum is lowered until the whole network meets its own", () => {
  const model = net("resnet14", 0.5);
  const { blocks } = findBlocks(model.graph);
  const dense = graphCost(model.graph).macs;
  // Of all that is saved a tenth is lost again where it is more than one block's.
  const estimate = ({ graph }: Pick<Model, "graph">) => {
    const saved = dense - graphCost(graph).macs;
    return dense - saved + (saved > 40_000 ? 0.1 * saved : 0);
  };
  const priced = { model, blocks, unit: "ms", estimate } as const;
  const space = jointSpace({ ...priced, forms: [], widths: [0.5] });
  const scores = space.choices.map((own, b) => own.map((choice) => choice === "keep" ? 0 : -1 - b));
  const limit = dense - 70_000;
  const { best, points, pareto, method } = jointKnapsack({ ...priced, space, scores, limit });
  assert.is(method, "knapsack");
  assert.ok(best.cost <= limit && best.cost === costOfGene(priced, best.gene));
  assert.equal(points.at(-1), best);
  assert.equal(pareto, points.map((_, i) => i));
  // Two blocks would do if savings added up: 73,728 of 70,000.
  assert.is(best.gene.filter((choice) => choice !== "keep").length, 3);
  assert.throws(() => jointKnapsack({ ...priced, space, scores, limit: 0.1 * dense }), /can't be met/);
});

test("what training starts from is narrow at once and mixed with forms, and its parameters lie in the network's", async () => {
  const gpu = await testGpu();
  const model = net("resnet14", 0.5);
  const { blocks } = findBlocks(model.graph);
  const images = spread((await digitsSplits(await Deno.readFile(FILE))).train, 16);
  const gene: Gene = blocks.map((_, b) => b === 1 ? "width 0.5" : b === 2 ? "linear" : b === 3 ? "skip" : "keep");
  const { rewrite: { model: mixed, map }, mixes } = await startChoices({ gpu, model, blocks, gene, images });
  assert.equal(mixes.map(({ length }) => length > 0), [false, false, true, true, false, false]);
  const kept = map.get(`${blocks[1].name}.conv1.weight`) as KeptOrigin;
  assert.is(kept.source, `${blocks[1].name}.conv1.weight`);
  assert.is(kept.keep[0]!.length, mixed.graph.params[kept.source].shape[0]);
  assert.equal(map.get(`${blocks[1].name}.conv2.weight`), {
    source: `${blocks[1].name}.conv2.weight`,
    keep: [null, kept.keep[0], null, null],
  });
  const settled = settle(mixed, "form").graph;
  const found = findBlocks(settle(mixed, "block").graph).blocks;
  assert.equal(found.map(({ name }) => name), blocks.map(({ name }) => name));
  assert.equal(
    settled.nodes.filter(({ name }) => blocks[3].nodes.includes(name) && name.includes("conv")).map(({ name }) => name),
    [],
  );
});

test("what reads narrowed channels is fitted to what it made: channels that say nothing new leave without a trace", async () => {
  const gpu = await testGpu();
  const model = net("resnet14", 0.5);
  const block = findBlocks(model.graph).blocks[1];
  const params = new Map(model.params);
  const put = (name: string, data: Float32Array<ArrayBuffer>) =>
    params.set(name, { shape: params.get(name)!.shape, data });
  // Filters of one length each, and of the second half 0.9 of those of the first: so is what comes through ReLU.
  const { data, shape: [filters, ...rest] } = params.get(`${block.name}.conv1.weight`)!;
  const size = rest.reduce((product, extent) => product * extent, 1);
  const rows = Float32Array.from(data, (_, i) => {
    const from = Math.floor(i / size) % (filters / 2) * size;
    const norm = Math.hypot(...data.subarray(from, from + size));
    return (i < data.length / 2 ? 1 : 0.9) * data[from + i % size] / norm;
  });
  put(`${block.name}.conv1.weight`, rows);
  for (const [part, value] of [["weight", 1], ["bias", 0], ["running_mean", 0], ["running_var", 1]] as const) {
    put(`${block.name}.bn1.${part}`, new Float32Array(filters).fill(value));
  }
  const made: Model = { graph: model.graph, params };
  const { model: narrow } = narrowBlocks(made, [{ block, keep: 0.5 }]);
  const images = spread((await digitsSplits(await Deno.readFile(FILE))).train, 48);
  const refit = await refitReaders({ gpu, original: made, narrow, blocks: [block], images });
  const { inputs, batch } = firstImages(images, images.count);
  const [whole, removed, fitted] = await Promise.all(
    [made, narrow, refit].map((each) => runPlan(gpu, each, inputs, batch)),
  );
  // What is left is the ridge's.
  const [without, within] = [removed, fitted].map((outputs) => outputLoss(whole, outputs, batch));
  assert.ok(without > 1e-3 && within < 2e-5, `${without} and ${within}`);
});

for (const name of ["mobilenetv2-micro", "convnext-micro", "deit-micro"]) {
  const look = name === "convnext-micro" ? test : onlyNightly(test);
  look(`fitted anew, the narrow blocks of ${name} are nearer to what they were than without`, async () => {
    const gpu = await testGpu();
    const model = net(name, 0.5);
    const { blocks } = findBlocks(model.graph);
    const { model: narrow } = narrowBlocks(model, blocks.map((block) => ({ block, keep: 0.5 })));
    const images = spread((await digitsSplits(await Deno.readFile(FILE))).train, 64);
    const refit = await refitReaders({ gpu, original: model, narrow, blocks, images });
    assert.equal(refit.graph, narrow.graph);
    const { inputs, batch } = firstImages(images, images.count);
    const loss = async (changed: Model) =>
      outputLoss(await runPlan(gpu, model, inputs, batch), await runPlan(gpu, changed, inputs, batch), batch);
    assert.ok(await loss(refit) < 0.5 * await loss(narrow), `${await loss(refit)} of ${await loss(narrow)}`);
  });
}

test.run();
