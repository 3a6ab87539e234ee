/** Which layers a structure can be asked of, by which names, and how many groups it then keeps. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { createModel } from "../../src/models/zoo.ts";
import {
  type ConstraintOptions,
  constraintsOf,
  coupledConstraints,
  prunableLayers,
} from "../../src/prune/structures/constraints.ts";

const test = suite("constraints");

const b = builder("g", ["N", 4, 6, 6]);
const a = b.conv(b.input, { name: "three", out: 4, kernel: 3, pad: 1 });
const g = b.conv(a, { name: "grouped", out: 4, kernel: 3, pad: 1, group: 2 });
const p = b.conv(g, { name: "point", out: 4, kernel: 1 });
b.gemm(b.flatten(p), { name: "full", out: 2 });
const kinds = b.graph();

function pair() {
  const b = builder("g", ["N", 1, 4, 4]);
  b.conv(b.conv(b.input, { name: "a", out: 2, kernel: [1, 2] }), { name: "b", out: 2, kernel: 1 });
  return b.graph();
}

test("blocks want layers that aren't grouped, and punched blocks kernels of several taps as well", () => {
  assert.equal(prunableLayers(kinds, { granularity: "block", block: [2, 2] }), ["three", "point", "full"]);
  assert.equal(prunableLayers(kinds, { granularity: "block-punched", block: [2, 2] }), ["three"]);
});

test("kernels and patterns want kernels of several taps, grouped or not", () => {
  assert.equal(prunableLayers(kinds, { granularity: "kernel" }), ["three", "grouped"]);
  assert.equal(prunableLayers(kinds, { granularity: "pattern", library: 4 }), ["three", "grouped"]);
});

test("single weights go anywhere", () => {
  assert.equal(prunableLayers(kinds, { granularity: "weight" }), ["three", "grouped", "point", "full"]);
});

test("the only input channel of a layer can be named, and that of a depthwise filter can't", () => {
  assert.equal(prunableLayers(pair(), { granularity: "channel" }), ["a", "b"]);
  const b = builder("g", ["N", 2, 4, 4]);
  b.conv(b.conv(b.input, { name: "d", out: 2, kernel: 1, group: 2 }), { name: "out", out: 2, kernel: 1 });
  assert.equal(prunableLayers(b.graph(), { granularity: "channel" }), ["out"]);
});

const digits = createModel("digits");

test("constraints name layers by pattern, by node or by weight", () => {
  const names = (layers?: string[]) =>
    coupledConstraints(digits, { granularity: "filter", keep: 0.5, layers }).map(({ name }) => name);
  const all = prunableLayers(digits, { granularity: "filter" });
  assert.equal(names(), all.map((name) => `${name}:filter`));
  assert.equal(names([`${all[0]}.weight`]), [`${all[0]}:filter`]);
  assert.equal(names([`${all[0].slice(0, -1)}?`, all[1]]), names().slice(0, 2));
});

test("excluded layers stay as they are, and so does what is coupled to them", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const branch = (name: string) => b.conv(b.input, { name, out: 2, kernel: 1 });
  b.conv(b.conv(b.add(branch("p"), branch("q")), { name: "inner", out: 3, kernel: 1 }), {
    name: "out",
    out: 1,
    kernel: 1,
  });
  const names = (exclude: string[], granularity: "filter" | "weight" = "filter") =>
    coupledConstraints(b.graph(), { granularity, keep: 0.5, exclude }).map(({ name }) => name);
  assert.equal(names(["p"]), ["inner:filter"]);
  assert.equal(names(["in*"]), ["p:filter"]);
  assert.equal(names(["p.weight", "out"], "weight"), ["q:weight", "inner:weight"]);
  assert.throws(() => names(["fc"]), /no layer is named "fc"; there are p, q, inner, out/);
  assert.throws(() => names(["p", "inner"]), /exclude leaves no layer to prune: p, inner/);
});

test("constraints on an unknown layer or on the logits, or to keep what is no fraction, are refused", () => {
  const make = (layers: string[], keep = 0.5) => () =>
    coupledConstraints(digits, { granularity: "filter", keep, layers });
  const layers = digits.nodes.filter(({ op }) => op === "Conv" || op === "Gemm").map(({ name }) => name);
  assert.throws(make(["nose"]), new RegExp(`no layer is named "nose"; there are ${layers.join(", ")}`));
  assert.throws(make([layers.at(-1)!]), /can't be pruned by filter: it makes the output/);
  for (const keep of [0, -1, 1.1, NaN]) assert.throws(make(["*"], keep), /expected a fraction above 0 and at most 1/);
});

test("settings of a structure that are missing, or can't be, are named", () => {
  const make = (structure: object) => () =>
    coupledConstraints(digits, { keep: 0.5, ...structure } as ConstraintOptions);
  for (const granularity of ["block", "block-punched"]) {
    for (const block of [undefined, 4, [4], [0, 4], [2.5, 4]]) {
      assert.throws(make({ granularity, block }), /block is .*, expected two whole numbers above 0, such as \[4, 4\]$/);
    }
  }
  for (const [n, m] of [[undefined, undefined], [4, 4], [0, 4], [1.5, 4]]) {
    assert.throws(make({ granularity: "n:m", n, m }), new RegExp(`n is ${n} and m is ${m}, expected whole numbers`));
  }
  for (const library of [undefined, 0, 57]) {
    assert.throws(make({ granularity: "pattern", library }), new RegExp(`library is ${library}, expected .* 1 to 56`));
  }
  assert.throws(make({ granularity: "vector" }), /direction is undefined, expected row or column$/);
});

test("each granularity has its counts and its layout", () => {
  const b = builder("g", ["N", 3, 8, 8]);
  const x = b.conv(b.input, { name: "a", out: 10, kernel: 3 });
  b.conv(x, { name: "b", out: 2, kernel: 3 });
  const graph = b.graph();
  const first = (granularity: "filter" | "channel" | "column" | "weight", keep: number, minKeep?: number) => {
    const [{ groups, keep: kept, members, name }] = coupledConstraints(graph, {
      granularity,
      keep,
      minKeep,
      layers: ["a"],
    });
    const { gf, gc, gk } = members[0].layout;
    return [name, groups, kept, gf, gc, gk];
  };
  assert.equal(first("filter", 0.25), ["a:filter", 10, 3, 1, 0, 0]);
  assert.equal(first("filter", 0.01), ["a:filter", 10, 1, 1, 0, 0]);
  assert.equal(first("filter", 0.01, 4), ["a:filter", 10, 4, 1, 0, 0]);
  assert.equal(first("channel", 0.67), ["a:channel", 3, 2, 0, 1, 0]);
  assert.equal(first("column", 0.5), ["a:column", 27, 14, 0, 9, 1]);
  assert.equal(first("weight", 0.1), ["a:weight", 270, 27, 27, 9, 1]);
});

test("of several entries for one layer the last counts, and coarse constraints come first", () => {
  const found = constraintsOf(pair(), [
    { granularity: "weight", keep: 0.5, layers: ["b"] },
    { granularity: "filter", keep: 1, layers: ["a"] },
    { granularity: "weight", keep: 0.25, layers: ["*"] },
  ]);
  assert.equal(found.map(({ name, keep }) => `${name} ${keep}`), ["a:filter 2", "b:weight 1", "a:weight 1"]);
});

test("in a layer's name * stands for any characters and ? for one, also an end of line, and many stars take no time", () => {
  const long = "a".repeat(2000);
  const b = builder("g", ["N", 1, 4, 4]);
  ["ab", "a\nb", "aXXbaXb", long].reduce((x, name) => b.conv(x, { name, out: 2, kernel: 1 }), b.input);
  const found = (layer: string) => {
    const options = { granularity: "filter", keep: 0.5, layers: [layer] } as const;
    return constraintsOf(b.graph(), [options]).map(({ name }) => name.slice(0, name.indexOf(":")));
  };
  assert.equal(found("a*b"), ["ab", "a\nb", "aXXbaXb"]);
  assert.equal(found("a?b"), ["a\nb"]);
  assert.equal(found("a*?Xb"), ["aXXbaXb"]);
  assert.equal(found("**ab*"), ["ab"]);
  assert.equal(found("??"), ["ab"]);
  assert.throws(() => found("a.b"), /no layer is named "a.b"/);
  assert.throws(() => found(`${"*a".repeat(500)}*b?`), /no layer is named/);
});

test.run();
