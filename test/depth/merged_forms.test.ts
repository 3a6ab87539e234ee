/** Forms of whole networks, settled and then merged. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { applyGene } from "../../src/depth/forms/forms.ts";
import { settle } from "../../src/depth/forms/settle.ts";
import { mergeBlocks, type MergeBlocksOptions, planBlock } from "../../src/depth/merge/merge.ts";
import { moveBorders } from "../../src/depth/merge/move_borders.ts";
import { assertEquivalent } from "../../src/graph/equivalence.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { graphCost } from "../../src/graph/cost.ts";
import type { Model } from "../../src/graph/types.ts";
import { validateModel } from "../../src/graph/validate.ts";
import type { Block } from "../../src/depth/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";

const test = suite("merged forms");

interface Settled {
  readonly model: Model;
  readonly blocks: readonly Block[];
}

/** A network of the zoo whose blocks have all taken the identity form, with random weights and norms. */
function identityForms(name: string, options = {}): Settled {
  const graph = createModel(name, { size: 8, ...options });
  const found = findBlocks(graph);
  const gene = found.blocks.map(() => "identity" as const);
  const mixed = applyGene({ graph, params: randomParams(graph, 1) }, found, gene).model;
  const settled = settle(mixed, "form");
  return { model: { graph: settled.graph, params: randomParams(settled.graph, 2) }, blocks: found.blocks };
}

function equal(before: Model, after: Model): void {
  validateModel(after);
  const inputs = randomInputs(before.graph, 5);
  const [exact, got] = [before, after].map((model) =>
    referenceForward(model, inputs).get(model.graph.outputs[0])!.data
  );
  const { maxRel } = compareOutputs(exact, got);
  assert.ok(maxRel < 1e-5, `${maxRel}`);
}

/** The merged network, of which the form and the compact one are the same. */
function merged({ model, blocks }: Settled, options: MergeBlocksOptions = {}): Model {
  const { model: made, map } = mergeBlocks(model, blocks, options);
  for (const { input, output } of blocks) {
    const values = new Set(["input", ...made.graph.nodes.flatMap(({ outputs }) => outputs)]);
    assert.ok(values.has(input) && values.has(output), `${input} or ${output} lost its name`);
  }
  assert.equal(new Set(map.keys()), new Set(Object.keys(made.graph.params)));
  equal(model, made);
  equal(made, compact(made).model);
  return made;
}

/** Multiply-adds of a network over those of another. */
function ratio(after: Model, before: Model): number {
  return graphCost(after.graph).macs / graphCost(before.graph).macs;
}

function count({ graph }: Model, op: string): number {
  return graph.nodes.filter((node) => node.op === op).length;
}

async function equalOnTheDevice(before: Model, after: Model): Promise<void> {
  await assertEquivalent(await testGpu(), before, after, Object.values(randomInputs(before.graph, 5))[0].data, 2);
}

test("MobileNetV2: blocks become 3×3 convolutions with biases for the border", async () => {
  const settled = identityForms("mobilenetv2-micro", { width: 0.5 });
  const small = merged(settled);
  assert.equal([count(small, "BorderBias") > 0, count(small, "RegionConv")], [true, 0]);
  assert.ok(ratio(small, settled.model) < 0.85);
  await equalOnTheDevice(settled.model, small);
});

test("ConvNeXt: pairs of linear layers become one", async () => {
  const settled = identityForms("convnext-micro", { width: 0.25 });
  const small = merged(settled);
  assert.ok(ratio(small, settled.model) < 0.6);
  await equalOnTheDevice(settled.model, small);
});

test("DeiT: MLPs become one product each, norms go into what reads them, attention stays", async () => {
  const settled = identityForms("deit-micro", { width: 0.25 });
  const small = merged(settled);
  // Of the norms only those of the tails are left.
  assert.equal([count(small, "BatchNormalization"), count(small, "Attention")], [settled.blocks.length, 6]);
  // q, k and v, the projection, and the MLP.
  assert.is(count(small, "MatMul"), 3 * 6);
  assert.ok(ratio(small, settled.model) < 0.6);
  await equalOnTheDevice(settled.model, small);
});

test("ResNet: as one convolution blocks take more multiply-adds, and are exact at the border all the same", () => {
  const settled = identityForms("resnet14", { width: 0.25 });
  assert.is(ratio(merged(settled), settled.model), 1);
  const one = merged(settled, { layers: "one" });
  assert.ok(count(one, "RegionConv") > 0 && ratio(one, settled.model) > 1);
});

test("ResNet whose padding was moved while it was mixed: one plain convolution for each block", () => {
  const graph = createModel("resnet14", { size: 8, width: 0.25 });
  const found = findBlocks(graph);
  const { blocks } = found;
  const mixed = applyGene({ graph, params: randomParams(graph, 1) }, found, blocks.map(() => "identity")).model;
  const moved = settle(blocks.reduce((made, block) => moveBorders(made, block).model, mixed), "form");
  const model = { graph: moved.graph, params: randomParams(moved.graph, 2) };
  const plain = merged({ model, blocks }, { layers: "one", border: "move" });
  assert.equal([count(plain, "RegionConv"), count(plain, "BorderBias")], [0, 0]);
  assert.is(count(plain, "Conv"), 1 + blocks.length);
});

test("a block that hasn't taken its form is refused by its name and with the reason", () => {
  const graph = createModel("resnet14", { size: 8 });
  const { blocks: [block] } = findBlocks(graph);
  const plans = planBlock(graph, block);
  assert.match("refused" in plans ? plans.refused : "nothing", /its Relu "[^"]+" isn't linear/);
  assert.throws(
    () => mergeBlocks({ graph, params: randomParams(graph, 1) }, [block]),
    (error: Error) =>
      error instanceof UserError && error.message.startsWith(`block "${block.name}" can't be merged: its Relu`),
  );
});

test.run();
