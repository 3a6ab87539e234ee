/** What blocks and their forms cost, worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { blockForms, type FormCost, formCost } from "../../src/depth/forms/form_cost.ts";
import type { FormName } from "../../src/depth/types.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { builder } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/types.ts";
import { graphSteps } from "../../src/measure/latency/steps.ts";
import { stepEstimate } from "../../src/measure/latency/estimate.ts";
import type { LatencyTable } from "../../src/measure/latency/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { SMALL_BLOCKS } from "./small_blocks.ts";

const test = suite("costs of forms");

function costOf(graph: Graph, form: FormName, place = 0, table?: LatencyTable): FormCost {
  const cost = formCost(graph, findBlocks(graph).blocks[place], form, { table });
  assert.not("refused" in cost, JSON.stringify(cost));
  return cost as FormCost;
}

const shapes = ({ layers }: FormCost) =>
  layers.map(({ kernel, channels, filters, group }) => `${kernel.join("×")} ${channels}→${filters}/${group}`);

test("a basic block of 3 channels on 4×4 pixels keeps one of its 3×3 convolutions", () => {
  for (const form of ["first", "second"] as const) {
    const cost = costOf(SMALL_BLOCKS.basic(), form);
    // Two convolutions of 3·3·9 weights; one of them, and the shortcut is taken in.
    assert.equal(cost.macs, { before: 2 * 81 * 16, after: 81 * 16 });
    // Of 4 numbers per channel each norm; the merged one has a bias per channel, and the tail's norm stays.
    assert.equal(cost.params, { before: 2 * (81 + 12), after: 81 + 3 + 12 });
    assert.equal(cost.bytes, { before: 4 * cost.params.before, after: 4 * cost.params.after });
    assert.equal(shapes(cost), ["3×3 3→3/1"]);
  }
  assert.equal(costOf(SMALL_BLOCKS.basic(), "skip").macs, { before: 2 * 81 * 16, after: 0 });
});

test("an inverted residual becomes one dense 3×3 convolution, a ConvNeXt block two, an MLP one square layer", () => {
  // Expansion 3·6, depthwise 6·9, projection 6·3; then 3·3·9.
  assert.equal(costOf(SMALL_BLOCKS.inverted(), "identity").macs, { before: (18 + 54 + 18) * 16, after: 81 * 16 });
  const convnext = costOf(SMALL_BLOCKS.convnext(), "identity");
  assert.equal(convnext.macs, { before: (27 + 15 + 15) * 16, after: (27 + 9) * 16 });
  assert.equal(shapes(convnext), ["3×3 3→3/3", "1×1 3→3/1"]);
  // Three tokens: 4·5 + 5·4, then 4·4.
  const mlp = costOf(SMALL_BLOCKS.mlp(), "identity");
  assert.equal(mlp.macs, { before: 3 * 40, after: 3 * 16 });
  assert.equal(shapes(mlp), ["1×1 4→4/1"]);
});

test("of DeiT-T attention stays: 12·D² + 2·N·D for each of N tokens become 5·D² + 2·N·D", () => {
  const graph = createModel("deit-t");
  const [tokens, dim] = [197, 192];
  const { macs } = costOf(graph, "attention");
  assert.equal(macs, {
    before: tokens * (12 * dim ** 2 + 2 * tokens * dim),
    after: tokens * (5 * dim ** 2 + 2 * tokens * dim),
  });
});

test("a form that takes as much as its block, or more, is offered only when asked for", () => {
  const graph = createModel("resnet14", { size: 8 });
  const found = findBlocks(graph);
  const [{ offered, refused }] = blockForms(graph, found);
  assert.equal(offered.map(({ form }) => form), ["linear", "first", "second", "skip"]);
  assert.equal(refused.map(({ form }) => form), ["identity"]);
  const [{ offered: all }] = blockForms(graph, found, { all: true });
  assert.equal(all.map(({ form }) => form), ["identity", "linear", "first", "second", "skip"]);
});

test("by a table: the block's own steps, and what is left of them", () => {
  const graph = SMALL_BLOCKS.basic();
  const block = findBlocks(graph).blocks[0];
  // Every layer takes 3 ms, everything else 1 ms.
  const table: LatencyTable = {
    model: graph.name,
    batch: 1,
    clock: "now",
    quantumMs: 0.001,
    wholeMs: 12,
    launchMs: 1,
    layers: graphSteps(graph).filter((step) => step.kind === "layer").map(({ shape, name }) => ({
      shape,
      layers: [name],
      inputs: [1, 8],
      outputs: [1, 8],
      medianMs: [[3, 3], [3, 3]],
    })),
    rest: [],
  };
  const steps = stepEstimate(table)(graph);
  assert.equal([...steps].filter(([name]) => block.nodes.includes(name)), [["a.conv", 3], ["b.conv", 3]]);
  const cost = costOf(graph, "first", 0, table);
  // One convolution with the activation, and the norm behind it in a kernel of its own.
  assert.equal(cost.ms, { before: 6, after: 4 });
});

test("a layer that a table doesn't have is no reason for a wrong number", () => {
  const graph = SMALL_BLOCKS.basic();
  const table = { model: "x", batch: 1, clock: "now", quantumMs: 1, wholeMs: 1, launchMs: 1, layers: [], rest: [] };
  const cost = costOf(graph, "first", 0, table);
  assert.is(cost.ms, undefined);
  assert.match(cost.unpriced!, /layer "stem" .* isn't in the latency table of "x"/);
});

test("attention has no price by what other steps take for their numbers", () => {
  const table = { model: "x", batch: 1, clock: "now", quantumMs: 1, wholeMs: 1, launchMs: 1, layers: [], rest: [] };
  const { ms, unpriced } = costOf(SMALL_BLOCKS.transformer(), "identity", 0, table);
  assert.is(ms, undefined);
  assert.match(unpriced!, /^"heads" isn't in the latency table of "x" at batch 1$/);
});

test("costs of a form are what the merged network's differ by", () => {
  const b = builder("two", ["N", 3, 6, 6]);
  const y = b.relu(b.conv(b.input, { name: "one", out: 5, kernel: 3, pad: 1 }));
  b.relu(b.conv(y, { name: "two", out: 4, kernel: 3, pad: 1 }));
  const graph = b.graph();
  const cost = costOf(graph, "first");
  // 3×3 from 3 to 5 channels and the 1×1 to 4 are one 3×3 from 3 to 4.
  assert.equal(shapes(cost), ["3×3 3→4/1"]);
  assert.equal(cost.macs, { before: graphCost(graph).macs, after: 36 * 27 * 4 });
});

test.run();
