import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
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

test("a criterion and a rule are the same by name and as they are", () => {
  const options: PruneOptions = { criterion: "l1", budget: { params: 0.5, rule: "global" } };
  assert.equal(prune(model, options).kept, prune(model, { ...options, criterion: l1 }).kept);
  assert.not.equal(prune(model, options).kept, prune(model, { ...options, budget: { params: 0.5 } }).kept);
});

test("what can't be is refused, with what is known", () => {
  const refused: [unknown, RegExp][] = [
    [{ budgt: { macs: 0.5 } }, /^prune has no option "budgt": expected one of constraints, criterion, budget, seed$/],
    [{ criterion: "l3", budget: { macs: 0.5 } }, /unknown criterion "l3": known are l2, l1/],
    [{ budget: { flops: 0.5 } }, /budget has no option "flops": expected one of params, macs/],
    [{ budget: { macs: 0.5, rule: "fair" } }, /unknown budget rule "fair": known are per-cost, global/],
    [{ budget: { macs: 0.5, params: 0.5 } }, /^budget: got params, macs, expected exactly one of params, macs/],
    [{ budget: {} }, /^budget: got no cost, expected exactly one of params/],
    [{ budget: { ms: 2 } }, /^budget: ms needs `latency`/],
    [undefined, /^prune: constraint "filter" has no keep and there is no budget/],
    [{}, /^prune: constraint "filter" has no keep and there is no budget/],
    [{ constraints: [{ granularity: "column", keep: 0.5 }], budget: { macs: 0.5 } }, /"column" has a keep, and so has/],
    [{ constraints: [{ granularity: "row", keep: 0.5 }] }, /unknown granularity "row": known are filter, channel/],
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
