import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pick } from "../../../src/data/splits.ts";
import { gather } from "../../../src/data/loader.ts";
import type { Dataset } from "../../../src/data/types.ts";
import type { Gpu } from "../../../src/gpu/gpu.ts";
import { runInterpreter } from "../../../src/graph/equivalence.ts";
import type { Model } from "../../../src/graph/types.ts";
import { createModel } from "../../../src/models/zoo.ts";
import { l2 } from "../../../src/prune/criteria/l2.ts";
import { outputLoss } from "../../../src/prune/reconstruct/output_loss.ts";
import { oneShot } from "../../../src/prune/methods/one_shot.ts";
import { prune } from "../../../src/prune/prune_model.ts";
import { maskModel } from "../../../src/prune/structures/masks.ts";
import {
  measureSensitivity,
  sensitivityOf,
  type SensitivityOptions,
} from "../../../src/prune/sensitivity/measure_sensitivity.ts";
import { prunedLayers, rankedBy } from "../../../src/prune/sensitivity/pruned_layers.ts";
import type { Tally } from "../../../src/prune/sensitivity/tally.ts";
import { tallyNetworks } from "../../../src/prune/sensitivity/tally_networks.ts";
import { Interrupted } from "../../../src/train/errors.ts";
import { evaluateModel } from "../../../src/train/evaluate.ts";
import { testGpu } from "../../gpu.ts";
import { modelOf } from "../models.ts";
import { imagesFor } from "./images.ts";

const test = suite("sensitivity");

/** The pruned network as anybody else would make it. */
function pruned(model: Model, layer: ReturnType<typeof prunedLayers>[number], keep: number): Model {
  const constraint = { ...layer.constraint, keep };
  return maskModel(model, oneShot(model, new Map(), [constraint], { criterion: l2, seed: 1 }));
}

function asked(model: Model, ratios: readonly number[], names?: readonly string[]) {
  const layers = prunedLayers(model.graph, { ratios, layers: names });
  const constraints = layers.map(({ constraint }) => constraint);
  return { layers, ranked: rankedBy(model, constraints, { criterion: l2, seed: 1 }) };
}

async function measured(gpu: Gpu, model: Model, data: Dataset, ratios: readonly number[]) {
  const { layers, ranked } = asked(model, ratios);
  const tally = await tallyNetworks({ gpu, model, data, layers, ranked, batch: 8 });
  return { layers, tally, found: sensitivityOf(model.graph, layers, tally, "present") };
}

for (
  const [name, ratios] of [["digits", [0.25, 0.6]], ["resnet8", [0.5]], ["deit-micro", [0.5]]] as const
) {
  test(`${name}: every pruned network scores to the bit as its plain evaluation does`, async () => {
    const gpu = await testGpu();
    const graph = createModel(name);
    const model = modelOf(graph, {}, 3);
    const data = imagesFor(graph, 12);
    const { layers, found } = await measured(gpu, model, data, ratios);
    assert.ok(layers.length >= 2);
    const whole = await evaluateModel(gpu, model, data, 8);
    assert.equal(found.dense, whole);
    const { images } = gather(data);
    const z = await runInterpreter(gpu, model, images, data.count);
    for (const [i, layer] of layers.entries()) {
      for (const [k, keep] of layer.keeps.entries()) {
        const { accuracy, loss, outputLoss: error } = found.curves[i].points[k];
        const masked = pruned(model, layer, keep);
        const plain = await evaluateModel(gpu, masked, data, 8);
        assert.equal({ accuracy, loss }, plain, `${layer.constraint.name} ${keep}`);
        const expected = outputLoss(z, await runInterpreter(gpu, masked, images, data.count), data.count);
        assert.ok(Math.abs(error - expected) <= 1e-4 * expected + 1e-9, `${error} ${expected}`);
      }
    }
  });
}

test("one call ranks, runs and tells, with labels or without; a budget takes what it gives", async () => {
  const gpu = await testGpu();
  const graph = createModel("digits");
  const model = modelOf(graph, {}, 7);
  const data = imagesFor(graph, 12);
  const ratios = [0.25, 0.6];
  const one = await measureSensitivity({ gpu, model, data, ratios, batch: 8 });
  assert.equal(one, (await measured(gpu, model, data, ratios)).found);
  const { labels: _, ...bare } = data;
  const unlabelled = await measureSensitivity({ gpu, model, data: bare, ratios, criterion: "activation", batch: 8 });
  assert.equal(unlabelled.dense, {});
  assert.equal(unlabelled.curves.map(({ points }) => points.length), one.curves.map(({ points }) => points.length));
  const { kept } = prune(model, { budget: { macs: 0.7, sensitivity: one } });
  assert.equal(kept.map(({ name }) => name), one.curves.map(({ name }) => name));
  assert.ok(kept.some(({ keep, groups }) => keep < groups));
  const misspelt = { gpu, model, data, ratio: [0.5] } as unknown as SensitivityOptions;
  const said = await measureSensitivity(misspelt).then(() => "nothing", ({ message }: Error) => message);
  assert.match(said, /has no option "ratio": expected one of gpu, model, data, ratios/);
});

test("a measurement that was stopped goes on from what was kept, and ends in the same bits", async () => {
  const gpu = await testGpu();
  const graph = createModel("digits");
  const model = modelOf(graph, {}, 5);
  const data = imagesFor(graph, 40);
  const { layers, ranked } = asked(model, [0.3, 0.7]);
  const options = { gpu, model, data, layers, ranked, batch: 16 };
  const whole = await tallyNetworks(options);
  const stop = new AbortController();
  let kept: Tally | undefined;
  const steps: number[] = [];
  const stopped = tallyNetworks({
    ...options,
    signal: stop.signal,
    progress: (done) => steps.push(done),
    keep(tally) {
      kept = JSON.parse(JSON.stringify(tally));
      stop.abort();
      return Promise.resolve();
    },
  });
  await stopped.then(() => assert.unreachable(), (error) => assert.instance(error, Interrupted));
  assert.is(kept!.images, 16);
  const later: number[] = [];
  const resumed = await tallyNetworks({
    ...options,
    from: kept,
    progress: (done, total) => later.push(done, total),
  });
  assert.equal(resumed, whole);
  assert.ok(later[0] > steps[0], "the bar goes on where it stood");
  assert.is(later.at(-2), later.at(-1));
});

test("without labels the outputs alone are compared", async () => {
  const gpu = await testGpu();
  const graph = createModel("digits");
  const model = modelOf(graph, {}, 7);
  const { labels: _, ...data } = imagesFor(graph, 12);
  const { layers, ranked } = asked(model, [0.5]);
  const tally = await tallyNetworks({ gpu, model, data, layers, ranked });
  const found = sensitivityOf(graph, layers, tally, "absent");
  assert.equal(found.dense, {});
  assert.ok(
    found.curves.every(({ points }) => points.every((point) => !("accuracy" in point) && point.outputLoss > 0)),
  );
});

test("ratios that leave as many groups are one point, and a layer that can't lose one is none", () => {
  const graph = createModel("digits");
  const [first] = prunedLayers(graph, { ratios: [0.5, 0.1, 0.11, 0.999] });
  const { groups } = first.constraint;
  assert.equal(first.keeps, [Math.round(0.9 * groups), Math.round(0.5 * groups), 1]);
  assert.throws(() => prunedLayers(graph, { ratios: [1] }), /ratios: got 1, expected parts of a layer that go/);
  assert.throws(() => prunedLayers(graph, { ratios: [] }), /ratios: got none/);
  assert.throws(() => prunedLayers(graph, { ratios: [0.5], layers: ["conv9"] }), /no layer is named "conv9"/);
});

test("outputs that never vary tell nothing, and that is said", async () => {
  const gpu = await testGpu();
  const graph = createModel("digits");
  const model = modelOf(graph, {}, 7);
  const one = pick(imagesFor(graph, 3), Uint32Array.of(0, 0, 0));
  const { layers, ranked } = asked(model, [0.5]);
  const tally = await tallyNetworks({ gpu, model, data: one, layers, ranked });
  assert.throws(() => sensitivityOf(graph, layers, tally, "present"), /the same for all 3 images.*give more images/);
});

test.run();
