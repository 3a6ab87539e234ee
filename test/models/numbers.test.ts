/** Every network of the zoo, in small: it trains, infers, prunes, and comes back from ONNX as it was. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportOnnx } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { compareOutputs, tolerance } from "../../src/graph/compare.ts";
import { assertEquivalent, compareWithReference } from "../../src/graph/equivalence.ts";
import { execute } from "../../src/graph/execute.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph } from "../../src/graph/types.ts";
import { createModel, modelNames, type ModelOptions } from "../../src/models/zoo.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { maskModel, masksOf } from "../../src/prune/structures/masks.ts";
import { energiesOf } from "../prune/models.ts";
import { topGroups } from "../../src/prune/structures/selection.ts";
import { softmaxCrossEntropy } from "../../src/tensor/ops/loss.ts";
import { createOptimizer } from "../../src/tensor/optimizer.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { createTrainState } from "../../src/train/state.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { onlyNightly } from "../long.ts";

const test = suite("the zoo's numbers");

/** The same layers, few channels, small images. */
const SMALL: Readonly<Record<string, ModelOptions>> = {
  "digits": {},
  "lenet5": { width: 0.5 },
  "resnet8": { width: 0.5, size: 8 },
  "mobilenetv2-micro": { width: 0.5, size: 8 },
  "convnext-micro": { width: 0.25, size: 8 },
  "deit-micro": { width: 0.25, size: 8 },
  "resnet20": { width: 0.25, size: 8, shortcut: "projection" },
  "resnet18-cifar": { width: 0.125, size: 16 },
  "vgg11-bn-cifar": { width: 0.125 },
  "densenet40": { width: 0.34, size: 8 },
  "mobilenetv2-cifar": { width: 0.25, size: 8 },
  "resnet18": { width: 0.125, size: 40, classes: 7 },
  "vgg11-bn": { width: 0.0625, size: 32, classes: 7 },
  "alexnet": { width: 0.0625, size: 95, classes: 7 },
  "alexnet-caffe": { width: 0.0625, size: 67, classes: 7 },
};

/** Made by the same functions as those in SMALL, and larger. */
const LIKE_THEM = [
  ...["resnet14", "resnet32", "resnet44", "resnet56", "resnet110", "resnet34-cifar", "resnet34"],
  ...["convnext-cifar", "convnext-t", "deit-cifar", "deit-t", "mobilenetv2"],
  ...["vgg16-bn-cifar", "vgg19-bn-cifar", "vgg16-bn", "vgg19-bn"],
];

test("no network is forgotten", () => {
  assert.equal([...Object.keys(SMALL), ...LIKE_THEM].sort(), [...modelNames].sort());
});

/** Each is built of the same blocks as another one. */
const LIKE_OTHERS = ["resnet20", "resnet18-cifar", "vgg11-bn-cifar", "alexnet", "mobilenetv2-cifar"];

for (const [name, options] of Object.entries(SMALL)) {
  const look = LIKE_OTHERS.includes(name) ? onlyNightly(test) : test;
  const graph = createModel(name, options);

  look(`${name}: a step of training from its first values moves every parameter, and the loss is finite`, async () => {
    const gpu = await testGpu();
    const params = initialise(graph, 1);
    const state = createTrainState(gpu, [graph], params);
    const optimizer = createOptimizer(gpu, state.weights.layout, { kind: "sgd" });
    {
      using tape = new Tape(gpu, "train");
      const batch = 4;
      const { input } = randomInputs(graph, 3, batch);
      const x = tape.own(Tensor.from(gpu, input.data, input.shape));
      const labels = tape.own(Tensor.from(gpu, Uint32Array.of(0, 3, 1, 6), [batch]));
      for (const slot of state.weights.layout.slots) {
        tape.watch(state.weights.tensor(slot.name), state.gradients.tensor(slot.name));
      }
      const loss = softmaxCrossEntropy(tape, execute(tape, graph, state.params, x, { seed: 1 }), labels);
      tape.backward(loss);
      const value = await loss.item();
      assert.ok(Math.abs(value - Math.log(graph.params[lastWeight(graph)].shape[0])) < 1.5, `loss ${value}`);
      optimizer.step({ lr: 1e-3, weights: state.weights, gradients: state.gradients });
    }
    for (const [param, { data }] of await state.gradients.download()) {
      assert.ok(data.every(Number.isFinite), `${param} has a gradient that isn't finite`);
      assert.ok(data.some((v) => v !== 0), `no gradient reaches ${param}`);
    }
    optimizer.dispose();
    state.dispose();
  });

  look(`${name}: plan, interpreter and the float64 reference agree`, async () => {
    const gpu = await testGpu();
    const model = { graph, params: randomParams(graph, 2) };
    const { input } = randomInputs(graph, 4);
    await assertEquivalent(gpu, model, model, input.data, 2);
    const { maxRel } = await compareWithReference(gpu, model, input.data, 2);
    assert.ok(maxRel <= tolerance(graph), `${maxRel}`);
  });

  look(`${name}: pruned by magnitude and compacted it computes the same, with half of its filters gone`, async () => {
    const gpu = await testGpu();
    const model = { graph, params: randomParams(graph, 5) };
    const choices = coupledConstraints(graph, { granularity: "filter", keep: 0.5 }).map((constraint) => ({
      constraint,
      kept: topGroups(energiesOf(constraint, model), constraint.keep),
    }));
    const masked = maskModel(model, masksOf(choices, model.params));
    const { model: small, report } = compact(masked);
    assert.ok(report.after.params < 0.8 * report.before.params, `${report.after.params} of ${report.before.params}`);
    for (const [param, { init }] of Object.entries(small.graph.params)) {
      assert.equal(init, graph.params[param]?.init, `${param} starts as in the dense network`);
    }
    await assertEquivalent(gpu, masked, small, randomInputs(graph, 6).input.data, 2);
  });

  look(`${name}: exported to ONNX and imported again it computes the same`, () => {
    const model = { graph, params: randomParams(graph, 7) };
    const back = loadOnnx(writeOnnx(exportOnnx(model)), name);
    const inputs = randomInputs(graph, 8);
    const [before, after] = [model, back].map((m) => referenceForward(m, inputs).get(m.graph.outputs[0])!.data);
    const { maxRel } = compareOutputs(before, Float32Array.from(after));
    assert.ok(maxRel <= 1e-6, `${maxRel}`);
  });
}

/** Of the layer that makes the logits. */
function lastWeight({ nodes }: Graph): string {
  return nodes[nodes.length - 1].inputs[1];
}

test.run();
