import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Builder, builder } from "../../src/graph/build.ts";
import { compareOutputs, tolerance } from "../../src/graph/compare.ts";
import { runInterpreter, runPlan } from "../../src/graph/equivalence.ts";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import { readOnnx } from "../../src/formats/onnx/read.ts";
import { foldForInference } from "../../src/graph/fold.ts";
import { fuse } from "../../src/graph/fuse.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph, OpName } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { withWinner } from "../tensor/with_winner.ts";

const test = suite("heads in place");

interface Sizes {
  readonly tokens: number;
  readonly heads: number;
  readonly depth: number;
}

const SIZES: readonly Sizes[] = [
  { tokens: 7, heads: 3, depth: 5 },
  { tokens: 33, heads: 2, depth: 8 },
  { tokens: 1, heads: 1, depth: 1 },
  { tokens: 13, heads: 5, depth: 36 },
];

type Network = (sizes: Sizes) => Graph;

/** Tokens [N,T,K], from the middle of a network. */
function tokensOf(b: Builder): string {
  return b.tanh(b.input);
}

function split(b: Builder, x: string, { tokens, heads, depth }: Sizes): string {
  return b.transpose(b.reshape(x, [tokens, heads, depth]), [0, 2, 1, 3]);
}

function join(b: Builder, y: string, { tokens, heads, depth }: Sizes): string {
  const joined = b.reshape(b.transpose(y, [0, 2, 1, 3], "turned"), [tokens, heads * depth]);
  return b.linear(joined, { name: "proj", out: 6 });
}

/** One projection of q, k and v, as timm has it, and the heads joined. */
const joint: Network = (sizes) => {
  const b = builder("joint", ["N", sizes.tokens, 4]);
  const dim = sizes.heads * sizes.depth;
  const all = b.linear(tokensOf(b), { name: "qkv", out: 3 * dim });
  const [q, k, v] = [0, 1, 2].map((i) =>
    split(b, b.slice(all, { axes: [2], starts: [i * dim], ends: [(i + 1) * dim] }), sizes)
  );
  return b.graph([join(b, b.attention(q, k, v, { name: "heads" }), sizes)]);
};

/** A projection each, and keys that were transposed for a product and back. */
const separate: Network = (sizes) => {
  const b = builder("separate", ["N", sizes.tokens, 4]);
  const x = tokensOf(b);
  const [q, k, v] = ["q", "k", "v"].map((name) => b.linear(x, { name, out: sizes.heads * sizes.depth }));
  const shape = [sizes.tokens, sizes.heads, sizes.depth];
  const keys = b.transpose(b.transpose(b.reshape(k, shape), [0, 2, 3, 1]), [0, 1, 3, 2]);
  return b.graph([join(b, b.attention(split(b, q, sizes), keys, split(b, v, sizes), { name: "heads" }), sizes)]);
};

/** q, k and v of each head beside each other, the queries of some tokens only, and the scale of the file. */
const interleaved: Network = ({ tokens, heads, depth }) => {
  const b = builder("interleaved", ["N", tokens + 2, 4]);
  const all = b.linear(tokensOf(b), { name: "qkv", out: heads * 3 * depth });
  const parts = b.transpose(b.reshape(all, [tokens + 2, heads, 3, depth]), [0, 3, 2, 1, 4]);
  const [q, k, v] = [0, 1, 2].map((i) => {
    const own = b.slice(parts, { axes: [1], starts: [i], ends: [i + 1] });
    return b.reshape(own, [heads, tokens + 2, depth]);
  });
  const some = b.slice(q, { axes: [2], starts: [1], ends: [tokens + 1] });
  return b.graph([join(b, b.attention(some, k, v, { name: "heads", scale: 0.3 }), { tokens, heads, depth })]);
};

/** Without heads, over every second token. */
const single: Network = ({ tokens, depth }) => {
  const b = builder("single", ["N", tokens, 4]);
  const all = b.linear(tokensOf(b), { name: "qkv", out: 3 * depth });
  const [q, k, v] = [0, 1, 2].map((i) => b.slice(all, { axes: [2], starts: [i * depth], ends: [(i + 1) * depth] }));
  const [keys, values] = [k, v].map((x) => b.slice(x, { axes: [1], starts: [0], ends: [tokens], steps: [2] }));
  return b.graph([b.linear(b.attention(q, keys, values, { name: "heads" }), { name: "proj", out: 6 })]);
};

const NETWORKS: Readonly<Record<string, Network>> = { joint, separate, interleaved, single };
const MOVERS: readonly OpName[] = ["Slice", "Transpose"];

/** The operators that launch something. */
function launched(graph: Graph): OpName[] {
  return fuse(graph).map(({ node }) => node.op).filter((op) => op !== "Reshape" && op !== "Flatten");
}

for (const [name, network] of Object.entries(NETWORKS)) {
  test(`${name}: nothing moves numbers for attention, and every way computes what the reference does`, async () => {
    const gpu = await testGpu();
    for (const sizes of SIZES) {
      const graph = network(sizes);
      assert.equal(launched(graph).filter((op) => MOVERS.includes(op)), [], JSON.stringify(sizes));
      const model = { graph, params: randomParams(graph, 3) };
      for (const batch of [1, 3]) {
        const inputs = randomInputs(graph, 5, batch);
        const expected = referenceForward(model, inputs).get(graph.outputs[0])!.data;
        const near = (how: string, got: Float32Array) => {
          const { maxRel } = compareOutputs(expected, got);
          assert.ok(maxRel <= tolerance(graph), `${how}, ${JSON.stringify(sizes)}, batch ${batch}: off by ${maxRel}`);
        };
        near("interpreter", await runInterpreter(gpu, model, inputs.input.data, batch));
        for (const way of ["storage", "uniform", "storage, two slices"]) {
          await withWinner(way, async () => near(way, await runPlan(gpu, model, inputs.input.data, batch)));
        }
      }
    }
  });
}

test("a block of DeiT-T launches seven steps fewer: attention reads the projection and joins the heads", () => {
  const ops = launched(createModel("deit-t"));
  const from = ops.indexOf("LayerNormalization"), to = ops.indexOf("LayerNormalization", from + 1);
  assert.equal(ops.slice(from, to), ["LayerNormalization", "MatMul", "Attention", "MatMul"]);
});

for (const name of ["vit_fresh_zero_bias", "vit_torch_mha"]) {
  test(`${name}, as PyTorch exports it, moves numbers for its patches only`, () => {
    const file = new URL(`../formats/fixtures/onnx/${name}.onnx`, import.meta.url);
    const { graph } = foldForInference(importOnnx(readOnnx(Deno.readFileSync(file), name))).model;
    assert.ok(graph.nodes.filter(({ op }) => MOVERS.includes(op)).length > 4);
    assert.equal(launched(graph).filter((op) => MOVERS.includes(op)), ["Transpose"]);
  });
}

test("q, k and v of a joint projection are found by their strides", () => {
  const [{ heads }] = fuse(joint({ tokens: 7, heads: 3, depth: 5 })).filter(({ node }) => node.op === "Attention");
  const own = { sample: 7 * 45, head: 5, row: 45 };
  assert.equal(heads?.places, {
    perSample: 3,
    q: { first: 0, ...own },
    k: { first: 15, ...own },
    v: { first: 30, ...own },
    y: { first: 0, sample: 7 * 15, head: 5, row: 15 },
  });
  assert.is(heads?.output, "turned");
});

/** What `use` makes of a projection [N,5,12] and of its thirds, each as two heads. */
function between(use: (b: Builder, third: (i: 0 | 1 | 2) => string, all: string) => string[]): Graph {
  const sizes = { tokens: 5, heads: 2, depth: 2 };
  const b = builder("between", ["N", 5, 4]);
  const all = b.linear(tokensOf(b), { name: "qkv", out: 12 });
  const third = (i: number) => split(b, b.slice(all, { axes: [2], starts: [4 * i], ends: [4 * i + 4] }), sizes);
  return b.graph(use(b, third, all));
}

const SHARED: Readonly<Record<string, { readonly graph: Graph; readonly movers: readonly OpName[] }>> = {
  "keys that somebody else reads": {
    graph: between((b, third) => {
      const keys = third(1);
      return [b.add(b.attention(third(0), keys, third(2)), keys)];
    }),
    movers: ["Slice", "Transpose"],
  },
  "values that are an output": {
    graph: between((b, third) => {
      const values = third(2);
      return [b.attention(third(0), third(1), values), values];
    }),
    movers: ["Slice", "Transpose"],
  },
  "an output that two read": {
    graph: between((b, third) => {
      const y = b.attention(third(0), third(1), third(2));
      return [b.transpose(y, [0, 2, 1, 3]), b.transpose(y, [0, 1, 3, 2])];
    }),
    movers: ["Transpose", "Transpose"],
  },
  "an output whose rows would be scattered": {
    graph: between((b, third) => [b.transpose(b.attention(third(0), third(1), third(2)), [0, 1, 3, 2])]),
    movers: ["Transpose"],
  },
  "an output that goes out as it is, too": {
    graph: between((b, third) => {
      const y = b.attention(third(0), third(1), third(2));
      return [y, b.transpose(y, [0, 2, 1, 3])];
    }),
    movers: ["Transpose"],
  },
  "one value that is q, k and v": {
    graph: between((b, third) => {
      const x = third(1);
      return [b.attention(x, x, x)];
    }),
    movers: [],
  },
  "the projection, which somebody else reads": {
    graph: between((b, third, all) => [b.attention(third(0), third(1), third(2)), b.tanh(all)]),
    movers: [],
  },
  "an activation behind the projection": {
    graph: between((b, third) => {
      const keys = third(1);
      return [b.attention(b.relu(keys), keys, third(2))];
    }),
    movers: ["Slice", "Transpose"],
  },
  "tokens that a batch norm between two Transposes made": {
    graph: (() => {
      const b = builder("norm", ["N", 5, 2, 4]);
      const turned = b.transpose(tokensOf(b), [0, 2, 1, 3]);
      const x = b.transpose(b.batchNorm(turned, { name: "bn" }), [0, 2, 1, 3]);
      return b.graph([b.add(b.attention(x, x, x), x)]);
    })(),
    movers: ["Transpose", "Transpose"],
  },
};

for (const [name, { graph, movers }] of Object.entries(SHARED)) {
  test(`what is still needed stays: ${name}`, async () => {
    const gpu = await testGpu();
    assert.equal(launched(graph).filter((op) => MOVERS.includes(op)), movers);
    const model = { graph, params: randomParams(graph, 3) };
    const inputs = randomInputs(graph, 5, 2);
    const expected = referenceForward(model, inputs).get(graph.outputs[0])!.data;
    const { maxRel } = compareOutputs(expected, await runPlan(gpu, model, inputs.input.data, 2));
    assert.ok(maxRel <= tolerance(graph), `off by ${maxRel}`);
  });
}

test.run();
