import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Arena, type ArenaLayout, arenaLayout, createArena } from "../../src/tensor/arena.ts";
import {
  addPenalty,
  applyMask,
  createOptimizer,
  type Optimizer,
  type OptimizerOptions,
  type Segment,
} from "../../src/tensor/optimizer.ts";
import { testGpu } from "../gpu.ts";

const test = suite("optimizer");

const layout = arenaLayout([{ name: "conv", shape: [7, 3, 3] }, { name: "bias", shape: [65] }, {
  name: "fc",
  shape: [10, 31],
}, { name: "still", shape: [5] }]);
const treatment: Record<string, Segment> = {
  conv: { weightDecay: 0.05, rho: 0.3 },
  fc: { weightDecay: 0.01, rho: 0.1, lrScale: 0.5 },
  still: { weightDecay: 1, frozen: true },
};

const methods: OptimizerOptions[] = [
  { kind: "sgd" },
  { kind: "sgd", momentum: 0 },
  { kind: "sgd", momentum: 0.8, form: "nesterov" },
  { kind: "adam" },
  { kind: "adamw", beta1: 0.8, beta2: 0.99, epsilon: 1e-6 },
];
const extras: { pull: boolean; mask: boolean }[] = [
  { pull: false, mask: false },
  { pull: true, mask: false },
  { pull: false, mask: true },
  { pull: true, mask: true },
];

for (const method of methods) {
  for (const { pull, mask } of extras) {
    const what = `${JSON.stringify(method)}${pull ? " + pull" : ""}${mask ? " + mask" : ""}`;
    test(`${what}: 30 steps equal the float64 loop`, async () => {
      const gpu = await testGpu();
      using weights = filled(gpu, 1);
      using gradients = filled(gpu, 2);
      using target = filled(gpu, 3);
      using masks = filled(gpu, 4, (v) => Number(v > -0.3));
      // Three windows: 64 + 64 blocks and the rest.
      using optimizer = createOptimizer(gpu, layout, { ...method, windowBytes: 1024 });
      optimizer.setSegments((name) => treatment[name]);
      const host = [1, 2, 3, 4].map((seed) => Float64Array.from(hostValues(seed)));
      if (mask) host[3] = host[3].map((v) => Number(v > -0.3));
      const oracle = reference(method, host[0], pull ? host[2] : undefined, mask ? host[3] : undefined);
      for (let t = 1; t <= 30; t++) {
        const lr = 0.02 / (1 + t / 10);
        const g = hostValues(100 + t);
        gpu.write(gradients, g);
        optimizer.step({ lr, weights, gradients, target: pull ? target : undefined, mask: mask ? masks : undefined });
        oracle.step(lr, g);
      }
      close(await whole(weights), oracle.w);
      close(await whole([...optimizer.state.values()][0]), oracle.m);
      if (method.kind !== "sgd") close(await whole(optimizer.state.get("moment2")!), oracle.v);
    });
  }
}

test("masked weights and momenta stay exactly 0 for 1,000 momentum steps", async () => {
  const gpu = await testGpu();
  using weights = filled(gpu, 1);
  using gradients = filled(gpu, 2);
  using target = filled(gpu, 3);
  using mask = filled(gpu, 4, (v) => Number(v > 0));
  using optimizer = createOptimizer(gpu, layout, { kind: "sgd", momentum: 0.9 });
  optimizer.setSegments(() => ({ weightDecay: 1e-3, rho: 0.01 }));
  for (let t = 0; t < 1000; t++) optimizer.step({ lr: 1e-3, weights, gradients, target, mask });
  const kept = await whole(mask);
  const [w, m] = [await whole(weights), await whole(optimizer.state.get("momentum")!)];
  kept.forEach((keep, i) => {
    if (keep === 0) assert.ok(Object.is(w[i], 0) && Object.is(m[i], 0), `element ${i}: ${w[i]}, ${m[i]}`);
  });
  assert.ok(w.filter((v, i) => kept[i] === 1 && v !== 0).length > 100);
});

test("a mask clears NaN, infinity and −0, by a step and by applyMask", async () => {
  const gpu = await testGpu();
  using weights = filled(gpu, 1);
  using gradients = filled(gpu, 2);
  using mask = createArena(gpu, layout, "mask");
  const bad = new Float32Array(layout.elements).map((_, i) => [NaN, Infinity, -0, -3][i % 4]);
  gpu.write(weights, bad);
  applyMask(gpu, weights, mask);
  assert.ok((await whole(weights)).every((v) => Object.is(v, 0)));
  for (const kind of ["sgd", "adam"] as const) {
    using optimizer = createOptimizer(gpu, layout, { kind });
    gpu.write(weights, bad);
    gpu.write(gradients, bad);
    optimizer.step({ lr: 1, weights, gradients, mask });
    assert.ok((await whole(weights)).every((v) => Object.is(v, 0)), kind);
    for (const moment of optimizer.state.values()) assert.ok((await whole(moment)).every((v) => Object.is(v, 0)));
  }
});

test("restored moments and step count go on in the same bits", async () => {
  const gpu = await testGpu();
  const run = async (from: number, to: number, start?: Awaited<ReturnType<typeof snapshot>>) => {
    using weights = filled(gpu, 1);
    using gradients = filled(gpu, 2);
    using optimizer = createOptimizer(gpu, layout, { kind: "adam" });
    if (start) {
      weights.upload(start.weights);
      for (const [name, values] of start.state) optimizer.state.get(name)!.upload(values);
      optimizer.steps = from;
    }
    for (let t = from; t < to; t++) optimizer.step({ lr: 0.01, weights, gradients });
    return await snapshot(weights, optimizer);
  };
  assert.equal(await run(5, 12, await run(0, 5)), await run(0, 12));
});

test("reset clears moments and t; arenas of another layout are refused", async () => {
  const gpu = await testGpu();
  using weights = filled(gpu, 1);
  using gradients = filled(gpu, 2);
  using optimizer = createOptimizer(gpu, layout, { kind: "adam" });
  optimizer.step({ lr: 0.01, weights, gradients });
  optimizer.reset();
  assert.is(optimizer.steps, 0);
  for (const moment of optimizer.state.values()) assert.ok((await whole(moment)).every((v) => v === 0));
  using other = createArena(gpu, [{ name: "a", shape: [3] }], "other");
  assert.throws(() => optimizer.step({ lr: 1, weights: other, gradients }), /an arena of 256 bytes, its layout has/);
  assert.throws(() => applyMask(gpu, weights, other), /not two arenas of one layout/);
});

/** The formulas of torch.optim.SGD, Adam and AdamW with pull and mask, element by element in float64. */
function reference(method: OptimizerOptions, start: Float64Array, pull?: Float64Array, mask?: Float64Array) {
  const w = start.slice(), m = new Float64Array(w.length), v = new Float64Array(w.length);
  let t = 0;
  const step = (lr: number, gradients: Float32Array) => {
    t++;
    for (const { name, offset, size } of layout.slots) {
      const { weightDecay = 0, rho = 0, lrScale = 1, frozen } = treatment[name] ?? {};
      if (frozen) continue;
      for (let i = offset; i < offset + size; i++) {
        let g = gradients[i];
        const rate = lr * lrScale;
        if (method.kind !== "adamw") g += weightDecay * w[i];
        if (pull) g += rho * (w[i] - pull[i]);
        if (method.kind === "sgd") {
          const mu = method.momentum ?? 0.9;
          m[i] = mu * m[i] + g;
          w[i] -= rate * (method.form === "nesterov" ? g + mu * m[i] : m[i]);
        } else {
          const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = method;
          if (method.kind === "adamw") w[i] -= rate * weightDecay * w[i];
          m[i] = beta1 * m[i] + (1 - beta1) * g;
          v[i] = beta2 * v[i] + (1 - beta2) * g * g;
          w[i] -= rate * (m[i] / (1 - beta1 ** t)) / (Math.sqrt(v[i] / (1 - beta2 ** t)) + epsilon);
        }
        if (mask && mask[i] === 0) w[i] = m[i] = v[i] = 0;
      }
    }
  };
  return { w, m, v, step };
}

test("penalties add the slopes of Σp|w| and of half of Σp·w² to gradients; |w| has none at 0", async () => {
  const gpu = await testGpu();
  const [w, g, p] = [1, 2, 3].map((seed) => hostValues(seed, layout, (v) => seed === 1 && v < -0.5 ? 0 : v));
  for (const kind of ["l1", "l2"] as const) {
    using weights = filled(gpu, 1, (v) => v < -0.5 ? 0 : v);
    using gradients = filled(gpu, 2);
    using shares = filled(gpu, 3);
    addPenalty(gpu, kind, 0.3, { gradients, weights, shares });
    close(
      await whole(gradients),
      Float64Array.from(g, (v, i) => v + 0.3 * p[i] * (kind === "l1" ? Math.sign(w[i]) : w[i])),
    );
    assert.throws(
      () => addPenalty(gpu, kind, 1, { gradients, weights, shares: weights.tensor(layout.slots[0].name) }),
      /are not arenas of one layout/,
    );
  }
});

function filled(gpu: Arena["gpu"], seed: number, map = (v: number) => v): Arena {
  const arena = createArena(gpu, layout, `seed ${seed}`);
  gpu.write(arena, hostValues(seed, layout, map));
  return arena;
}

/** Values in [−1, 1) for every parameter, zeros in the gaps. */
function hostValues(seed: number, { slots, elements }: ArenaLayout = layout, map = (v: number) => v): Float32Array {
  const values = new Float32Array(elements);
  let state = seed * 2654435761 >>> 0;
  for (const { offset, size } of slots) {
    for (let i = offset; i < offset + size; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      values[i] = map(Math.fround(state / 2 ** 31 - 1));
    }
  }
  return values;
}

async function snapshot(weights: Arena, optimizer: Optimizer) {
  const state = new Map<string, Awaited<ReturnType<Arena["download"]>>>();
  for (const [name, arena] of optimizer.state) state.set(name, await arena.download());
  return { weights: await weights.download(), state };
}

async function whole(arena: Arena): Promise<Float32Array> {
  return new Float32Array((await arena.gpu.readMany([arena]))[0]);
}

function close(actual: Float32Array, expected: Float64Array): void {
  assert.is(actual.length, expected.length);
  actual.forEach((a, i) => {
    const tolerance = 1e-5 * Math.abs(expected[i]) + 2e-6;
    assert.ok(Math.abs(a - expected[i]) <= tolerance, `element ${i}: ${a}, expected ${expected[i]}`);
  });
}

test.run();
