/** Which layers a structure can be asked of. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { prunableLayers } from "../../src/prune/structures/constraints.ts";

const test = suite("layers of structures");

const b = builder("g", ["N", 4, 6, 6]);
const a = b.conv(b.input, { name: "three", out: 4, kernel: 3, pad: 1 });
const g = b.conv(a, { name: "grouped", out: 4, kernel: 3, pad: 1, group: 2 });
const p = b.conv(g, { name: "point", out: 4, kernel: 1 });
b.gemm(b.flatten(p), { name: "full", out: 2 });
const graph = b.graph();

test("blocks want layers that aren't grouped, and punched blocks kernels of several taps as well", () => {
  assert.equal(prunableLayers(graph, { granularity: "block", block: [2, 2] }), ["three", "point", "full"]);
  assert.equal(prunableLayers(graph, { granularity: "block-punched", block: [2, 2] }), ["three"]);
});

test("kernels and patterns want kernels of several taps, grouped or not", () => {
  assert.equal(prunableLayers(graph, { granularity: "kernel" }), ["three", "grouped"]);
  assert.equal(prunableLayers(graph, { granularity: "pattern", library: 4 }), ["three", "grouped"]);
});

test("single weights go anywhere", () => {
  assert.equal(prunableLayers(graph, { granularity: "weight" }), ["three", "grouped", "point", "full"]);
});

test.run();
