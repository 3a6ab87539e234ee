/** Criteria that look at gradients and activations: by numbers worked out by hand, and against what the network itself does. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { builder } from "../../src/graph/build.ts";
import type { Model } from "../../src/graph/types.ts";
import { zScore } from "../../src/prune/budget/z_score.ts";
import { independence } from "../../src/prune/criteria/chip.ts";
import { criterionNamed } from "../../src/prune/criteria/criteria.ts";
import { gatherFor } from "../../src/prune/criteria/gather.ts";
import { rankOf } from "../../src/prune/criteria/hrank.ts";
import { scoreGroups } from "../../src/prune/criteria/score.ts";
import { symmetricEigenvalues, symmetricEigenvectors } from "../../src/prune/criteria/symmetric_eigenvalues.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { singularValues } from "../../src/prune/reconstruct/score_fit.ts";
import { type ConstraintOptions, coupledConstraints } from "../../src/prune/structures/constraints.ts";
import type { GatheredEvidence } from "../../src/train/evidence/evidence.ts";
import { evaluateModel } from "../../src/train/evaluate.ts";
import { testGpu } from "../gpu.ts";
import { modelOf } from "./models.ts";

const test = suite("criteria by evidence");
const gpu = await testGpu();

const b = builder("g", ["N", 1, 2, 2]);
const hidden = b.relu(b.conv(b.input, { name: "a", out: 2, kernel: 1 }));
b.gemm(b.flatten(hidden), { name: "out", out: 2 });
const graph = b.graph();
const model = modelOf(graph, {
  "a.weight": [1, -2],
  "a.bias": [0.5, 1],
  "out.weight": [1, 2, 3, 4, 0, 1, 0, -1, 2, 0, 0, 1, 0, 0, 0, 0],
  "out.bias": [0, 0],
});

const NORMALIZATION = { scale: 255, mean: [0.5], std: [0.25] };
const NOTHING: GatheredEvidence = {
  samples: 4,
  activations: new Map(),
  magnitudes: new Map(),
  maps: new Map(),
  gradients: new Map(),
  parameters: new Map(),
  covariances: new Map(),
  patches: new Map(),
};

const of = (options: Partial<ConstraintOptions> & Pick<ConstraintOptions, "granularity">, layer: string) =>
  coupledConstraints(graph, { keep: 1, layers: [layer], ...options } as ConstraintOptions)[0];
const filters = of({ granularity: "filter" }, "a");
const scores = (name: string, constraint = filters, gathered: Partial<GatheredEvidence> = {}) => [
  ...scoreGroups(criterionNamed(name), constraint, { model, seed: 1, gathered: { ...NOTHING, ...gathered } }).scores,
];
const value = graph.nodes.find(({ name }) => name === "out")!.inputs[0];

test("taylor sums w·g over a group before it takes the magnitude, taylor-sum and snip after it, fisher w²·E[g²]", () => {
  const mean = Float64Array.of(3, 0.5, -1, 2, 0, 1, 0, 1, 1, 0, 0, -3, 0, 0, 0, 0);
  const parameters = new Map([["out.weight", { mean, meanSquare: mean.map((g) => 2 * g ** 2) }]]);
  const rows = of({ granularity: "weight" }, "out");
  const channels = of({ granularity: "channel" }, "out");
  // The two rows of out's weight: w·g = 3, 1, −3, 8, 0, 1, 0, −1 and 2, 0, 0, −3, 0, 0, 0, 0; eight channels of one column each.
  assert.equal(scores("taylor", channels, { parameters }), [5, 1, 3, 5, 0, 1, 0, 1]);
  assert.equal(scores("taylor-sum", channels, { parameters }), [5, 1, 3, 11, 0, 1, 0, 1]);
  assert.equal(scores("snip", channels, { parameters }), scores("taylor-sum", channels, { parameters }));
  assert.equal(scores("taylor", rows, { parameters }).slice(0, 4), [3, 1, 3, 8]);
  assert.equal(scores("fisher", channels, { parameters }), [18 + 8, 2, 18, 128 + 18, 0, 2, 0, 2]);
});

test("activation and apoz are means over the pixels of a channel, as the layer behind the Flatten reads them", () => {
  const magnitudes = new Map([[value, {
    meanAbs: Float64Array.of(1, 2, 3, 6, 0, 0, 0, 4),
    positive: Float64Array.of(1, 1, 0.5, 0.5, 0, 0, 0, 1),
  }]]);
  assert.equal(scores("activation", filters, { magnitudes }), [3, 1]);
  assert.equal(scores("apoz", filters, { magnitudes }), [0.75, 0.25]);
  assert.throws(() => scores("activation", of({ granularity: "weight" }, "out")), /looks at whole channels/);
});

test("wanda weighs each weight by the norm of what it reads, flap its square by the variance", () => {
  const activations = new Map([[value, {
    count: 4,
    mean: Float64Array.of(0, 1, 0, 0, 0, 0, 0, 0),
    meanSquare: Float64Array.of(1, 4, 9, 16, 25, 0, 0, 1),
  }]]);
  // |w| of the first filter's columns: 1 + 2, 2, 3, 4 + 1; of the second's: 0, 1, 0, 1. Norms 1, 2, 3, 4 and 5, 0, 0, 1.
  assert.equal(scores("wanda", filters, { activations }), [3 + 4 + 9 + 20, 1]);
  // Σw²: 5, 4, 9, 17 and 0, 1, 0, 1. Variances 1, 3, 9, 16 and 25, 0, 0, 1.
  assert.equal(scores("flap", filters, { activations }), [5 + 12 + 81 + 17 * 16, 1]);
  const weights = scores("wanda", of({ granularity: "weight" }, "out"), { activations });
  assert.equal(weights.slice(0, 9), [1, 4, 9, 16, 0, 0, 0, 1, 2]);
});

test("a transposed convolution reads a channel by each row of its weight, a depthwise one as well", () => {
  for (
    const { group, shape, weights, expected } of [
      // [C, F, 1, 2]: the first six weights read the first channel.
      {
        group: 1,
        shape: [2, 3, 1, 2],
        weights: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -2],
        expected: [3, 3, 3, 3, 3, 3, 5, 5, 5, 5, 5, 10],
      },
      { group: 2, shape: [2, 1, 1, 2], weights: [1, -2, 3, 4], expected: [3, 6, 15, 20] },
    ]
  ) {
    const b = builder("up", ["N", 2, 2, 2]);
    const weight = b.param("up.weight", shape, "weight");
    b.node("ConvTranspose", [b.input, weight], { group, strides: [1, 2] }, "up");
    const graph = b.graph();
    const activations = new Map([[graph.inputs[0].name, {
      count: 4,
      mean: new Float64Array(2),
      meanSquare: Float64Array.of(9, 25),
    }]]);
    const [constraint] = coupledConstraints(graph, { granularity: "weight", keep: 1, layers: ["up"] });
    const { scores } = scoreGroups(criterionNamed("wanda"), constraint, {
      model: modelOf(graph, { "up.weight": weights }),
      seed: 1,
      gathered: { ...NOTHING, activations },
    });
    // Norms of the channels: 3 and 5.
    assert.equal([...scores], expected);
  }
});

test("eigenvalues of symmetric matrices: known ones, repeated ones, and sums and products of random ones", () => {
  const of = (...numbers: number[]) =>
    [...symmetricEigenvalues(Float64Array.from(numbers), Math.sqrt(numbers.length))].sort((a, b) => a - b);
  const near = (found: number[], expected: number[]) =>
    expected.forEach((value, i) => assert.ok(Math.abs(found[i] - value) < 1e-12 * (1 + Math.abs(value)), `${found}`));
  near(of(7), [7]);
  near(of(2, 1, 1, 2), [1, 3]);
  // The second difference on three places: 2 − 2·cos(kπ/4).
  near(of(2, -1, 0, -1, 2, -1, 0, -1, 2), [2 - Math.SQRT2, 2, 2 + Math.SQRT2]);
  near(of(0, 0, 0, 0), [0, 0]);
  near(of(1, 0, 1, 0, 2, 0, 1, 0, 1), [0, 2, 2]);
  for (const n of [5, 16, 33]) {
    const a = random(n, "symmetric").fillNormal(new Float64Array(n * n), 0);
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) a[j * n + i] = a[i * n + j];
    const found = symmetricEigenvalues(a, n);
    const trace = Array.from({ length: n }, (_, i) => a[i * n + i]).reduce((s, v) => s + v, 0);
    near([found.reduce((s, v) => s + v, 0)], [trace]);
    // The sum of squares is that of all numbers.
    near([found.reduce((s, v) => s + v * v, 0)], [a.reduce((s, v) => s + v * v, 0)]);
  }
});

test("eigenvectors are orthonormal and make the matrix again, also where eigenvalues repeat", () => {
  const drawn = [2, 5, 16, 33].map((n) => random(n, "symmetric").fillNormal(new Float64Array(n * n), 0));
  const known = [Float64Array.of(3), new Float64Array(9), Float64Array.of(1, 0, 1, 0, 2, 0, 1, 0, 1)];
  for (const a of [...drawn, ...known]) {
    const n = Math.sqrt(a.length);
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) a[j * n + i] = a[i * n + j];
    const { values, vectors } = symmetricEigenvectors(a, n);
    assert.equal(values, symmetricEigenvalues(a, n));
    const dot = (weight: (k: number) => number, at: (k: number) => readonly [number, number]) =>
      Array.from({ length: n }, (_, k) => weight(k) * vectors[at(k)[0]] * vectors[at(k)[1]]).reduce((s, v) => s + v, 0);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const product = dot(() => 1, (k) => [i * n + k, j * n + k]);
        assert.ok(Math.abs(product - (i === j ? 1 : 0)) < 1e-12, `rows ${i} and ${j} of ${n}: ${product}`);
        const made = dot((k) => values[k], (k) => [k * n + i, k * n + j]);
        assert.ok(Math.abs(made - a[i * n + j]) < 1e-12 * n, `${made} instead of ${a[i * n + j]}`);
      }
    }
  }
});

test("hrank is the rank of maps that were made with it, wide, high and empty", () => {
  const made = (rows: number, columns: number, rank: number) => {
    const draw = (name: string, count: number) => random(rank, name).fillNormal(new Float64Array(count), 0);
    const [left, right] = [draw("left", rows * rank), draw("right", rank * columns)];
    return Float64Array.from(
      { length: rows * columns },
      (_, i) =>
        Math.fround(
          Array.from(
            { length: rank },
            (_, r) => left[Math.floor(i / columns) * rank + r] * right[r * columns + i % columns],
          )
            .reduce((s, v) => s + v, 0),
        ),
    );
  };
  for (const [rows, columns, rank] of [[6, 6, 1], [6, 6, 4], [3, 9, 2], [9, 3, 3]]) {
    assert.is(rankOf(made(rows, columns, rank), rows, columns), rank, `${rows}×${columns}`);
  }
  assert.is(rankOf(new Float64Array(12), 3, 4), 0);
  // Of two rows and columns singular values above 2 · 2⁻²³ of the largest count: 2.4e-7.
  assert.is(rankOf(Float64Array.of(1, 0, 0, 3e-7), 2, 2), 2);
  assert.is(rankOf(Float64Array.of(1, 0, 0, 2e-7), 2, 2), 1);
});

test("chip is what a row takes from the nuclear norm: of orthogonal rows its length, of what others say nothing new", () => {
  const near = (found: Float64Array, expected: number[]) =>
    expected.forEach((value, i) => assert.ok(Math.abs(found[i] - value) < 1e-9, `${found}`));
  near(independence(Float64Array.of(3, 4, 0, 0, 0, 0, 0, 2), 2, 4), [5, 2]);
  // Two equal rows (1, 0): the norm is √2, and 1 without one of them. The third stands alone.
  near(independence(Float64Array.of(1, 0, 1, 0, 0, 3), 3, 2), [Math.SQRT2 - 1, Math.SQRT2 - 1, 3]);
  // As many rows as columns, by singular values worked out by hand: of (1, 1; 0, 1) they are (√5 ± 1)/2, in sum √5.
  near(independence(Float64Array.of(1, 1, 0, 1), 2, 2), [Math.sqrt(5) - 1, Math.sqrt(5) - Math.SQRT2]);
});

test("chip is the difference of sums of singular values, found by rotations of the maps themselves", () => {
  for (const [rows, columns] of [[5, 5], [3, 7], [7, 4]]) {
    const maps = random(rows, "maps").fillNormal(new Float64Array(rows * columns), 0);
    const side = Math.max(rows, columns);
    // Rows and columns of zeros add singular values of 0.
    const norm = (without?: number) => {
      const square = Float64Array.from({ length: side * side }, (_, e) => {
        const [r, c] = [Math.floor(e / side), e % side];
        return r < rows && c < columns && r !== without ? maps[r * columns + c] : 0;
      });
      return singularValues(square, side).values.reduce((sum, value) => sum + value, 0);
    };
    independence(maps, rows, columns).forEach((found, j) =>
      assert.ok(Math.abs(found - (norm() - norm(j))) < 1e-7, `${found} instead of ${norm() - norm(j)}`)
    );
  }
});

test("maps are those of the layer that reads them, image by image", async () => {
  const b = builder("g", ["N", 1, 2, 2]);
  b.globalAveragePool(
    b.conv(b.relu(b.conv(b.input, { name: "a", out: 2, kernel: 1 })), { name: "b", out: 2, kernel: 1 }),
  );
  const graph = b.graph();
  const model = modelOf(graph, { "a.weight": [1, 0], "a.bias": [0, 1] });
  const [constraint] = coupledConstraints(graph, { granularity: "filter", keep: 1, layers: ["a"] });
  // Pixels (p / 255 − 0.5) / 0.25: a map of rank 2, one of rank 1, and one that ReLU empties; the other channel is 1 everywhere.
  const images = Uint8Array.of(255, 0, 0, 255, 255, 255, 200, 200, 0, 0, 0, 0);
  const data = { name: "three", count: 3, classes: 2, shape: [1, 2, 2] as const, images, normalization: NORMALIZATION };
  const criterion = criterionNamed("hrank");
  const gathered = await gatherFor({ gpu, model, data, criterion, constraints: [constraint], batch: 2 });
  assert.equal(gathered!.maps.values().next().value!.shape, [3, 2, 2, 2]);
  assert.equal([...scoreGroups(criterion, constraint, { model, seed: 1, gathered }).scores], [(2 + 1 + 0) / 3, 1]);
  assert.throws(() => scores("hrank", filters), /no layer reads its channels as images/);
});

test("the rule z-score standardises within a layer", () => {
  const worth = (...scores: number[]) => {
    const layer = { scores: Float64Array.from(scores), shapes: [[2, 1]] };
    return [...zScore.worth(layer.scores, 1, layer, [layer])];
  };
  assert.equal(worth(1, 3), [-1, 1]);
  assert.equal(worth(2, 2), [0, 0]);
});

test("snip is the change of the loss by a mask, and taylor that of leaving a whole filter's weights, to first order", async () => {
  const data = {
    name: "four",
    count: 4,
    shape: [1, 2, 2] as const,
    classes: 2,
    images: Uint8Array.from({ length: 16 }, (_, i) => 97 * i % 256),
    normalization: NORMALIZATION,
    labels: Uint16Array.of(0, 1, 1, 0),
  };
  const constraints = [filters, of({ granularity: "weight" }, "out")];
  const gathered = await gatherFor({ gpu, model, data, criterion: criterionNamed("snip"), constraints });
  const lossAt = async (changed: Model) => (await evaluateModel(gpu, changed, data)).loss;
  const scaled = (param: string, factor: (i: number) => number): Model => {
    const { shape, data } = model.params.get(param)!;
    return { graph, params: new Map([...model.params, [param, { shape, data: data.map((w, i) => w * factor(i)) }]]) };
  };
  const step = 0.01;
  const slope = async (param: string, inside: (i: number) => boolean) => {
    const at = async (m: number) => await lossAt(scaled(param, (i) => inside(i) ? m : 1));
    return (await at(1 + step) - await at(1 - step)) / (2 * step);
  };
  const close = (found: number, expected: number) =>
    assert.ok(Math.abs(found - Math.abs(expected)) < 2e-3 * (1 + Math.abs(expected)), `${found} ${expected}`);
  const snip = scores("snip", constraints[1], gathered);
  for (const i of [0, 3, 8]) close(snip[i], await slope("out.weight", (at) => at === i));
  const taylor = scores("taylor", filters, gathered);
  for (const f of [0, 1]) close(taylor[f], await slope("a.weight", (at) => at === f));
});

test("what was gathered is needed and checked: none, no labels, a layer that can't be scored", async () => {
  assert.throws(
    () => prune(model, { criterion: "taylor", budget: { macs: 0.6 } }),
    /criterion taylor looks at gradients, and none were gathered: .* gatherFor/,
  );
  const data = {
    name: "one",
    count: 1,
    classes: 2,
    shape: [1, 2, 2] as const,
    images: new Uint8Array(4),
    normalization: NORMALIZATION,
  };
  const of = (name: string) => gatherFor({ gpu, model, data, criterion: criterionNamed(name), constraints: [filters] });
  assert.is(await of("l2"), undefined);
  const error = await of("taylor").then(() => undefined, (error) => error);
  assert.match(error.message, /criterion taylor learns from labels, and the images have none/);
  const evidence = (await of("activation"))!;
  assert.is(evidence.samples, 1);
  assert.is(prune(model, { criterion: "activation", budget: { macs: 0.6 }, evidence }).kept[0].keep, 1);
});

test("no images, and images of one class where labels are learnt from, are refused by name", async () => {
  const images = { name: "some", count: 3, classes: 2, shape: [1, 2, 2] as const, normalization: NORMALIZATION };
  const given = (labels: number[], more: { count?: number; images?: number } = {}, name = "fisher") => {
    const data = { ...images, images: new Uint8Array(12), labels: Uint16Array.from(labels), count: more.count ?? 3 };
    const criterion = criterionNamed(name);
    return gatherFor({ gpu, model, data, criterion, constraints: [filters], images: more.images })
      .then(() => "", (e: Error) => e.message);
  };
  assert.match(
    await given([1, 1, 1]),
    /^criterion fisher learns from labels, and the 3 images are all of class 1: give/,
  );
  assert.match(await given([1, 1, 0], { images: 2 }), /the 2 images are all of class 1/);
  assert.is(await given([1, 1, 0]), "");
  assert.is(await given([1, 1, 1], {}, "activation"), "");
  assert.match(
    await given([], { count: 0 }, "activation"),
    /^criterion activation looks at images, and there are none/,
  );
});

test.run();
