/** Blocks of random networks, of networks as exporters write them, and of structures that are close to a block. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { applyGene, formsOf } from "../../src/depth/forms/forms.ts";
import { settle } from "../../src/depth/forms/settle.ts";
import type { Blocks, Gene } from "../../src/depth/types.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { type Builder, builder } from "../../src/graph/build.ts";
import { consumers } from "../../src/graph/names.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { withoutUnneeded } from "../../src/graph/rewrite/needed_nodes.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { ARCHITECTURES } from "../formats/architectures.ts";
import { randomInputs, randomModel } from "../generate/graphs.ts";

const test = suite("blocks of any network");

const SEEDS = 240;

test("of random networks: nobody outside reads what is made inside, and every form settles back to the network", () => {
  const kinds = new Map<string, number>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const model = randomModel(seed);
    const found = findBlocks(model.graph);
    requireClosed(model.graph, found);
    found.blocks.forEach((block, i) => {
      kinds.set(block.kind, 1 + (kinds.get(block.kind) ?? 0));
      for (const form of formsOf(model.graph, block)) {
        const gene: Gene = found.blocks.map((_, at) => at === i ? form : "keep");
        const { model: mixed } = applyGene(model, found, gene);
        const what = `seed ${seed}, ${block.kind} ${block.name}, ${form}`;
        assert.equal(settle(mixed, "block").graph, withoutUnneeded(model).graph, what);
        requireRuns(settle(mixed, "form"), seed, what);
      }
    });
  }
  for (const kind of ["basic", "inverted", "convnext", "transformer", "convolutions", "branches"]) {
    assert.ok(kinds.get(kind)! >= 1, `${kind}: ${kinds.get(kind)}`);
  }
});

function requireClosed(graph: Graph, { blocks }: Blocks): void {
  const readers = consumers(graph);
  const claimed = new Set<string>();
  for (const { nodes, output, name } of blocks) {
    for (const node of graph.nodes.filter((node) => nodes.includes(node.name))) {
      assert.not(claimed.has(node.name), `${node.name} is in two blocks`);
      claimed.add(node.name);
      const [value] = node.outputs;
      if (value === output) continue;
      const outside = (readers.get(value) ?? []).filter((reader) => !nodes.includes(reader.name));
      assert.equal(outside, [], `"${value}" of block ${name}`);
      assert.not(graph.outputs.includes(value));
    }
  }
}

function requireRuns(model: Model, seed: number, what: string): void {
  validateModel(model);
  const values = referenceForward(model, randomInputs(model.graph, seed));
  assert.ok(model.graph.outputs.every((name) => values.get(name)!.data.every(Number.isFinite)), what);
}

/** What is found in networks as torch.onnx.export writes them: blocks by kind, and how many are refused. */
const FOUND: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "vit_b_16": { transformer: 2 },
  "swin_t": { mlp: 3 },
  "efficientnet_b0": { refused: 3 },
  "mobilenet_v3": { inverted: 1, refused: 2 },
  "shufflenet_v2": { inverted: 5 },
  "googlenet": {},
  "regnet_y": { refused: 3 },
  "convnext_tiny": { convnext: 3 },
  "U-Net": { convolutions: 5 },
  "YOLO": { convolutions: 5 },
  "DeepLabV3": { bottleneck: 2 },
  "RetinaNet": { convolutions: 3 },
  "MLP-Mixer": { mlp: 2, refused: 2 },
};

test("networks as exporters write them, with their norms folded and their layers in other words", () => {
  for (const [name, make] of Object.entries(ARCHITECTURES)) {
    const { graph } = loadOnnx(writeOnnx(make()), name);
    const { blocks, refused } = findBlocks(graph);
    const counts: Record<string, number> = {};
    for (const { kind } of blocks) counts[kind] = 1 + (counts[kind] ?? 0);
    if (refused.length > 0) counts.refused = refused.length;
    assert.equal(counts, FOUND[name], name);
  }
});

test("a squeeze-excite gate is the reason why an inverted residual is refused, with a shortcut or without", () => {
  for (const shortcut of ["with", "without"]) {
    const graph = network((b, x) => {
      const wide = b.hardSwish(b.conv(x, { name: "expand", out: 8, kernel: 1 }));
      const deep = b.hardSwish(b.conv(wide, { name: "deep", out: 8, kernel: 3, pad: 1, group: 8 }));
      const hidden = b.relu(b.conv(b.globalAveragePool(deep), { name: "squeeze", out: 2, kernel: 1 }));
      const gate = b.hardSigmoid(b.conv(hidden, { name: "excite", out: 8, kernel: 1 }), { alpha: 1 / 6, beta: 0.5 });
      const y = b.conv(b.mul(deep, gate), { name: "project", out: 4, kernel: 1 });
      return shortcut === "with" ? b.add(y, x) : y;
    });
    const { blocks, refused } = findBlocks(graph);
    assert.equal(blocks, []);
    assert.equal(refused.map(({ kind, reason }) => [kind, reason]), [
      ["inverted", "its squeeze-excite gate depends on the whole image"],
    ]);
  }
});

test("a value that is read outside as well is the reason why a block is refused", () => {
  const b = builder("read outside", ["N", 4, 6, 6]);
  const y = b.relu(b.conv(b.input, { name: "one", out: 4, kernel: 3, pad: 1 }), "inside");
  const sum = b.add(b.conv(y, { name: "two", out: 4, kernel: 3, pad: 1 }), b.input, "sum");
  const both = b.concat([b.globalAveragePool(sum), b.globalAveragePool(y, "other")]);
  b.gemm(b.flatten(both), { name: "head", out: 3 });
  const { blocks, refused } = findBlocks(b.graph());
  assert.equal(blocks, []);
  assert.equal(refused.map(({ kind, reason }) => [kind, reason]), [
    ["basic", `"other" reads "inside", which is made inside of it`],
  ]);
});

test("branches of RepVGG and of DBB are one block, linear as it stands, whose activation follows", () => {
  const graph = network((b, x) => {
    const bn = (y: string, name: string) => b.batchNorm(y, { name });
    const conv = (y: string, name: string, kernel: number) =>
      b.conv(y, { name, out: 4, kernel, pad: (kernel - 1) / 2, bias: false });
    const three = bn(conv(x, "three", 3), "bn3");
    const both = b.add(three, bn(conv(x, "one", 1), "bn1"));
    const mean = b.averagePool(bn(conv(x, "before", 1), "bn0"), {
      kernel: 3,
      stride: 1,
      pad: 1,
      countIncludePad: true,
    });
    return b.relu(b.add(b.add(both, bn(x, "bn")), mean), "end");
  });
  const { blocks, refused } = findBlocks(graph);
  assert.equal(refused, []);
  assert.equal(blocks.map(({ kind, output }) => [kind, output]), [["branches", "end"]]);
  assert.equal(formsOf(graph, blocks[0]), []);
  const model = { graph, params: randomModel(1).params };
  assert.throws(
    () => applyGene(model, { blocks, refused }, ["skip"]),
    /\(branches\) can't take the form "skip": it is linear as it stands; it can take none/,
  );
});

test("an activation may be a product of a value and its own sigmoid, and the tail repeats it", () => {
  const graph = network((b, x) => {
    const silu = (y: string) => b.mul(y, b.sigmoid(y));
    const y = silu(b.conv(x, { name: "one", out: 4, kernel: 3, pad: 1 }));
    return b.add(b.conv(y, { name: "two", out: 4, kernel: 3, pad: 1 }), x, "sum");
  });
  const found = findBlocks(graph);
  assert.equal(found.blocks.map(({ kind }) => kind), ["basic"]);
  const params = new Map(
    Object.entries(graph.params).map(([name, { shape }]) => {
      return [name, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.1) }];
    }),
  );
  const pruned = settle(applyGene({ graph, params }, found, ["identity"]).model, "form");
  assert.equal(pruned.graph.nodes.filter(({ op }) => op === "Sigmoid").length, 1);
  requireRuns(pruned, 1, "silu");
});

/** An image of 4 channels, a block, and a mean over the map. */
function network(block: (b: Builder, x: string) => string): Graph {
  const b = builder("net", ["N", 1, 6, 6]);
  const x = b.conv(b.input, { name: "stem", out: 4, kernel: 1 });
  b.gemm(b.flatten(b.globalAveragePool(block(b, x))), { name: "head", out: 3 });
  return b.graph();
}

test.run();
