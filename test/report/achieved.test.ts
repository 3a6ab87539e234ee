/** What reports say was asked of a run, and what of it was reached. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { maskModel } from "../../src/prune/structures/masks.ts";
import { achieved, constraintName, keptFraction, requested } from "../../src/report/achieved.ts";
import { modelOf, zeroRows } from "../prune/models.ts";

const test = suite("achieved");

function net(...widths: number[]) {
  const b = builder("g", ["N", 4]);
  let x = b.input;
  widths.forEach((out, i) => x = b.relu(b.gemm(x, { name: `l${i}`, out })));
  b.gemm(x, { name: "out", out: 2 });
  return modelOf(b.graph());
}

const filter = { granularity: "filter", keep: 0.5, layers: ["l*"] } as const;
const runs = { granularity: "n:m", n: 1, m: 4, keep: 1 } as const;

test("a budget is asked for by its own name, constraints by their structure and layers", () => {
  assert.equal(requested({ constraints: [filter, runs] }), { "filter l*": 0.5, "1:4 *": 0.25 });
  assert.equal(requested({ constraints: [filter], budget: { macs: 0.2 } }), { macs: 0.2 });
  assert.is(constraintName({ granularity: "block", block: [4, 4], keep: 1, layers: ["a", "b"] }), "block 4×4 a b");
});

test("of a constraint the fraction of groups that aren't empty is told, over all its layers", () => {
  const pruned = zeroRows(net(4, 2), { "l0.weight": [1, 2] });
  assert.is(keptFraction(pruned, [filter]), 4 / 6);
  assert.is(keptFraction(pruned, [{ ...filter, layers: ["l0"] }]), 0.5);
});

test("fractions are of the dense network; what wasn't asked for by name isn't told", () => {
  const [dense, small] = [net(4), net(2)];
  // Numbers 7·h + 2 and multiply-adds 6·h of h hidden features; 4 inputs and h lie in memory at once.
  const inDenseShape = zeroRows(dense, { "l0.weight": [0] });
  const { achieved: found } = achieved({ dense, model: small, inDenseShape }, [filter, runs], {
    "filter l*": 0.5,
    groups: 0.5,
    peakBytes: 0.5,
  });
  assert.is(found.params, 16 / 30);
  assert.is(found.macs, 0.5);
  assert.is(found.peakBytes, 6 / 8);
  assert.is(found["filter l*"], 0.75);
  assert.not("1:4 *" in found);
  assert.not("ms" in found);
  assert.is(achieved({ dense, model: maskModel(dense, new Map()), inDenseShape: dense }, [], {}).achieved.nonzero, 1);
});

test("of a budget of groups the fraction is that of its own stage's groups, not of what other stages prune", () => {
  const dense = net(4, 2);
  const inDenseShape = zeroRows(dense, { "l0.weight": [1, 2] });
  const network = { dense, model: dense, inDenseShape };
  const found = achieved(network, [filter, { ...filter, layers: ["l0"] }], { groups: 0.5 }, [{
    ...filter,
    layers: ["l0"],
  }]);
  assert.is(found.achieved.groups, 0.5);
});

test("where a network has no place in the dense one's shapes, its constraints' fractions are left out, with the reason", () => {
  const [dense, small] = [net(4), net(2)];
  const asked = { "filter l*": 0.5, groups: 0.5 };
  const { achieved: found, untold } = achieved({ dense, model: small, inDenseShape: "no place" }, [filter], asked);
  assert.equal(Object.keys(found), ["params", "nonzero", "macs"]);
  assert.equal(untold, { groups: "no place", "filter l*": "no place" });
});

test.run();
