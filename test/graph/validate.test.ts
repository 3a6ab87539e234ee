import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Graph, Model, Node } from "../../src/graph/types.ts";
import { validateGraph, validateModel } from "../../src/graph/validate.ts";

const test = suite("validate");

function small(): Graph {
  const b = builder("small", ["N", 2, 4, 4]);
  const x = b.batchNorm(b.conv(b.input, { name: "conv", out: 3, kernel: 3 }), { name: "bn" });
  b.gemm(b.flatten(b.relu(x)), { name: "fc", out: 2 });
  return b.graph();
}

function withNode(name: string, change: Partial<Node>): Graph {
  const graph = small();
  return { ...graph, nodes: graph.nodes.map((node) => node.name === name ? { ...node, ...change } : node) };
}

function rejects(graph: Graph, expected: RegExp): void {
  assert.throws(
    () => validateGraph(graph),
    (error: Error) => error instanceof UserError && expected.test(error.message),
  );
}

function rejectsModel(model: Model, expected: RegExp): void {
  assert.throws(
    () => validateModel(model),
    (error: Error) => error instanceof UserError && expected.test(error.message),
  );
}

test("a good model passes", () => {
  const graph = small();
  validateModel({ graph, params: initialise(graph, 1) });
});

test("graphs that aren't well formed", () => {
  rejects(withNode("relu", { name: "conv" }), /two nodes are named "conv"/);
  rejects(withNode("relu", { outputs: ["bn"] }), /two values are named "bn"/);
  rejects(withNode("relu", { outputs: ["fc.bias"] }), /two values are named "fc.bias"/);
  rejects(withNode("conv", { inputs: ["flatten", "conv.weight", "conv.bias"] }), /Conv "conv": reads "flatten", which/);
  rejects(withNode("relu", { op: "Swish" as Node["op"] }), /Swish "relu": unknown operator/);
  rejects(
    withNode("conv", { attrs: { stride: [1, 1] } }),
    /unknown attribute "stride", expected kernel_shape, strides/,
  );
  rejects(withNode("relu", { attrs: { alpha: 1 } }), /unknown attribute "alpha", expected none/);
  rejects(withNode("relu", { inputs: ["fc.bias"] }), /input 0 is "fc.bias", a parameter of role bias, expected an act/);
  rejects(
    withNode("conv", { inputs: ["input", "conv.bias"] }),
    /input 1 is "conv.bias".* expected a parameter of role w/,
  );
  rejects(withNode("conv", { inputs: ["input", "input"] }), /input 1 is "input", expected a parameter of role weight/);
  rejects(withNode("conv", { inputs: ["input", "conv.weight"] }), /parameter "conv.bias" isn't used/);
  rejects({ ...small(), outputs: [] }, /has no output/);
  rejects({ ...small(), outputs: ["nobody"] }, /nothing makes its output "nobody"/);
  rejects({ ...small(), inputs: [{ name: "input", shape: ["N", "N", 4, 4] }] }, /invalid shape \[N,N,4,4\]/);
  rejects({ ...small(), inputs: [{ name: "input", shape: ["N", 2, 0, 4] }] }, /invalid shape \[N,2,0,4\]/);
});

test("models whose parameters don't fit", () => {
  const graph = small();
  const params = new Map(initialise(graph, 1));
  const changed = (name: string, shape: number[], count: number) =>
    new Map(params).set(name, { shape, data: new Float32Array(count) });
  rejectsModel({ graph, params: changed("fc.bias", [3], 3) }, /"fc.bias" is \[3\], graph "small" expects \[2\]/);
  rejectsModel({ graph, params: changed("fc.bias", [2], 3) }, /"fc.bias" \[2\] holds 3 numbers, expected 2/);
  rejectsModel({ graph, params: changed("fc2.bias", [2], 2) }, /"fc2.bias" isn't known/);
  params.delete("bn.running_mean");
  rejectsModel({ graph, params }, /"bn.running_mean" of graph "small" is missing, expected \[3\]/);
});

test.run();
