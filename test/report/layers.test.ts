import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import type { Graph, IndexMap } from "../../src/graph/types.ts";
import { renderReport } from "../../src/report/html.ts";
import { layerChanges } from "../../src/report/layers.ts";
import { sampleDetail, sampleReport } from "./sample.ts";

const test = suite("report layers");

/** Convolutions of these names and widths, one behind the other, on 4×4 images of one channel. */
function chain(layers: Readonly<Record<string, number>>): Graph {
  const b = builder("g", ["N", 1, 4, 4]);
  Object.entries(layers).reduce((x, [name, out]) => b.conv(x, { name, out, kernel: 1, bias: false }), b.input);
  return b.graph();
}

const dense = chain({ a: 4, b: 6, c: 5, d: 2 });

test("a layer is followed to what it became, one that is gone has width 0, and a merged one is told to be merged", () => {
  const small = chain({ first: 3, rest: 2 });
  const how = "d ∘ c";
  const origin: IndexMap = new Map([
    ["first.weight", { source: "a.weight", keep: [[0, 1, 3], null, null, null] }],
    ["rest.weight", { sources: ["c.weight", "d.weight"], how }],
  ]);
  assert.equal(layerChanges(dense, small, origin), [
    { name: "a", before: 4, after: 3, params: { before: 4, after: 3 }, macs: { before: 64, after: 48 } },
    { name: "b", before: 6, after: 0, params: { before: 24, after: 0 }, macs: { before: 384, after: 0 } },
    { name: "c", before: 5, after: 0, params: { before: 30, after: 0 }, macs: { before: 480, after: 0 }, merged: how },
    { name: "d", before: 2, after: 0, params: { before: 10, after: 0 }, macs: { before: 160, after: 0 }, merged: how },
  ]);
});

test("the report page gives a merged layer no figures of its own, and says why a figure can't be told", () => {
  const size = { before: 10, after: 0 };
  const layers = [
    { name: "kept", before: 8, after: 4, params: size, macs: size },
    { name: "gone", before: 7, after: 0, params: size, macs: size, merged: "gone ∘ kept" },
  ];
  const report = sampleReport({ requested: { "filter *": 0.5 }, untold: { "filter *": "it was merged" } });
  const page = renderReport(report, sampleDetail({ layers }));
  assert.match(page, "gone, merged: gone ∘ kept");
  assert.match(page, "4 of 8");
  assert.not.match(page, "0 of 7");
  assert.match(page, "can&#39;t be told: it was merged");
});

test("where every layer was merged there is no figure of widths", () => {
  const size = { before: 10, after: 0 };
  const layers = [{ name: "gone", before: 7, after: 0, params: size, macs: size, merged: "gone ∘ kept" }];
  assert.not.match(renderReport(sampleReport(), sampleDetail({ layers })), "Width of each layer");
});

test.run();
