import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { fusedNorms } from "../../src/graph/fused_norms.ts";
import type { Graph } from "../../src/graph/types.ts";

const test = suite("fused norms");

/** "norm + sum(residual) + activation" of each row, by the value that it makes. */
function rowsOf(graph: Graph, observed: readonly string[] = []): Record<string, string> {
  const rows = fusedNorms(graph, new Set(observed));
  return Object.fromEntries(Array.from(rows, ([last, { norm, sum, residual, activation }]) => [
    last.outputs[0],
    [norm.name, ...sum ? [`${sum.name}(${residual})`] : [], ...activation ? [activation] : []].join(" + "),
  ]));
}

function block(width: number, shortcut: "identity" | "norm"): Graph {
  const b = builder("net", ["N", 3, 6, 6]);
  const conv = (x: string, name: string) => b.conv(x, { name, out: width, kernel: 3, pad: 1, bias: false });
  const y = b.relu(b.batchNorm(conv(b.input, "conv1"), { name: "bn1" }), "relu1");
  const other = shortcut === "norm" ? b.batchNorm(conv(y, "conv3"), { name: "bn3" }) : y;
  const made = b.add(b.batchNorm(conv(y, "conv2"), { name: "bn2" }), other, "sum");
  return b.graph([b.relu6(made, "relu2")]);
}

test("a norm takes the sum with a value of its shape and the activation behind it", () => {
  const rows = rowsOf(block(4, "identity"));
  assert.equal(Object.values(rows).sort(), ["bn1 + relu", "bn2 + sum(relu1) + relu6"]);
});

test("of two norms that are added one takes the sum, and the other runs alone", () => {
  const rows = Object.values(rowsOf(block(4, "norm")));
  assert.is(rows.length, 2);
  assert.ok(rows.some((row) => /^bn3 \+ sum\(.*bn2.*\) \+ relu6$/.test(row)), rows.join("; "));
});

test("nothing is fused across a value that somebody observes, or that is an output", () => {
  const graph = block(4, "identity");
  assert.equal(Object.values(rowsOf(graph, ["sum"])).sort(), ["bn1 + relu", "bn2 + sum(relu1)"]);
  const [bn2] = graph.nodes.find(({ name }) => name === "bn2")!.outputs;
  assert.equal(Object.values(rowsOf(graph, [bn2])), ["bn1 + relu"]);
  assert.equal(Object.values(rowsOf({ ...graph, outputs: [...graph.outputs, "sum"] })).sort(), [
    "bn1 + relu",
    "bn2 + sum(relu1)",
  ]);
});

test("a value that is added to each pixel, or a norm that is added to what it read, isn't fused", () => {
  const b = builder("net", ["N", 4, 6, 6]);
  const x = b.conv(b.input, { name: "conv", out: 4, kernel: 1 });
  const own = b.add(b.batchNorm(x, { name: "own" }), x, "x + norm(x)");
  const gate = b.globalAveragePool(own);
  const spread = b.add(b.batchNorm(own, { name: "spread" }), gate, "spread over pixels");
  const twice = b.batchNorm(spread, { name: "twice" });
  assert.equal(rowsOf(b.graph([b.add(twice, twice, "itself")])), {});
});

test.run();
