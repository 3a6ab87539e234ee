/** Which blocks networks have, by how they are built. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { applyGene } from "../../src/depth/forms/forms.ts";
import type { Gene } from "../../src/depth/types.ts";
import { UserError } from "../../src/errors.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { SMALL_BLOCKS } from "./small_blocks.ts";

const test = suite("blocks");

/** Kind and name of each block, and how many there are. */
const ZOO: Readonly<Record<string, readonly [count: number, kind: string, first: string, last: string]>> = {
  "resnet14": [6, "basic", "layer1.0", "layer3.1"],
  "resnet34": [16, "basic", "layer1.0", "layer4.2"],
  "mobilenetv2-micro": [8, "inverted", "features.1", "features.8"],
  "mobilenetv2": [17, "inverted", "features.1", "features.17"],
  "convnext-micro": [8, "convnext", "features.1.0", "features.5.3"],
  "convnext-t": [18, "convnext", "features.1.0", "features.7.2"],
  "deit-micro": [6, "transformer", "blocks.0", "blocks.5"],
  "deit-t": [12, "transformer", "blocks.0", "blocks.11"],
  "vgg16-bn-cifar": [5, "convolutions", "features.0", "features.34"],
};

for (const [name, [count, kind, first, last]] of Object.entries(ZOO)) {
  test(`${name} has ${count} blocks of kind ${kind}, and no node is in two`, () => {
    const { blocks, refused } = findBlocks(createModel(name));
    assert.equal(refused, []);
    assert.is(blocks.length, count);
    assert.ok(blocks.every((block) => block.kind === kind));
    assert.equal([blocks[0].name, blocks.at(-1)!.name], [first, last]);
    const nodes = blocks.flatMap((block) => block.nodes);
    assert.is(new Set(nodes).size, nodes.length);
    assert.is(new Set(blocks.map((block) => block.name)).size, count);
  });
}

test("a network whose layers each read all maps before them has no block", () => {
  assert.equal(findBlocks(createModel("densenet40")), { blocks: [], refused: [] });
});

test("a block reaches from the value that both branches read to the activation behind their sum", () => {
  const { blocks: [block] } = findBlocks(SMALL_BLOCKS.projected());
  assert.equal(block, {
    kind: "basic",
    name: "a.conv",
    input: "stem",
    output: "end",
    nodes: ["a.conv", "a.bn", "act", "b.conv", "b.bn", "c.conv", "c.bn", "add", "end"],
  });
});

test("a gene of the wrong length, an unknown form and a form that a block can't take are refused", () => {
  const graph = createModel("mobilenetv2-micro", { size: 8 });
  const model = { graph, params: initialise(graph, 1) };
  const blocks = findBlocks(graph);
  const refused = (gene: readonly string[], message: RegExp) =>
    assert.throws(
      () => applyGene(model, blocks, gene as Gene),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  const keep = blocks.blocks.map(() => "keep");
  refused(["keep"], /the gene has 1 places, "mobilenetv2-micro" has 8 blocks: give "keep" or a form for each of/);
  refused(keep.with(0, "merge"), /no form is called "merge": expected keep, identity, /);
  refused(
    keep.with(2, "skip"),
    /block "features.3" \(inverted\) can't take the form "skip": it has no shortcut, and gives another shape/,
  );
});

test.run();
