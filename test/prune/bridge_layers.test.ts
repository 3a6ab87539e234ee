/** Shortcuts around layers of an identity shape: the same function, a branch that can go, and one layer again. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { reparameterise } from "../../src/depth/merge/reparameterise.ts";
import { builder } from "../../src/graph/build.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { bridgeLayers } from "../../src/prune/rewrite/bridge_layers.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { widened } from "../generate/widen.ts";
import { difference } from "./equal.ts";
import { modelOf, ops } from "./models.ts";

const test = suite("shortcuts around layers");

/** Convolutions in a row as VGG has them, one over fewer channels, and two linear layers. */
const graph = (() => {
  const b = builder("g", ["N", 2, 5, 5]);
  let x = b.relu(b.conv(b.input, { name: "stem", out: 3, kernel: 3, pad: 1 }));
  x = b.relu(b.conv(x, { name: "a", out: 3, kernel: 3, pad: 1 }));
  x = b.relu(b.conv(x, { name: "b", out: 3, kernel: [1, 5], pad: [0, 2, 0, 2] }));
  x = b.relu(b.conv(x, { name: "cut", out: 3, kernel: 3 }));
  x = b.relu(b.conv(x, { name: "thin", out: 3, kernel: 3, pad: 1, group: 3 }));
  x = b.relu(b.gemm(b.flatten(b.globalAveragePool(x)), { name: "fc", out: 3 }));
  b.gemm(x, { name: "head", out: 2 });
  return b.graph();
})();

test("the function stays what it was, and numbers are the weight without the identity", () => {
  const model = modelOf(graph, { "fc.weight": [1, 2, 3, 4, 5, 6, 7, 8, 9] });
  const { model: bridged, map } = bridgeLayers(model, ["a", "b", "fc"]);
  assert.equal([...bridged.params.get("fc.weight")!.data], [0, 2, 3, 4, 4, 6, 7, 8, 8]);
  assert.equal(map.get("fc.weight"), { sources: ["fc.weight"], how: "fc.weight without the identity" });
  assert.ok(difference(widened(model), bridgeLayers(widened(model), ["a", "b", "fc"]).model) <= 1e-12);
});

test("what can't hand on what it reads is refused by name", () => {
  const model = modelOf(graph);
  const refused = (name: string) => () => bridgeLayers(model, [name]);
  assert.throws(refused("stem"), /layer "stem" can't have a shortcut around it: it makes \[N,3,5,5\] of \[N,2,5,5\]/);
  assert.throws(refused("cut"), /"cut" can't have a shortcut around it: it makes/);
  assert.throws(refused("thin"), /doesn't read all channels/);
  assert.throws(refused("nothing"), /no layer is named "nothing"; there are stem, a/);
});

test("with a shortcut a layer can go as a branch, and what remains fits", () => {
  const model = widened(modelOf(graph));
  const { model: bridged } = bridgeLayers(model, ["a", "b", "fc"]);
  const { model: masked } = prune(bridged, { constraints: [{ granularity: "layer", keep: 1 / 3 }] });
  const { model: small } = compact(masked);
  assert.ok(difference(masked, small) <= 1e-9);
  const layers = ops(small).split(" ").filter((op) => op === "Conv" || op === "Gemm" || op === "ColumnConv");
  assert.is(layers.length, 5);
});

test("the shortcuts of layers that stay merge into them again", () => {
  const model = modelOf(graph);
  const { model: bridged } = bridgeLayers(model, ["a", "b"]);
  const { model: merged } = reparameterise(bridged);
  assert.not(/Add/.test(ops(merged)));
  assert.ok(difference(model, merged) <= 1e-5);
});

test.run();
