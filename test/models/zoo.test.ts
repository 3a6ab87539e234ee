import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { inferShapes } from "../../src/graph/infer.ts";
import { isStatistic } from "../../src/graph/roles.ts";
import type { Graph } from "../../src/graph/types.ts";
import { validateGraph } from "../../src/graph/validate.ts";
import { createModel, modelNames, type ModelOptions } from "../../src/models/zoo.ts";
import { elements } from "../../src/tensor/tensor.ts";

const test = suite("zoo");

test("published parameter counts", () => {
  const cases: [string, ModelOptions, number][] = [
    ["digits", {}, 160 + 4640 + 32832 + 650],
    ["lenet5", {}, 430_500 + 580], // 430.5 K weights (Han et al. 2015), and the biases
    ["resnet20", {}, 269_722], // akamaster/pytorch_resnet_cifar10
    ["resnet32", {}, 464_154],
    ["resnet56", {}, 853_018],
    ["resnet20", { shortcut: "projection" }, 269_722 + 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64],
    ["vgg16-bn", {}, 14_728_266 - 4224], // kuangliu/pytorch-cifar, whose convolutions have biases
  ];
  for (const [name, options, count] of cases) assert.is(trainableCount(createModel(name, options)), count, name);
});

/** As papers count: without the running statistics of batch norm. */
function trainableCount({ params }: Graph): number {
  return Object.values(params).filter(({ role }) => !isStatistic(role)).reduce(
    (sum, { shape }) => sum + elements(shape),
    0,
  );
}

test("multiply-adds", () => {
  assert.is(graphCost(createModel("lenet5")).macs, 20 * 576 * 25 + 50 * 64 * 500 + 500 * 800 + 5000);
  assert.is(graphCost(createModel("vgg16-bn")).macs, 313_201_664);
  assert.is(graphCost(createModel("resnet20")).macs, 40_551_040);
});

test("every model is valid and ends in logits, with and without options", () => {
  for (const name of modelNames) {
    for (const options of [{}, { classes: 7, inChannels: 2, width: 0.25 }]) {
      const graph = createModel(name, options);
      validateGraph(graph);
      assert.equal(inferShapes(graph).get(graph.outputs[0]), ["N", options.classes ?? 10]);
    }
  }
  validateGraph(createModel("resnet8", { size: 28, inChannels: 1, shortcut: "projection" }));
  validateGraph(createModel("resnet8", { size: 8, inChannels: 1, width: 0.1 }));
});

test("what can't be made is said in one line", () => {
  const rejects = (run: () => unknown, expected: RegExp) =>
    assert.throws(run, (error: Error) => error instanceof UserError && expected.test(error.message));
  rejects(() => createModel("resnet21"), /unknown model "resnet21": expected one of digits, lenet5, resnet8/);
  rejects(() => createModel("toString"), /unknown model "toString"/);
  rejects(() => createModel("digits", { shortcut: "A" }), /model "digits" has no option "shortcut": expected classes/);
  rejects(
    () => createModel("resnet8", { shortcut: "B" as "A" }),
    /option shortcut is "B", expected "A" or "projection"/,
  );
  rejects(() => createModel("digits", { width: 0 }), /option width is 0, expected a factor above 0/);
  rejects(() => createModel("digits", { classes: 1.5 }), /option classes is 1.5, expected an integer/);
  rejects(() => createModel("vgg16-bn", { size: 16 }), /kernel \[2,2\].* is larger than the input/);
});

test.run();
