/**
 * The structures that leave zeros in place, against their definitions: plain loops over filters, channels and taps, on integer
 * weights full of ties, so that host and device must keep exactly the same numbers.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import type { Model } from "../../src/graph/types.ts";
import { createAdmm } from "../../src/prune/methods/admm.ts";
import { solveBudget } from "../../src/prune/budget/budget.ts";
import { coupledConstraints, prunableLayers, settlePatterns } from "../../src/prune/structures/constraints.ts";
import { maskModel, masksOf } from "../../src/prune/structures/masks.ts";
import { criterionNamed } from "../../src/prune/criteria/criteria.ts";
import { oneShot } from "../../src/prune/methods/one_shot.ts";
import { patternLibrary } from "../../src/prune/structures/pattern.ts";
import { keptGroups } from "../../src/prune/structures/selection.ts";
import { structureName } from "../../src/prune/structures/structures.ts";
import type { Structure } from "../../src/prune/structures/types.ts";
import { violations } from "../../src/prune/structures/violations.ts";
import { createTrainState } from "../../src/train/state.ts";
import { testGpu } from "../gpu.ts";
import { energiesOf, modelOf } from "./models.ts";

const test = suite("sparsity");

/** [F, C, KH, KW] of a convolution's weight; C·groups input channels. */
type Shape = readonly [F: number, C: number, KH: number, KW: number];

function convModel([F, C, KH, KW]: Shape, most: number, group = 1): Model {
  const b = builder("g", ["N", C * group, 7, 7]);
  b.conv(b.input, { name: "a", out: F, kernel: [KH, KW], bias: false, group });
  let state = F * 7919 + C * 31 + KH;
  const weights = Array.from({ length: F * C * KH * KW }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * (2 * most + 1)) - most;
  });
  return modelOf(b.graph(), { "a.weight": weights });
}

/** The group of element (f, c, kh, kw), as any text that tells groups apart, in the order of their indices. */
type GroupOf = (at: { f: number; c: number; kh: number; kw: number }, shape: Shape) => readonly number[];

const grouped: [Structure, GroupOf, Shape[]][] = [
  [
    { granularity: "block", block: [4, 4] },
    ({ f, c, kh, kw }, [, , KH, KW]) => [f >> 2, ((c * KH + kh) * KW + kw) >> 2],
    [[5, 3, 3, 3], [8, 4, 1, 1], [9, 2, 5, 3]],
  ],
  [
    { granularity: "block", block: [2, 3] },
    ({ f, c, kh, kw }, [, , KH, KW]) => [f >> 1, Math.floor(((c * KH + kh) * KW + kw) / 3)],
    [[1, 1, 3, 3], [7, 5, 1, 1]],
  ],
  [
    { granularity: "block-punched", block: [4, 2] },
    ({ f, c, kh, kw }) => [f >> 2, c >> 1, kh, kw],
    [[5, 3, 3, 3], [8, 2, 1, 5], [3, 1, 5, 5]],
  ],
  [{ granularity: "kernel" }, ({ f, c }) => [f, c], [[5, 3, 3, 3], [3, 2, 5, 1]]],
  [{ granularity: "vector", direction: "row" }, ({ f, c, kh }) => [f, c, kh], [[5, 3, 3, 3], [2, 3, 1, 5]]],
  [{ granularity: "vector", direction: "column" }, ({ f, c, kw }) => [f, c, kw], [[5, 3, 3, 3], [2, 3, 5, 1]]],
];

for (const [structure, groupOf, shapes] of grouped) {
  test(`${structureName(structure)}: the groups of largest energy stay, on host and device`, async () => {
    for (const shape of shapes) {
      const model = convModel(shape, 2);
      const weights = model.params.get("a.weight")!.data;
      const ids = elementsOf(shape).map((at) => groupOf(at, shape));
      const keys = [...new Set(ids.map(String))].sort((a, b) => compare(a, b));
      const energies = new Map(keys.map((key) => [key, 0]));
      ids.forEach((id, e) => energies.set(String(id), energies.get(String(id))! + weights[e] ** 2));
      const ranked = keys.toSorted((a, b) => energies.get(b)! - energies.get(a)! || keys.indexOf(a) - keys.indexOf(b));
      const keep = Math.max(1, Math.round(keys.length * 0.4));
      const stays = new Set(ranked.slice(0, keep));
      const expected = weights.map((w, e) => stays.has(String(ids[e])) ? w : 0);
      await assertPruned(model, structure, 0.4, expected);
    }
  });
}

for (const [n, m] of [[2, 4], [1, 4], [3, 7], [1, 2]]) {
  test(`${n}:${m}: the n largest of each m along a row, ties to the lower index`, async () => {
    for (const shape of [[5, 3, 3, 3], [4, 4, 1, 1], [3, 13, 1, 1], [2, 4, 2, 2]] as Shape[]) {
      const model = convModel(shape, 2);
      const weights = model.params.get("a.weight")!.data;
      const row = shape[1] * shape[2] * shape[3];
      const expected = weights.map((w, e) => {
        const first = e - e % row % m;
        const run = [...weights.subarray(first, Math.min(first + m, e - e % row + row))];
        const before = run.filter((v, i) =>
          Math.abs(v) > Math.abs(w) || (Math.abs(v) === Math.abs(w) && first + i < e)
        );
        return before.length < n ? w : 0;
      });
      await assertPruned(model, { granularity: "n:m", n, m }, 1, expected);
    }
  });
}

test("a library: the centre and the three largest others, the most frequent first", () => {
  const kernel = (...large: number[]) => Array.from({ length: 9 }, (_, k) => large.includes(k) ? 5 : k === 4 ? 0.1 : 1);
  const bits = (...taps: number[]) => taps.reduce((sum, k) => sum | 1 << k, 0);
  const weights = [
    ...kernel(0, 1, 2),
    ...kernel(6, 7, 8),
    ...kernel(6, 7, 8),
    ...Array(9).fill(0),
    ...Array(9).fill(1),
  ];
  assert.equal(patternLibrary(weights, 8), [bits(0, 1, 2, 4), bits(4, 6, 7, 8)]);
  assert.equal(patternLibrary(weights, 1), [bits(0, 1, 2, 4)]);
  assert.is(patternLibrary(new Float32Array(9), 8).length, 1);
});

test("patterns with connectivity: best of all pairs of kernels and patterns", async () => {
  for (const [shape, keep] of [[[5, 3, 3, 3], 1], [[4, 7, 3, 3], 0.3], [[1, 2, 3, 3], 0.5]] as [Shape, number][]) {
    const model = convModel(shape, 3);
    const weights = model.params.get("a.weight")!.data;
    const patterns = patternLibrary(weights, 4);
    const kernels = shape[0] * shape[1];
    const best = Array.from({ length: kernels }, (_, q) => {
      const sums = patterns.map((p) =>
        [...weights.subarray(9 * q, 9 * q + 9)].reduce((sum, w, k) => sum + (p >> k & 1) * w * w, 0)
      );
      const energy = Math.max(...sums);
      return { q, energy, pattern: patterns[sums.indexOf(energy)] };
    });
    const kept = best.toSorted((a, b) => b.energy - a.energy || a.q - b.q).slice(0, Math.round(kernels * keep));
    const expected = new Float32Array(weights.length);
    for (const { q, pattern } of kept) {
      for (let k = 0; k < 9; k++) if (pattern >> k & 1) expected[9 * q + k] = weights[9 * q + k];
    }
    await assertPruned(model, { granularity: "pattern", library: 4 }, keep, expected);
  }
});

test("grouped convolutions take kernels, patterns, vectors and n:m", async () => {
  const model = convModel([4, 2, 3, 3], 2, 2);
  const weights = model.params.get("a.weight")!.data;
  const energies = Array.from(
    { length: 8 },
    (_, q) => weights.subarray(9 * q, 9 * q + 9).reduce((sum, w) => sum + w ** 2, 0),
  );
  const strongest = Array.from(energies.keys()).sort((a, b) => energies[b] - energies[a] || a - b).slice(0, 4);
  const expected = weights.map((w, e) => strongest.includes(Math.floor(e / 9)) ? w : 0);
  await assertPruned(model, { granularity: "kernel" }, 0.5, expected);
  const { graph } = model;
  for (const granularity of ["pattern", "vector", "n:m"] as const) {
    assert.equal(prunableLayers(graph, { granularity, library: 8, direction: "row", n: 2, m: 4 } as Structure), ["a"]);
  }
});

test("a layer that can't have a structure says why", () => {
  const b = builder("g", ["N", 4, 7, 7]);
  let x = b.conv(b.input, { name: "grouped", out: 4, kernel: 3, group: 2 });
  x = b.conv(x, { name: "point", out: 4, kernel: 1 });
  x = b.conv(x, { name: "wide", out: 4, kernel: [1, 5] });
  x = b.conv(x, { name: "stem", out: 2, kernel: 1 });
  b.gemm(b.flatten(x), { name: "fc", out: 3 });
  const graph = b.graph();
  const cases: [Structure, string, RegExp][] = [
    [
      { granularity: "block", block: [4, 4] },
      "grouped",
      /filters of a grouped convolution don't read the same columns/,
    ],
    [{ granularity: "block-punched", block: [4, 4] }, "grouped", /don't read the same channels/],
    [{ granularity: "block-punched", block: [4, 4] }, "point", /its kernels are 1×1: single weights/],
    [{ granularity: "kernel" }, "fc", /a fully connected layer has no kernels/],
    [{ granularity: "pattern", library: 8 }, "point", /its kernels are 1×1: single weights/],
    [{ granularity: "pattern", library: 8 }, "wide", /its kernels are 1×5, patterns are of 3×3/],
    [{ granularity: "vector", direction: "column" }, "wide", /the columns of its 1×5 kernels are single weights/],
    [{ granularity: "n:m", n: 4, m: 8 }, "stem", /its rows of 4 weights have nothing beyond 4/],
  ];
  for (const [structure, layer, why] of cases) {
    const make = () => coupledConstraints(graph, { ...structure, keep: 0.5, layers: [layer] });
    assert.throws(make, new RegExp(`layer "${layer}" can't be pruned by ${structure.granularity}: `));
    assert.throws(make, why);
  }
});

test("a budget counts zeros in place, finds how many kernels stay, and leaves n:m alone", () => {
  const model = convModel([8, 6, 3, 3], 9);
  const solve = (structure: Structure, params: number) => {
    const given = coupledConstraints(model.graph, { ...structure, keep: 1 });
    const constraints = settlePatterns(given, model.params);
    return solveBudget(model.graph, constraints, constraints.map((c) => energiesOf(c, model)), {
      target: { params },
    });
  };
  const patterns = solve({ granularity: "pattern", library: 8 }, 0.25);
  assert.equal([patterns.constraints[0].keep, patterns.params], [27, 108]);
  const runs = solve({ granularity: "n:m", n: 2, m: 4 }, 0.6);
  assert.equal([runs.constraints[0].keep, runs.params], [8 * 28, 8 * 28]);
  assert.throws(() => solve({ granularity: "n:m", n: 2, m: 4 }, 0.4), /0.4 of the params can't be reached/);
});

test("numbers outside of a structure are found", () => {
  const model = convModel([2, 1, 3, 3], 1);
  const outside = (structure: Structure, weights: readonly number[]) => {
    const params = new Map([["a.weight", { shape: [2, 1, 3, 3], data: Float32Array.from(weights) }]]);
    return violations(coupledConstraints(model.graph, { ...structure, keep: 1 })[0], params);
  };
  const runs: Structure = { granularity: "n:m", n: 2, m: 4 };
  assert.is(outside(runs, [1, 0, 1, 0, 0, 2, 2, 0, 5, ...Array(9).fill(0)]), 0);
  // A run ends with its row.
  assert.is(outside(runs, [1, 0, 1, 0, 0, 2, 2, 3, 5, 5, 0, 5, 5, ...Array(5).fill(0)]), 2);
  const [one, two] = [[1, 1, 0, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0, 1, 1]];
  assert.is(outside({ granularity: "pattern", library: 2 }, [...one, ...two]), 0);
  assert.is(outside({ granularity: "pattern", library: 1 }, [...one, ...two]), 4);
  assert.is(outside({ granularity: "pattern", library: 8 }, [...one, ...one.map((w) => w + 1)]), 5);
  assert.is(outside({ granularity: "kernel" }, Array(18).fill(1)), 0);
});

/** On the host by magnitude, and on the device by a hard prune and by an ADMM step, the network keeps exactly `expected`. */
async function assertPruned(model: Model, structure: Structure, keep: number, expected: Float32Array): Promise<void> {
  const what = `${structureName(structure)} of [${model.params.get("a.weight")!.shape}]`;
  const given = coupledConstraints(model.graph, { ...structure, keep, layers: ["a"] });
  const constraints = settlePatterns(given, model.params);
  const onHost = maskModel(model, oneShot(model, new Map(), constraints, { criterion: criterionNamed("l2"), seed: 1 }));
  assert.equal([...onHost.params.get("a.weight")!.data], [...expected].map((w) => w + 0), `${what}, host`);
  const gpu = await testGpu();
  const state = createTrainState(gpu, [model.graph], model.params);
  const admm = createAdmm(state, constraints, { rhos: [1] });
  try {
    admm.start();
    const z = (await admm.snapshot()).get(`z/${constraints[0].name}/a.weight`)!.data;
    assert.equal([...z].map((w) => w + 0), [...expected].map((w) => w + 0), `${what}, Z = Π(W)`);
    await admm.hardPrune();
    const { data } = (await state.download()).get("a.weight")!;
    assert.equal([...data].map((w) => w + 0), [...expected].map((w) => w + 0), `${what}, hard prune`);
  } finally {
    admm.dispose();
    state.dispose();
  }
  // By lot the same shape comes out.
  const [constraint] = constraints;
  const random = maskModel(
    model,
    oneShot(model, new Map(), constraints, { criterion: criterionNamed("random"), seed: 3 }),
  );
  const energies = energiesOf(constraint, random);
  assert.ok(energies.filter((energy) => energy > 0).length <= constraint.keep, `${what}, random`);
  const all = masksOf([{ constraint, kept: keptGroups(constraint, energies) }], random.params);
  assert.equal(maskModel(random, all).params.get("a.weight")!.data, random.params.get("a.weight")!.data, what);
}

function elementsOf([F, C, KH, KW]: Shape) {
  const all: { f: number; c: number; kh: number; kw: number }[] = [];
  for (let f = 0; f < F; f++) {
    for (let c = 0; c < C; c++) {
      for (let kh = 0; kh < KH; kh++) {
        for (let kw = 0; kw < KW; kw++) all.push({ f, c, kh, kw });
      }
    }
  }
  return all;
}

/** Tuples of numbers as text, by their numbers. */
function compare(a: string, b: string): number {
  const [x, y] = [a, b].map((text) => text.split(",").map(Number));
  const at = x.findIndex((n, i) => n !== y[i]);
  return at < 0 ? 0 : x[at] - y[at];
}

test.run();
