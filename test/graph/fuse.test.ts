import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { fuse, readsOf } from "../../src/graph/fuse.ts";
import type { Attrs, Graph } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";

const test = suite("fuse");

/** `op name + residual → activation = output` of each step. */
function steps(graph: Graph): string[] {
  return fuse(graph).map(({ node, bias, residual, activation, output }) =>
    node.name + (bias === undefined || node.inputs.includes(bias) ? "" : ` + ${bias}`) +
    (residual ? ` + ${residual}` : "") + (activation === "none" ? "" : ` ${activation}`) + ` = ${output}`
  );
}

function net() {
  const b = builder("net", ["N", 3, 4, 4]);
  const conv = (x: string, name: string) => b.conv(x, { name, out: 3, kernel: 3, pad: 1 });
  return { b, conv };
}

test("a plain net: each activation goes into the layer before it", () => {
  assert.equal(steps(createModel("digits")), [
    "conv1 relu = relu",
    "conv2 relu = relu_1",
    "maxpool = maxpool",
    "flatten = flatten",
    "fc1 relu = relu_2",
    "fc2 = fc2",
  ]);
});

test("a residual sum is drawn in where its other operand is there already", () => {
  const { b, conv } = net();
  const x = b.relu(conv(b.input, "stem"), "x");
  b.relu(b.add(conv(x, "branch"), x, "sum"), "y");
  assert.equal(steps(b.graph()), ["stem relu = x", "branch + x relu = y"]);
});

test("a layer waits for the shortcut that its sum adds, if that is no layer", () => {
  const { b, conv } = net();
  const x = b.relu(conv(b.input, "stem"), "x");
  const branch = conv(x, "branch");
  const pooled = b.sigmoid(b.identity(x, "same"), "gate");
  b.relu(b.add(branch, pooled, "sum"), "y");
  assert.equal(steps(b.graph()), ["stem relu = x", "same = same", "gate = gate", "branch + gate relu = y"]);
});

test("a product with a parameter takes its bias, the residual sum and the activation", () => {
  const b = builder("tokens", ["N", 5, 4]);
  const product = b.matmul(b.input, b.param("w", [4, 4], "weight"), "product");
  const biased = b.add(product, b.param("b", [1, 1, 4], "bias"), "biased");
  b.relu(b.add(biased, b.input, "sum"), "y");
  assert.equal(steps(b.graph()), ["product + b + input relu = y"]);
});

test("a layer norm between a Transpose that brings the channels to the end and the one back is one step", () => {
  const turned = (first: readonly number[], back: readonly number[], observed?: "observed") => {
    const { b } = net();
    const last = b.transpose(b.input, first, "last");
    const normal = b.layerNorm(last, { name: "norm" });
    const y = b.transpose(normal, back, "first");
    return b.graph(observed ? [y, normal] : [y]);
  };
  const [step] = fuse(turned([0, 2, 3, 1], [0, 3, 1, 2]));
  assert.equal([step.node.name, step.over, step.output], ["norm", "input", "first"]);
  assert.equal(readsOf(step), ["input", "norm.weight", "norm.bias"]);
  const apart = [turned([0, 2, 3, 1], [0, 3, 1, 2], "observed"), turned([0, 2, 3, 1], [0, 2, 3, 1])];
  for (const graph of [...apart, turned([0, 3, 2, 1], [0, 3, 2, 1])]) {
    assert.equal(fuse(graph).map(({ node, over }) => [node.op, over]), [
      ["Transpose", undefined],
      ["LayerNormalization", undefined],
      ["Transpose", undefined],
    ]);
  }
});

test("of a product only a bias per column, and only of one with a parameter, is drawn in", () => {
  const b = builder("tokens", ["N", 4, 4]);
  const product = b.matmul(b.input, b.param("w", [4, 4], "weight"), "product");
  const placed = b.add(product, b.param("places", [1, 4, 4], "table"), "placed");
  const both = b.matmul(placed, b.input, "both");
  b.add(both, b.param("b", [1, 1, 4], "bias"), "sum");
  assert.equal(steps(b.graph()), ["product = product", "placed = placed", "both = both", "sum = sum"]);
});

test("of two branches the later one takes the sum", () => {
  const { b, conv } = net();
  const early = conv(b.input, "early");
  const late = conv(b.input, "late");
  b.node("Clip", [b.add(early, late, "sum")], { min: 0, max: 6 }, "y");
  assert.equal(steps(b.graph()), ["early = early", "late + early relu6 = y"]);
});

test("an activation between the layer and the sum keeps the sum apart", () => {
  const { b, conv } = net();
  const x = conv(b.input, "stem");
  b.add(b.relu(conv(x, "branch"), "inner"), x, "sum");
  assert.equal(steps(b.graph()), ["stem = stem", "branch relu = inner", "sum = sum"]);
});

test("no fusing past a second reader, a graph output, a broadcast, or x + x", () => {
  const two = net();
  const shared = two.conv(two.b.input, "shared");
  two.b.concat([two.b.relu(shared, "r"), shared], "both");
  assert.equal(steps(two.b.graph()), ["shared = shared", "r = r", "both = both"]);

  const out = net();
  const seen = out.conv(out.b.input, "seen");
  const after = out.b.relu(seen, "after");
  assert.equal(steps(out.b.graph([after, seen])), ["seen = seen", "after = after"]);

  const wide = net();
  const gate = wide.b.globalAveragePool(wide.b.input, "gate");
  wide.b.relu(wide.b.add(wide.conv(wide.b.input, "conv"), gate, "sum"), "r");
  assert.equal(steps(wide.b.graph()), ["gate = gate", "conv = conv", "sum = sum", "r = r"]);

  const narrow = net();
  const pooled = narrow.b.globalAveragePool(narrow.b.input, "pooled");
  narrow.b.add(narrow.b.input, narrow.conv(pooled, "conv"), "sum");
  assert.equal(steps(narrow.b.graph()), ["pooled = pooled", "conv = conv", "sum = sum"]);

  const affine = net();
  affine.b.add(affine.conv(affine.b.input, "conv"), affine.b.param("p", [3], "beta"), "sum");
  assert.equal(steps(affine.b.graph()), ["conv = conv", "sum = sum"]);

  const twice = net();
  const x = twice.conv(twice.b.input, "conv");
  twice.b.add(x, x, "sum");
  assert.equal(steps(twice.b.graph()), ["conv = conv", "sum = sum"]);
});

/** What the steps do that have a kernel of their own for several nodes. */
function chains(graph: Graph): string[] {
  return fuse(graph).flatMap(({ node, chain, output }) => {
    if (!chain) return [];
    const { border, activation, norm } = chain;
    const parts = [border && "border", activation, norm && `${norm.node.name} along ${norm.axis}`].filter(Boolean);
    return [`${node.name}: ${parts.join(", ")} = ${output}`];
  });
}

test("what a merged block ends with is one step", () => {
  const { b, conv } = net();
  const border = { name: "border", rows: [0, 1, 1, 2], cols: [0, 1, 1, 2] };
  const x = b.batchNorm(b.gelu(b.borderBias(conv(b.input, "first"), border), "none", "gelu"), { name: "tail" });
  b.batchNorm(b.gelu(b.add(conv(x, "second"), x, "sum"), "tanh", "tanh"), { name: "last" });
  const graph = b.graph();
  assert.equal(steps(graph), ["first = first", "border = tail", "second + tail = sum", "tanh = last"]);
  assert.equal(chains(graph), ["border: border, gelu, tail along 1 = tail", "tanh: geluTanh, last along 1 = last"]);
});

test("a layer's kernel does ReLU, and the norm after it is one step", () => {
  const { b, conv } = net();
  b.batchNorm(b.relu(conv(b.input, "conv"), "relu"), { name: "tail" });
  assert.equal(steps(b.graph()), ["conv relu = relu", "tail = tail"]);
  assert.equal(chains(b.graph()), ["tail: none, tail along 1 = tail"]);
});

test("a norm between two Transposes that swap axis 1 with another one is along that one", () => {
  const ends = (perm: readonly number[], back = perm) => {
    const b = builder("tokens", ["N", 4, 6, 6]);
    const x = b.transpose(b.gelu(b.input, "none", "gelu"), perm, "there");
    b.transpose(b.batchNorm(x, { name: "bn" }), back, "back");
    return chains(b.graph());
  };
  assert.equal(ends([0, 3, 2, 1]), ["gelu: gelu, bn along 3 = back"]);
  assert.equal(ends([0, 2, 1, 3]), ["gelu: gelu, bn along 2 = back"]);
  // Other orders stay as they are, and so do two that don't undo each other.
  assert.equal(ends([0, 2, 3, 1], [0, 3, 1, 2]), ["bn: none, bn along 1 = bn"]);
  assert.equal(ends([0, 3, 2, 1], [0, 2, 1, 3]), ["bn: none, bn along 1 = bn"]);
  assert.equal(ends([0, 1, 3, 2]), ["bn: none, bn along 1 = bn"]);
});

test("a row ends at a second reader and at an output; a table or an activation alone stays a node of its own", () => {
  const { b, conv } = net();
  const x = b.borderBias(conv(b.input, "conv"), { name: "border", rows: [0, 1, 1, 2], cols: [0, 1, 1, 2] });
  const y = b.gelu(b.add(x, b.gelu(b.sigmoid(x, "sigmoid"), "none", "inner"), "sum"), "none", "outer");
  const z = b.batchNorm(y, { name: "bn" });
  assert.equal(chains(b.graph([z])), ["outer: gelu, bn along 1 = bn"]);
  assert.equal(chains(b.graph([y, z])), ["bn: none, bn along 1 = bn"]);
});

test("other clips are no relu6", () => {
  const all: Attrs[] = [{ min: 0, max: 5 }, { min: -1, max: 6 }, { min: 0 }, { max: 6 }];
  for (const limits of all) {
    const { b, conv } = net();
    b.node("Clip", [conv(b.input, "conv")], limits, "clip");
    assert.equal(steps(b.graph()), ["conv = conv", "clip = clip"]);
  }
});

test.run();
