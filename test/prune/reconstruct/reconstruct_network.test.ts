/** Reconstruction on whole networks: what can be made up for exactly is, whatever reads the channels. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../../kernels/random/philox.ts";
import type { Dataset } from "../../../src/data/types.ts";
import { builder } from "../../../src/graph/build.ts";
import { compareOutputs } from "../../../src/graph/compare.ts";
import { assertEquivalent, runPlan } from "../../../src/graph/equivalence.ts";
import type { Graph, Model } from "../../../src/graph/types.ts";
import { firstImages } from "../../../src/data/proof_inputs.ts";
import { createModel } from "../../../src/models/zoo.ts";
import { criterionNamed } from "../../../src/prune/criteria/criteria.ts";
import { gatherFor } from "../../../src/prune/criteria/gather.ts";
import { scoreGroups } from "../../../src/prune/criteria/score.ts";
import { prune } from "../../../src/prune/prune_model.ts";
import { rankGroups } from "../../../src/prune/structures/selection.ts";
import { reconstructionRefusal, withoutGroups } from "../../../src/prune/reconstruct/layer_reader.ts";
import { outputLoss } from "../../../src/prune/reconstruct/output_loss.ts";
import { gatherReads } from "../../../src/prune/reconstruct/read_evidence.ts";
import { readersOf, reconstruct } from "../../../src/prune/reconstruct/reconstruct.ts";
import { lossesWithout, removalCosts, risingCosts } from "../../../src/prune/reconstruct/removal_costs.ts";
import { createSettledValues } from "../../../src/prune/reconstruct/settled_values.ts";
import { compact } from "../../../src/prune/rewrite/compact.ts";
import { constraintsOf } from "../../../src/prune/structures/constraints.ts";
import type { Constraint } from "../../../src/prune/structures/types.ts";
import { testGpu } from "../../gpu.ts";
import { modelOf } from "../models.ts";

const test = suite("reconstruction of networks");
const gpu = await testGpu();

/** Random pixels, and labels that say nothing. */
function imagesOf(shape: readonly [number, number, number], count = 512): Dataset {
  const images = new Uint8Array(count * shape[0] * shape[1] * shape[2]);
  const draw = random(4, "pixels");
  images.forEach((_, i) => images[i] = draw.below(256, 0, i));
  const normalization = { scale: 255, mean: new Array(shape[0]).fill(0.5), std: new Array(shape[0]).fill(0.25) };
  return { name: "random", classes: 3, shape, count, images, labels: new Uint16Array(count), normalization };
}

function filtersOf(graph: Graph, layer: string, keep: number): Constraint {
  const [constraint] = constraintsOf(graph, [{ granularity: "filter", keep: 1, layers: [layer] }]);
  return { ...constraint, keep };
}

/** The model in which filter `to` of these tensors is `factor` times filter `from`; negative means and variances don't arise. */
function doubled({ graph, params }: Model, names: readonly string[], from: number, to: number): Model {
  const result = new Map(params);
  for (const name of names) {
    const { shape, data } = params.get(name)!;
    const length = data.length / shape[0];
    const copy = data.slice();
    copy.set(data.subarray(from * length, (from + 1) * length), to * length);
    result.set(name, { shape, data: copy });
  }
  return { graph, params: result };
}

async function outputs(model: Model, images: Dataset): Promise<Float32Array> {
  const { inputs, batch } = firstImages(images, 16);
  return await runPlan(gpu, model, inputs, batch);
}

const b = builder("norms", ["N", 1, 6, 6]);
const first = b.relu(
  b.batchNorm(b.conv(b.input, { name: "a", out: 4, kernel: 3, pad: 1, bias: false }), { name: "n" }),
);
const second = b.relu(b.batchNorm(b.conv(first, { name: "c", out: 3, kernel: 3, pad: 1, bias: false }), { name: "m" }));
b.gemm(b.flatten(second), { name: "out", out: 3 });
const norms = b.graph();
const OF_A = ["a.weight", "n.weight", "n.bias", "n.running_mean", "n.running_var"];

test("one of two filters that say the same goes, and the network computes what it did", async () => {
  const model = doubled(modelOf(norms), OF_A.filter((name) => name in norms.params), 1, 3);
  const images = imagesOf([1, 6, 6]);
  const constraints = [filtersOf(norms, "a", 3)];
  const found = await reconstruct({ gpu, model, images, constraints });
  const difference = compareOutputs(await outputs(model, images), await outputs(found.model, images));
  // The ridge leaves a part of it that is as large as itself.
  assert.ok(difference.maxRel < 0.01, `${difference.maxRel}`);
  const plain = await reconstruct({ gpu, model, images, constraints, refit: "none" });
  assert.ok(compareOutputs(await outputs(model, images), await outputs(plain.model, images)).maxRel > 0.02);
  const small = compact(found.model, { columns: false, border: "keep" }).model;
  assert.equal(small.graph.params["a.weight"].shape, [3, 1, 3, 3]);
  const { inputs, batch } = firstImages(images, 16);
  await assertEquivalent(gpu, found.model, small, inputs, batch);
  assert.equal(found.starved, []);
});

/** A layer with a bias behind a filter that is 0.7 whatever comes in. */
function withConstantFilter(graph: Graph): Model {
  const model = modelOf(graph);
  const silent = { shape: [3, 1, 3, 3], data: model.params.get("a.weight")!.data.slice() };
  silent.data.fill(0, 9, 18);
  const bias = { shape: [3], data: Float32Array.of(0.1, 0.7, -0.2) };
  return { graph, params: new Map([...model.params, ["a.weight", silent], ["a.bias", bias]]) };
}

function plainGraph(bias: boolean): Graph {
  const b = builder("plain", ["N", 1, 4, 4]);
  const hidden = b.relu(b.conv(b.input, { name: "a", out: 3, kernel: 3, pad: 1 }));
  b.gemm(b.flatten(b.relu(b.conv(hidden, { name: "c", out: 2, kernel: 1, bias }))), { name: "out", out: 3 });
  return b.graph();
}

test("a bias that is there already gains the mean of what goes, and isn't replaced (FLAP)", async () => {
  const model = withConstantFilter(plainGraph(true));
  const images = imagesOf([1, 4, 4], 64);
  const found = await reconstruct({
    gpu,
    model,
    images,
    constraints: [filtersOf(model.graph, "a", 2)],
    select: "flap",
    refit: "bias",
  });
  // FLAP takes what never varies.
  const [before, after] = [model, found.model].map(({ params }) => params.get("c.bias")!.data);
  const weight = model.params.get("c.weight")!.data;
  for (const f of [0, 1]) assert.ok(Math.abs(after[f] - (before[f] + 0.7 * weight[3 * f + 1])) < 1e-6);
  assert.equal([...found.model.params.get("c.weight")!.data].map((w) => w === 0), [
    false,
    true,
    false,
    false,
    true,
    false,
  ]);
  assert.ok(compareOutputs(await outputs(model, images), await outputs(found.model, images)).maxRel < 1e-5);
  assert.equal([...found.masks.get("a.bias")!.data], [1, 0, 1]);
});

test("without a place for a bias nothing but the other channels makes up for what goes", async () => {
  const model = withConstantFilter(plainGraph(false));
  const images = imagesOf([1, 4, 4], 64);
  const constraints = [filtersOf(model.graph, "a", 2)];
  const by = async (refit: "bias" | "affine") => {
    const found = await reconstruct({ gpu, model, images, constraints, select: "flap", refit });
    return compareOutputs(await outputs(model, images), await outputs(found.model, images)).maxAbs;
  };
  assert.ok(await by("affine") < 0.9 * await by("bias"));
});

test("layers of too many taps are fitted by channels: a filter that another says goes all the same", async () => {
  const b = builder("wide", ["N", 1, 4, 4]);
  const hidden = b.relu(b.conv(b.input, { name: "a", out: 168, kernel: 1 }));
  b.gemm(b.flatten(b.conv(hidden, { name: "c", out: 2, kernel: 3, pad: 1 })), { name: "out", out: 3 });
  const model = doubled(modelOf(b.graph()), ["a.weight", "a.bias"], 0, 167);
  const images = imagesOf([1, 4, 4], 256);
  const constraints = [filtersOf(model.graph, "a", 167)];
  const error = async (refit: "affine" | "none") => {
    const found = await reconstruct({ gpu, model, images, constraints, refit });
    return compareOutputs(await outputs(model, images), await outputs(found.model, images)).maxRel;
  };
  assert.ok(await error("affine") < 0.1 * await error("none"));
});

test("MLPs, heads and what stands behind depthwise convolutions: each refit is nearer than plain removal, and proved", async () => {
  for (const name of ["deit-micro", "mobilenetv2-micro"]) {
    const graph = createModel(name, { size: 8, inChannels: 1 });
    const model = modelOf(graph);
    const images = imagesOf([1, 8, 8], 48);
    const able = constraintsOf(graph, [{ granularity: "filter", keep: 1 }])
      .filter((constraint) => reconstructionRefusal(constraint, graph) === undefined && constraint.groups < 200);
    const constraints = able.slice(0, 2).map((one) => ({ ...one, keep: Math.ceil(one.groups * 0.75) }));
    assert.ok(constraints.length > 1, name);
    const original = await outputs(model, images);
    const errors = new Map<string, number>();
    for (const refit of ["none", "affine"] as const) {
      const found = await reconstruct({ gpu, model, images, constraints, refit });
      errors.set(refit, compareOutputs(original, await outputs(found.model, images)).maxAbs);
      const small = compact(found.model, { columns: false, border: "keep" }).model;
      const { inputs, batch } = firstImages(images, 16);
      await assertEquivalent(gpu, found.model, small, inputs, batch);
    }
    assert.ok(errors.get("affine")! < errors.get("none")!, `${name}: ${[...errors]}`);
  }
});

test("as a criterion: of two filters that say the same the first to go costs little, and pruning takes it", async () => {
  const model = doubled(modelOf(norms), OF_A.filter((name) => name in norms.params), 1, 3);
  const criterion = criterionNamed("reconstruction");
  const constraints = [filtersOf(norms, "a", 3)];
  const data = imagesOf([1, 6, 6]);
  const scoresOf = async (of: Model) => {
    const gathered = await gatherFor({ gpu, model: of, criterion, constraints, data });
    return { gathered, scores: scoreGroups(criterion, constraints[0], { model: of, seed: 1, gathered }).scores };
  };
  const { gathered, scores } = await scoresOf(model);
  const order = rankGroups(scores).toReversed();
  const [gone] = order;
  assert.ok([1, 3].includes(gone), `${scores}`);
  // The other one stands for both from then on, and another filter may be as cheap as that by itself.
  assert.ok(scores[gone] < 0.05 * scores[4 - gone], `${scores}`);
  const asked = [{ granularity: "filter", layers: ["a"], keep: 0.75 }] as const;
  const pruned = prune(model, { criterion, evidence: gathered, constraints: asked });
  assert.equal([0, 1, 2, 3].filter((filter) => pruned.masks.get("a.weight")!.data[9 * filter] === 0), [gone]);
  const again = (await scoresOf(pruned.model)).scores;
  assert.is(again[gone], 0);
  assert.equal(rankGroups(again).at(-1), gone);
  const columns = [{ granularity: "column", layers: ["a"], keep: 0.5 }] as const;
  assert.throws(
    () => prune(model, { criterion, evidence: gathered, constraints: columns }),
    /^criterion reconstruction can't score a:column: reconstruction takes whole filters/,
  );
});

test("what can't be fitted anew is refused with the reader's name", async () => {
  const b = builder("grouped", ["N", 1, 4, 4]);
  const hidden = b.relu(b.conv(b.input, { name: "a", out: 8, kernel: 3, pad: 1 }));
  b.gemm(b.flatten(b.conv(hidden, { name: "g", out: 4, kernel: 3, group: 2 })), { name: "out", out: 3 });
  const graph = b.graph();
  assert.match(
    reconstructionRefusal(filtersOf(graph, "a", 8), graph)!,
    /Conv "g" reads its channels, and can't be fitted/,
  );
  assert.is(reconstructionRefusal(filtersOf(graph, "g", 4), graph), undefined);
  const [columns] = constraintsOf(graph, [{ granularity: "column", keep: 1, layers: ["a"] }]);
  assert.match(reconstructionRefusal(columns, graph)!, /whole filters/);
  const images = imagesOf([1, 4, 4], 4);
  const asked = { gpu, model: modelOf(graph), images, constraints: [filtersOf(graph, "a", 2)] };
  for (const prune of [reconstruct, removalCosts]) {
    const error = await prune(asked).then(() => undefined, (e: Error) => e);
    assert.match(error?.message ?? "", /^a:filter can't be pruned by reconstruction: Conv "g" reads/);
  }
});

test("images that are too few are told, with how many would do", async () => {
  const constraints = [filtersOf(norms, "a", 2)];
  const starved = async (count: number) =>
    (await reconstruct({ gpu, model: modelOf(norms), images: imagesOf([1, 6, 6], count), constraints })).starved;
  // 36 columns, and 36 positions of which 9 see the same number: 4 rows an image.
  assert.equal(await starved(8), [{ layer: "c", wanted: 9 }]);
  assert.equal(await starved(9), []);
});

test("costs rise by what outputs lose, divided as the layer's own error is, and never fall", () => {
  const gone = { order: [2, 0, 1, 3, 4], costs: [1, 3, 0, 0, 9] };
  const measured = [{ count: 0, loss: 0 }, { count: 2, loss: 0.4 }, { count: 4, loss: 1 }];
  const near = (found: Float64Array, wanted: readonly number[]) =>
    found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 1e-12, `${found}`));
  near(risingCosts(gone, measured), [0.1, 0.3, 0.3, 0.3, 0.3]);
  near(risingCosts(gone, [measured[0], { count: 2, loss: 0.4 }, { count: 4, loss: 0.2 }]), [0.1, 0.3, 0.3, 0.3, 0.3]);
  near(risingCosts({ ...gone, costs: [0, 0, 1, 1, 1] }, [{ count: 0, loss: 0 }, { count: 4, loss: 2 }]), [
    0,
    0,
    1,
    1,
    1,
  ]);
});

test("a layer that outputs mind costs more than one that they don't", async () => {
  const b = builder("two", ["N", 1, 4, 4]);
  const branch = (name: string) =>
    b.conv(b.relu(b.conv(b.input, { name: `${name}.in`, out: 4, kernel: 3, pad: 1 })), { name, out: 2, kernel: 1 });
  b.gemm(b.flatten(b.add(branch("loud"), branch("quiet"))), { name: "out", out: 3 });
  const random = modelOf(b.graph());
  const scaled = { shape: [2, 4, 1, 1], data: random.params.get("loud.weight")!.data.map((w) => w / 100) };
  const model = { graph: random.graph, params: new Map([...random.params, ["quiet.weight", scaled]]) };
  const constraints = ["loud.in", "quiet.in"].map((layer) => filtersOf(model.graph, layer, 4));
  const costs = await removalCosts({ gpu, model, images: imagesOf([1, 4, 4], 64), constraints });
  const [loud, quiet] = constraints.map(({ name }) => costs.get(name)!);
  assert.ok(loud.every((cost, i) => cost > 100 * quiet[i]), `${loud} and ${quiet}`);
});

test("outputs are compared with the network fitted anew, however many images are held at once", async () => {
  const model = modelOf(createModel("resnet8", { width: 0.25 }));
  const shape = model.graph.inputs[0].shape.slice(1) as [number, number, number];
  const images = imagesOf(shape, 5);
  const constraints = ["layer1.0.conv1", "layer3.0.conv1"].map((layer) => filtersOf(model.graph, layer, 2));
  const readers = await readersOf({ gpu, model, images, constraints }, model, constraints);
  const removals = constraints.map((constraint) => ({
    readers: readers.get(constraint)!,
    gone: { order: [1, 0, 3, 2], costs: [1, 1, 1, 1] },
    counts: [1, 3],
  }));
  const { inputs, batch } = firstImages(images, images.count);
  const original = await runPlan(gpu, model, inputs, batch);
  for (const mostBytes of [2 ** 28, 1]) {
    const losses = await lossesWithout({ gpu, model, images }, removals, mostBytes);
    for (const [r, { readers, gone, counts }] of removals.entries()) {
      for (const [i, count] of counts.entries()) {
        const groups = gone.order.slice(0, count);
        const without = readers.reduce((before, one) => withoutGroups(before, one, groups, "affine"), model);
        const expected = outputLoss(original, await runPlan(gpu, without, inputs, batch), batch);
        assert.ok(expected > 0 && Math.abs(losses[r][i] / expected - 1) < 1e-3, `${losses[r][i]}, ${expected}`);
      }
    }
  }
});

test("values in front of the layers that still change are kept, and what stands behind sees the same bits", async () => {
  const model = modelOf(createModel("resnet8", { width: 0.25 }));
  const images = imagesOf(model.graph.inputs[0].shape.slice(1) as [number, number, number], 6);
  const constraints = ["layer1.0.conv1", "layer2.0.conv1", "layer3.0.conv1"]
    .map((layer) => filtersOf(model.graph, layer, 2));
  for (const mostBytes of [2 ** 27, 20_000, 0]) {
    using settled = createSettledValues(gpu, mostBytes);
    let now = model;
    for (const constraint of constraints) {
      settled.settle(now, now.graph.nodes.findIndex(({ name }) => `${name}:filter` === constraint.name));
      const options = { gpu, model: now, data: images, constraints: [constraint], batch: 4 };
      const [found, whole] = [await gatherReads({ ...options, settled }), await gatherReads(options)];
      assert.equal([...found.patches], [...whole.patches], `${constraint.name}, ${mostBytes} bytes`);
      const [member] = constraint.members;
      const { shape, data } = now.params.get(member.param)!;
      const changed = { shape, data: data.map((w, i) => i % 3 === 0 ? 0 : w) };
      now = { graph: now.graph, params: new Map([...now.params, [member.param, changed]]) };
    }
  }
});

test.run();
