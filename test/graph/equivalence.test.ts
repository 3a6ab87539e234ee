import { suite } from "uvu";
import * as assert from "uvu/assert";
import { assertEquivalent, compareWithReference, EquivalenceError } from "../../src/graph/equivalence.ts";
import { UserError } from "../../src/errors.ts";
import { foldForInference } from "../../src/graph/fold.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";

const test = suite("equivalence");

const BATCH = 6;
const graph = createModel("resnet8", { size: 8, width: 0.5 });
const model: Model = { graph, params: randomParams(graph, 2) };
const inputs = randomInputs(graph, 1, BATCH).input.data;

function changed(name: string, change: (data: Float32Array) => void): Model {
  const params = new Map<string, HostTensor>(model.params);
  const { shape, data } = params.get(name)!;
  const copy = data.slice();
  change(copy);
  params.set(name, { shape, data: copy });
  return { graph, params };
}

test("passes a network and its folded form, and says by how much they differ", async () => {
  const gpu = await testGpu();
  const { maxAbs, maxRel, inputs: count } = await assertEquivalent(
    gpu,
    model,
    foldForInference(model).model,
    inputs,
    BATCH,
  );
  assert.is(count, BATCH);
  assert.ok(maxAbs > 0 && maxRel > 0 && maxRel < 1e-5, `${maxAbs}, ${maxRel}`);
});

test("refuses one changed weight, deep in the network", async () => {
  const gpu = await testGpu();
  const other = changed("layer3.0.conv1.weight", (data) => data[20] += 0.01);
  try {
    await assertEquivalent(gpu, model, other, inputs, BATCH);
  } catch (error) {
    assert.instance(error, EquivalenceError);
    assert.match((error as Error).message, /"resnet8" \(fused\) differs from "resnet8" by \d\.\d\de-\d of its/);
    return;
  }
  assert.unreachable("a changed weight passed");
});

const refusal = (before: Model, after: Model, given = inputs, batch = BATCH): Promise<Error> =>
  testGpu().then((gpu) => assertEquivalent(gpu, before, after, given, batch)).then(
    () => assert.unreachable("it passed"),
    (error) => error,
  );

test("refuses NaN after a rewrite as the rewrite's fault, before it as the network's own", async () => {
  const other = changed("linear.bias", (data) => data[0] = NaN);
  assert.instance(await refusal(model, other), EquivalenceError);
  const own = await refusal(other, model);
  assert.instance(own, UserError);
  assert.match(own.message, /^"resnet8" gives numbers that aren't finite/);
});

test("a proof over no inputs is refused, and so are inputs of another number", async () => {
  for (const [given, batch] of [[new Float32Array(), 0], [inputs, BATCH - 1], [new Float32Array(), BATCH]] as const) {
    const error = await refusal(model, model, given, batch);
    assert.instance(error, UserError);
    assert.match(
      error.message,
      /^proof of "resnet8": got \d+ numbers as \d inputs, expected at least one input, of \[3,8,8\]/,
    );
  }
  const gpu = await testGpu();
  const none = await compareWithReference(gpu, model, new Float32Array(), 0).then(() => undefined, (error) => error);
  assert.instance(none, UserError);
});

test("a network whose outputs are rounding noise is told apart from a wrong rewrite", async () => {
  // A batch norm that takes a million away and adds it again: node by node 23 bits are spent on it, folded none.
  const { data: gamma } = model.params.get("bn1.weight")!;
  const { data: variance } = model.params.get("bn1.running_var")!;
  const far = changed("bn1.running_mean", (data) => data.fill(1e6));
  const noisy = changed(
    "bn1.bias",
    (data) => gamma.forEach((g, i) => data[i] = 1e6 * g / Math.sqrt(variance[i] + 1e-5)),
  );
  (noisy.params as Map<string, HostTensor>).set("bn1.running_mean", far.params.get("bn1.running_mean")!);
  const error = await refusal(noisy, foldForInference(noisy).model);
  assert.instance(error, UserError);
  assert.match(error.message, /so sensitive to rounding that nothing can be proved of it/);
});

test("gives its memory back, whatever comes of it", async () => {
  const gpu = await testGpu();
  const other = changed("linear.bias", (data) => data[0] += 1);
  // Tables of the kernels stay on the device after the first time.
  await assertEquivalent(gpu, model, model, inputs, BATCH);
  const live = gpu.stats().liveBuffers;
  await assertEquivalent(gpu, model, model, inputs, BATCH);
  await assertEquivalent(gpu, model, other, inputs, BATCH).catch(() => {});
  assert.is(gpu.stats().liveBuffers, live);
});

test.run();
