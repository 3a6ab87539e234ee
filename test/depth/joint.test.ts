/** One budget in ms over the blocks of a network and the widths inside them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { digitsSplits } from "../../src/data/digits.ts";
import { spread } from "../../src/data/splits.ts";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { jointBudget } from "../../src/depth/joint/joint_budget.ts";
import { innerLayers, narrowBlocks, widthOf } from "../../src/depth/joint/narrow.ts";
import { outputLoss } from "../../src/depth/joint/output_loss.ts";
import { UserError } from "../../src/errors.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { testGpu } from "../gpu.ts";

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

test.run();
