/** Where a block that takes a form has its padding: chosen before it is trained, and what follows from it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { type BorderOptions, chooseBorders } from "../../src/depth/forms/borders.ts";
import { settle } from "../../src/depth/forms/settle.ts";
import { mergeForms } from "../../src/depth/merge/merge_forms.ts";
import { startForms } from "../../src/depth/start_forms.ts";
import { geneFamily } from "../../src/depth/supernet/gene_family.ts";
import type { Border, FormName } from "../../src/depth/types.ts";
import { builder } from "../../src/graph/build.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { brightPixels } from "../train/small.ts";
import { SMALL_BLOCKS } from "./small_blocks.ts";

const test = suite("border choice");

function chosen(graph: Graph, form: FormName, options: BorderOptions): readonly Border[] {
  const { blocks } = findBlocks(graph);
  return chooseBorders(graph, blocks, blocks.map(() => form), options);
}

test("padding stays unless it is asked for, and moves only in forms of several layers of which a later one is padded", () => {
  const basic = SMALL_BLOCKS.basic();
  assert.equal(chosen(basic, "identity", {}), ["exact"]);
  assert.equal(chosen(basic, "identity", { border: "move" }), ["move"]);
  assert.equal(chosen(basic, "linear", { border: "move" }), ["exact"]);
  assert.equal(chosen(basic, "skip", { border: "move" }), ["exact"]);
  // The depthwise convolution, which is padded, is the first one.
  assert.equal(chosen(SMALL_BLOCKS.convnext(), "identity", { border: "move" }), ["exact"]);
});

test("auto: by multiply-adds, two 3×3 convolutions keep their padding; of one 5×5 one plain kernel is fewer dispatches", () => {
  // Moved, the first of them makes 6×6 pixels of 4×4: 81 · 36 multiply-adds in the place of 81 · 16.
  assert.equal(chosen(SMALL_BLOCKS.basic(), "identity", { border: "auto" }), ["exact"]);
  assert.equal(chosen(SMALL_BLOCKS.basic(), "identity", { border: "auto", layers: "one" }), ["move"]);
});

test("auto: biases by region are added in the dispatch that the tail takes anyway, so nothing moves", () => {
  assert.equal(chosen(SMALL_BLOCKS.inverted(), "identity", { border: "auto" }), ["exact"]);
});

test("a block whose padding can't move is refused by its name where it has to, and stays as it is under auto", () => {
  const b = builder("pooled", ["N", 3, 8, 8]);
  const wide = b.relu(b.conv(b.input, { name: "a", out: 3, kernel: 3, pad: 1 }), "act");
  const pooled = b.averagePool(wide, { kernel: 3, stride: 1, pad: 1, name: "pool" });
  const graph = b.graph([b.relu(b.conv(pooled, { name: "b", out: 4, kernel: 3, pad: 1 }))]);
  const block = {
    kind: "convolutions",
    name: "a",
    nodes: ["a", "act", "pool", "b"],
    input: "input",
    output: "b",
  } as const;
  const of = (border: Border | "auto") => chooseBorders(graph, [block], ["identity"], { border });
  assert.equal(of("auto"), ["exact"]);
  assert.throws(
    () => of("move"),
    (error: Error) =>
      error instanceof UserError && /^block "a": its padding can't be moved: .*border: exact$/.test(error.message),
  );
});

/** A ResNet of basic blocks with random numbers, mixed with their identity forms. */
async function started(borders: readonly Border[]) {
  const graph = createModel("resnet8", { width: 0.25, size: 4, inChannels: 1, classes: 3 });
  const model: Model = { graph, params: randomParams(graph, 1) };
  const { blocks } = findBlocks(graph);
  const gene = blocks.map(() => "identity" as const);
  const options = { gpu: await testGpu(), model, blocks, gene, borders, images: brightPixels(32) };
  return { graph, blocks, gene, ...await startForms(options) };
}

const ops = ({ nodes }: Graph, op: string) => nodes.filter((node) => node.op === op).length;

test("of a block whose padding moved one plain kernel is left, of another one kernels by region", async () => {
  const { rewrite, blocks, gene } = await started(["exact", "move", "move"]);
  const form = settle(rewrite.model, "form");
  const { rewrite: merged, borders } = mergeForms(form, blocks, gene, { layers: "one" });
  assert.equal([...borders.values()], ["kernel", "none", "none"]);
  assert.is(ops(merged.model.graph, "RegionConv"), 1);
});

test("in a supernet the padding moves with the form: genes that keep a block have it where it was", async () => {
  const borders: readonly Border[] = ["move", "exact", "move"];
  const { graph, blocks, gene, unmoved, mixes } = await started(borders);
  const family = geneFamily(
    unmoved,
    blocks.map((block, b) => ({ block, form: gene[b], mixes: mixes[b], border: borders[b] })),
  );
  const pads = ({ nodes }: Graph) =>
    blocks.flatMap(({ nodes: own }) => nodes.filter(({ op, name }) => op === "Conv" && own.includes(name)))
      .filter(({ attrs }) => (attrs.kernel_shape as number[] | undefined)?.[0] !== 1)
      .map(({ attrs }) => (attrs.pads as readonly number[] | undefined)?.[0] ?? 0);
  const keep = gene.map(() => "keep" as const);
  assert.equal(
    family.graph(keep).nodes.map(({ name, attrs }) => [name, attrs]),
    graph.nodes.map(({ name, attrs }) => [name, attrs]),
  );
  const before = pads(graph), after = pads(family.graph(gene)), one = pads(family.graph(["identity", "keep", "keep"]));
  assert.is(before.length, 6);
  assert.equal(after, [2, 0, ...before.slice(2, 4), after[4], 0]);
  assert.ok(after[4] > before[4]);
  assert.equal(one, [2, 0, ...before.slice(2)]);
});

test.run();
