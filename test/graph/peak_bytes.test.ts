/** How much activation memory a network takes, counted by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { peakBytes } from "../../src/graph/peak_bytes.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { createModel } from "../../src/models/zoo.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";

const test = suite("peak bytes");

test("a chain holds what a step reads and what it makes; norms and activations make nothing of their own", () => {
  const b = builder("g", ["N", 2, 4, 4]);
  const wide = b.relu(b.batchNorm(b.conv(b.input, { name: "a", out: 8, kernel: 1 }), { name: "n" }));
  b.conv(wide, { name: "b", out: 3, kernel: 1 });
  // 2 and 8 maps of 16 numbers, then 8 and 3.
  assert.is(peakBytes(b.graph()), 4 * 16 * (8 + 3));
  assert.is(peakBytes(b.graph(), 5), 5 * 4 * 16 * (8 + 3));
});

test("a value lives until its last reader is done, and a view shares its memory", () => {
  const b = builder("g", ["N", 1, 2, 2]);
  const stem = b.conv(b.input, { name: "a", out: 3, kernel: 1 });
  const deep = b.conv(b.conv(stem, { name: "b", out: 5, kernel: 1 }), { name: "c", out: 3, kernel: 1 });
  const sum = b.add(deep, stem);
  b.gemm(b.flatten(sum), { name: "f", out: 2 });
  // At "c", which adds as well: the stem's 3 maps, the 5 that it reads and the 3 that it makes. A pixel has 4 numbers.
  assert.is(peakBytes(b.graph()), 4 * 4 * (3 + 5 + 3));
});

test("neither a factor that is folded nor what is done in one step makes a value of its own", () => {
  const b = builder("g", ["N", 2, 4, 4]);
  const x = b.mul(b.conv(b.input, { name: "a", out: 5, kernel: 1 }), b.param("s", [5], "gamma"));
  const tail = b.batchNorm(b.gelu(x), { name: "tail" });
  b.conv(tail, { name: "b", out: 3, kernel: 1 });
  // What the layer makes, and what the step after it makes of that: 5 and 5 maps of 16 numbers.
  assert.is(peakBytes(b.graph()), 4 * 16 * (5 + 5));
});

test("the input counts while it is read, and all outputs to the end", () => {
  const b = builder("g", ["N", 6]);
  const first = b.gemm(b.input, { name: "a", out: 4 });
  b.gemm(b.gemm(first, { name: "b", out: 3 }), { name: "c", out: 2 });
  const graph = b.graph();
  assert.is(peakBytes(graph), 4 * (6 + 4));
  assert.is(peakBytes({ ...graph, outputs: [...graph.outputs, first] }), 4 * (6 + 4));
  assert.is(peakBytes({ ...graph, outputs: [...graph.outputs, graph.inputs[0].name] }), 4 * (6 + 4 + 3));
});

test("the plan's own activation buffers hold at least as much", async () => {
  const gpu = await testGpu();
  for (const name of ["digits", "resnet8"]) {
    const graph = createModel(name);
    const taken: number[] = [];
    const alloc = gpu.alloc.bind(gpu);
    // An own property stands before the method until it is deleted.
    gpu.alloc = (bytes, label) => {
      if (label?.startsWith("activation")) taken.push(bytes);
      return alloc(bytes, label);
    };
    const [{ shape }] = graph.inputs;
    const input = Tensor.zeros(gpu, shape.map((d) => d === "N" ? 1 : d));
    const plan = compilePlan(gpu, { graph, params: randomParams(graph, 1) }, 1);
    Reflect.deleteProperty(gpu, "alloc");
    plan.run(input);
    const held = taken.reduce((sum, bytes) => sum + bytes, 4 * input.size);
    assert.ok(held >= peakBytes(graph), `${name}: ${held} held, ${peakBytes(graph)} at once`);
    plan.dispose();
    input.dispose();
  }
});

test.run();
