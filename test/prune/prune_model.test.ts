import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { l1 } from "../../src/prune/criteria/l1.ts";
import { prune, type PruneOptions } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";

const test = suite("pruning in one call");
const graph = createModel("digits");
const model = { graph, params: initialise(graph, 1) };

test("a budget is met by the compact network, and the model given stays as it is", () => {
  const before = [...model.params.get("conv1.weight")!.data];
  const { model: masked, masks } = prune(model, { criterion: "l2", budget: { macs: 0.5, protect: 0.1 } });
  const part = graphCost(compact(masked).model.graph).macs / graphCost(graph).macs;
  assert.ok(part <= 0.5 && part > 0.4, `${part}`);
  assert.equal([...model.params.get("conv1.weight")!.data], before);
  for (const [name, { data }] of masks) {
    data.forEach((bit, i) => assert.is(masked.params.get(name)!.data[i], bit * model.params.get(name)!.data[i]));
  }
});

test("a budget counts what is left of the filters that are read, whatever else goes for nothing", () => {
  const b = builder("sliced", ["N", 1, 4, 4]);
  const x = b.relu(b.conv(b.input, { name: "conv", out: 12, kernel: 3, pad: 1 }));
  // Eight of the twelve filters are read.
  b.conv(b.slice(x, { axes: [1], starts: [0], ends: [8] }), { name: "reader", out: 4, kernel: 3, pad: 1 });
  const graph = b.graph();
  const sliced = { graph, params: initialise(graph, 1) };
  const whole = graphCost(graph).macs;
  const { model: masked, kept } = prune(sliced, { budget: { macs: 0.4 } });
  // MACs are 9·16·(F + 4·F) for F filters that stay, of 9·16·(12 + 4·8) = 9·16·44: three stay, of 15 / 44 = 0.34.
  assert.equal(kept.map(({ keep }) => keep), [3]);
  assert.is(graphCost(compact(masked).model.graph).macs / whole, 15 / 44);
});

test("a criterion and a rule are the same by name and as they are", () => {
  const options: PruneOptions = { criterion: "l1", budget: { params: 0.5, rule: "global" } };
  assert.equal(prune(model, options).kept, prune(model, { ...options, criterion: l1 }).kept);
  assert.not.equal(prune(model, options).kept, prune(model, { ...options, budget: { params: 0.5 } }).kept);
});

test("options that aren't any, or of the wrong sort, are refused where they did nothing or another thing", () => {
  const refusal = (options: unknown) => () => prune(model, options as PruneOptions);
  const filters = (more: object) => ({ constraints: [{ granularity: "filter", ...more }], budget: { macs: 0.5 } });
  const cases: [unknown, RegExp][] = [
    [filters({ min_keep: 3 }), /^constraint "filter" has no option "min_keep": expected one of granularity, layers, /],
    [filters({ minKeep: 0 }), /^constraint "filter": minKeep is 0, expected a whole number of at least 1$/],
    [filters({ minKeep: 1.5 }), /minKeep is 1\.5/],
    [filters({ layers: "conv1" }), /^constraint "filter": layers is "conv1", expected a list of names, such as/],
    [filters({ exclude: "conv1" }), /exclude is "conv1", expected a list/],
    [filters({ layers: [] }), /layers is \[\], expected a list/],
    [{ constraints: [], budget: { macs: 0.5 } }, /^prune: constraints has no entry: leave it out for filters/],
    [{ budget: { macs: "0.5" } }, /^budget: macs is "0\.5", expected a number above 0$/],
    [{ budget: { macs: 0.5, protect: 2 } }, /^budget: protect is 2, expected a fraction in 0…1$/],
    [{ budget: { macs: 0.5, sensitivity: {} } }, /^budget: sensitivity has no curves: give what measureSensitivity/],
    [{ budget: { ms: 3, latency: () => NaN } }, /^budget: latency gave NaN for a network, expected a time in ms$/],
    [{ budget: { macs: 0.5 }, criterion: "random", seed: "x" }, /^prune: seed is "x", expected a whole number/],
  ];
  for (const [options, message] of cases) assert.throws(refusal(options), message);
});

test("what can't be is refused, with what is known", () => {
  const refused: [unknown, RegExp][] = [
    [
      { budgt: { macs: 0.5 } },
      /^prune has no option "budgt": expected one of constraints, criterion, normalise, budget, seed, evidence$/,
    ],
    [{ criterion: "l3", budget: { macs: 0.5 } }, /unknown criterion "l3": known are l2, l1/],
    [{ budget: { flops: 0.5 } }, /budget has no option "flops": expected one of params, macs/],
    [{ budget: { macs: 0.5, rule: "fair" } }, /unknown budget rule "fair": known are per-cost, global/],
    [{ budget: { macs: 0.5, params: 0.5 } }, /^budget: got params, macs, expected exactly one of params, macs/],
    [{ budget: {} }, /^budget: got no cost, expected exactly one of params/],
    [{ budget: { ms: 2 } }, /^budget: ms needs `latency`/],
    [undefined, /^prune: constraint "filter" has no keep and there is no budget/],
    [{}, /^prune: constraint "filter" has no keep and there is no budget/],
    [{ constraints: [{ granularity: "column", keep: 0.5 }], budget: { macs: 0.5 } }, /"column" has a keep, and so has/],
    [
      { constraints: [{ granularity: "row", keep: 0.5 }] },
      /unknown granularity "row": known are layer, filter, qk, v, channel/,
    ],
    [{ budget: { macs: 1e-6 } }, /can't be reached/],
  ];
  for (const [options, message] of refused) {
    assert.throws(() => prune(model, options as PruneOptions), (error: Error) => {
      assert.match(error.message, message);
      assert.instance(error, UserError);
      return true;
    });
  }
});

test.run();
