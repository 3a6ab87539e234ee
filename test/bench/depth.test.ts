import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mergedNetwork } from "../../bench/depth/merged.ts";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { applyGene } from "../../src/depth/forms/forms.ts";
import { settle } from "../../src/depth/forms/settle.ts";
import { mergeBlocks } from "../../src/depth/merge/merge.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { createModel } from "../../src/models/zoo.ts";
import { randomParams } from "../generate/graphs.ts";

const test = suite("depth benchmark");

test("a merged network is the graph that merging a network with numbers gives", () => {
  const whole = createModel("convnext-micro", { size: 8 });
  const found = findBlocks(whole);
  const { graph, blocks } = mergedNetwork(whole, { form: "identity", blocks: 2 });
  assert.equal(blocks, found.blocks.slice(0, 2).map(({ name }) => name));
  const gene = found.blocks.map((_, i) => i < 2 ? "identity" as const : "keep" as const);
  const formed = settle(applyGene({ graph: whole, params: randomParams(whole, 1) }, found, gene).model, "form");
  assert.equal(mergeBlocks(formed, found.blocks.slice(0, 2)).model.graph, graph);
  // Of two blocks with 16 channels on maps of 8×8 two products of 4 · 16² are left as one of 16².
  assert.is(graphCost(whole).macs - graphCost(graph).macs, 2 * 64 * 7 * 16 * 16);
});

test("blocks that merging makes dearer are passed over, and too few are refused", () => {
  const whole = createModel("mobilenetv2-micro", { size: 8 });
  const { blocks, graph } = mergedNetwork(whole, { form: "identity", blocks: 1 });
  assert.ok(graphCost(graph).macs < graphCost(whole).macs);
  assert.is(blocks.length, 1);
  assert.throws(
    () => mergedNetwork(createModel("resnet8", { size: 8 }), { form: "attention", blocks: 1 }),
    /0 blocks take the form "attention", not 1/,
  );
});

test.run();
