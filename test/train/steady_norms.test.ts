/** Running statistics that keep up with the weights where an epoch has few steps. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Graph } from "../../src/graph/types.ts";
import { statisticsLag, steadyNorms } from "../../src/train/callbacks/steady_norms.ts";
import { evaluateModel } from "../../src/train/evaluate.ts";
import { recalibrate } from "../../src/train/recalibrate.ts";
import { train } from "../../src/train/train.ts";
import type { Callback, EpochRecord } from "../../src/train/types.ts";
import { testGpu } from "../gpu.ts";
import { brightPixels, everything } from "./small.ts";

const test = suite("steady norms");

function withMomentum(momentum: number): Graph {
  const graph = everything();
  const nodes = graph.nodes.map((node) =>
    node.op === "BatchNormalization" ? { ...node, attrs: { ...node.attrs, momentum } } : node
  );
  return { ...graph, nodes };
}

test("statistics lag where an epoch has fewer steps than they are an average over", () => {
  // 1 / (1 − 0.9) = 10 steps, 1 / (1 − 0.99) = 100, 1 / (1 − 0.5) = 2.
  const lags = (momentum: number) => (steps: number) => statisticsLag(withMomentum(momentum), steps);
  assert.equal([1, 9, 10, 20].map(lags(0.9)), [true, true, false, false]);
  assert.equal([99, 100].map(lags(0.99)), [true, false]);
  assert.equal([1, 2].map(lags(0.5)), [true, false]);
  assert.is(lags(1)(1), false, "what never moves doesn't lag");
  const b = builder("plain", ["N", 1, 4, 4]);
  b.gemm(b.flatten(b.input), { name: "fc", out: 3 });
  assert.is(statisticsLag(b.graph(), 1), false, "there are no batch norms");
});

/** Trains so many images in batches of 8, and what came of it. */
async function trained(images: number, callbacks: (batch: number) => Callback[]) {
  const gpu = await testGpu();
  // Dropout would draw other numbers when the statistics are measured again.
  const whole = withMomentum(0.9);
  const nodes = whole.nodes.map((n) => n.op === "Dropout" ? { ...n, op: "Identity" as const, attrs: {} } : n);
  const graph = { ...whole, nodes };
  const data = brightPixels(images), validation = brightPixels(40);
  const records: EpochRecord[] = [];
  const record: Callback = { name: "record", afterValidation: (_, found) => void records.push(found) };
  const { params } = await train({
    gpu,
    graphs: [graph],
    params: initialise(graph, 1),
    data,
    validation,
    batch: 8,
    epochs: 2,
    optimizer: { kind: "sgd", lr: 0.05 },
    callbacks: [...callbacks(8), record],
  });
  return { gpu, model: { graph, params }, data, validation, records };
}

test("with few steps an epoch is validated, and training ends, with statistics of the weights as they are", async () => {
  const { gpu, model, data, validation, records } = await trained(
    32,
    (batch) => [steadyNorms(brightPixels(32), batch)],
  );
  const anew = await recalibrate(gpu, model, data, 8);
  for (const [name, { data }] of anew.params) assert.equal(model.params.get(name)!.data, data, name);
  const { accuracy, loss } = await evaluateModel(gpu, model, validation);
  assert.equal([records[1].validationAccuracy, records[1].validationLoss], [accuracy, loss]);
  const without = await trained(32, () => []);
  const isStatistic = (name: string) =>
    model.graph.params[name].role === "mean" || model.graph.params[name].role === "variance";
  for (const [name, { data }] of without.model.params) {
    if (isStatistic(name)) assert.not.equal(model.params.get(name)!.data, data, name);
    else assert.equal(model.params.get(name)!.data, data, `${name}: training isn't changed`);
  }
});

test("before the last epoch a few batches are looked at, which changes nothing but what its validation says", async () => {
  const data = brightPixels(72);
  const [some, all] = [
    await trained(72, (batch) => [steadyNorms(data, batch)]),
    await trained(72, (batch) => [steadyNorms(data, batch, "all")]),
  ];
  assert.is.not(some.records[0].validationLoss, all.records[0].validationLoss);
  assert.is(some.records[1].validationLoss, all.records[1].validationLoss);
  for (const [name, { data }] of all.model.params) assert.equal(some.model.params.get(name)!.data, data, name);
});

test("with ten steps nothing is measured, and all bits stay", async () => {
  const [with_, without] = [
    await trained(80, (batch) => [steadyNorms(brightPixels(80), batch)]),
    await trained(80, () => []),
  ];
  for (const [name, { data }] of without.model.params) assert.equal(with_.model.params.get(name)!.data, data, name);
});

test.run();
