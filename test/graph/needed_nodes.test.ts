import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { neededNodes, withoutUnneeded } from "../../src/graph/rewrite/needed_nodes.ts";

const test = suite("needed nodes");

test("what no output depends on goes, with what only it read; the order stays", () => {
  const b = builder("net", ["N", 4]);
  const shared = b.gemm(b.input, { name: "shared", out: 3 });
  b.gemm(b.relu(shared), { name: "dead", out: 2 });
  const kept = b.gemm(b.tanh(shared), { name: "kept", out: 2, bias: false });
  const graph = b.graph([kept]);
  const model = withoutUnneeded({ graph, params: initialise(graph, 1) });
  assert.equal(model.graph.nodes.map(({ name }) => name), ["shared", "tanh", "kept"]);
  const names = ["shared.weight", "shared.bias", "kept.weight"];
  assert.equal(Object.keys(model.graph.params), names);
  assert.equal([...model.params.keys()], names);
});

test("a node of a file is needed for any of its outputs", () => {
  const split = { inputs: ["x"], outputs: ["a", "b"] };
  const idle = { inputs: ["x"], outputs: ["c"] };
  assert.equal(neededNodes([split, idle], ["b"]), [split]);
});

test.run();
