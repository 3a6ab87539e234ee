import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type DeviceProfile, PROFILES } from "../../kernels/device_profile.ts";
import {
  attentionCandidates,
  type AttentionShape,
  planAttention,
  planAttentionGrad,
} from "../../kernels/attention/attention.ts";
import { UNTUNED } from "../../kernels/tuning.ts";
import { UserError } from "../../src/errors.ts";
import { attention } from "../../src/tensor/ops/attention.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { attentionOf } from "../oracle/attention.ts";
import { assertClose, checkOp } from "./check_op.ts";
import { withWinner } from "./with_winner.ts";

const test = suite("attention");

const CASES: readonly { readonly q: readonly number[]; readonly keys?: number; readonly scale?: number }[] = [
  { q: [1, 1, 1, 1] },
  { q: [2, 1, 5, 3] },
  { q: [1, 2, 33, 9] },
  { q: [2, 1, 3, 29], keys: 67 },
  { q: [5, 7, 8], keys: 31, scale: 0.7 },
  { q: [1, 32, 64] },
  { q: [1, 5, 94], keys: 33 },
  { q: [1, 6, 128], keys: 3 },
  { q: [2, 37, 64], keys: 65 },
  { q: [1, 3, 100], keys: 130 },
];

for (const way of ["storage", "uniform", "storage, two slices"]) {
  for (const { q, keys = q[q.length - 2], scale } of CASES) {
    const [queries, depth] = q.slice(-2);
    const kv = [...q.slice(0, -2), keys, depth];
    test(`attention of [${q}] over ${keys} keys from ${way}, mid-graph`, () =>
      withWinner(way, () =>
        checkOp({
          name: "attention",
          shapes: [q, kv, kv],
          shape: q,
          op: (tape, [q, k, v]) => attention(tape, q, k, v, scale),
          oracle: (inputs) =>
            attentionOf(
              inputs,
              { heads: elements(q) / (queries * depth), queries, keys, depth },
              scale ?? 1 / Math.sqrt(depth),
            ),
          rtol: 1e-5,
        })));
  }
}

test("one tensor that is q, k and v gathers all three gradients", () =>
  checkOp({
    name: "self-attention",
    shapes: [[2, 5, 6]],
    shape: [2, 5, 6],
    op: (tape, [x]) => attention(tape, x, x, x),
    oracle: ([x]) => attentionOf([x, x, x], { heads: 2, queries: 5, keys: 5, depth: 6 }, 1 / Math.sqrt(6)),
    rtol: 1e-5,
  }));

test("scores far apart, and in the hundreds, neither overflow nor vanish", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const of = (values: number[]) => tape.own(Tensor.from(gpu, Float32Array.from(values), [1, values.length / 4, 4]));
  // The largest score comes in the second block of keys, after the running maximum was far below it.
  const keys = Array.from({ length: 40 }, (_, j) => [j === 37 ? 500 : -300, 0, 0, 0]);
  const values = Array.from({ length: 40 }, (_, j) => [j, 1, -j, 0]);
  const y = attention(tape, of([1, 0, 0, 0, -1, 0, 0, 0]), of(keys.flat()), of(values.flat()), 1);
  const others = (40 * 39 / 2 - 37) / 39;
  assertClose(await y.read(), [37, 1, -37, 0, others, 1, -others, 0], 1e-6, "attention");
});

test("heads that fit a uniform binding are read through one on a small device, from storage on a large one; few share keys", () => {
  const shape = { heads: 6, queries: 197, keys: 197, depth: 64, scale: 0.125 };
  const ways = (of: AttentionShape, profile: DeviceProfile) => {
    const all = attentionCandidates(of, { profile });
    return [all.length, all.reduce((a, b) => b.cost < a.cost ? b : a).name];
  };
  assert.equal(ways(shape, PROFILES.software), [3, "uniform"]);
  assert.equal(ways({ ...shape, keys: 257 }, PROFILES.software), [2, "storage"]);
  // 6 heads of 7 workgroups are 2,688 threads, 24 are 10,752: a card takes 8,192 at a time.
  assert.equal(ways(shape, PROFILES.desktop), [3, "storage, two slices"]);
  assert.equal(ways({ ...shape, heads: 24 }, PROFILES.desktop), [3, "storage"]);
  // Keys of one tile can't be shared.
  assert.equal(ways({ ...shape, keys: 32 }, PROFILES.desktop), [2, "storage"]);
});

test("only the wanted gradients are made, and storage isn't copied where rows are whole vec4", () => {
  const shape = { heads: 6, queries: 197, keys: 197, depth: 64, scale: 0.125 };
  const tuning = { profile: PROFILES.desktop };
  const steps = (wanted: readonly ("q" | "k" | "v")[]) => planAttentionGrad(shape, wanted, tuning).steps.length;
  assert.equal([steps(["q"]), steps(["k", "v"]), steps(["q", "k", "v"])], [2, 3, 4]);
  assert.is(planAttention(shape, tuning).steps.length, 1);
  assert.is(planAttention({ ...shape, depth: 63 }, tuning).steps.length, 4);
  assert.throws(() => planAttention({ ...shape, depth: 129 }, tuning).steps, /at most 128/);
  const { grid } = planAttention({ ...shape, heads: 100_000 }, tuning).steps[0].plan;
  assert.ok(grid.every((n) => n <= 65_535) && grid[1] * grid[2] >= 100_000);
});

test("uniform panels are aligned, lie inside their buffers, and take every head once", () => {
  for (const depth of [1, 3, 13, 32, 48, 64, 94, 128]) {
    for (const [queries, keys] of [[1, 1], [7, 31], [49, 49], [100, 13]]) {
      const shape = { heads: 11, queries, keys, depth, scale: 1 };
      const way = attentionCandidates(shape, UNTUNED).find(({ name }) => name === "uniform");
      assert.ok(way, `no uniform way for ${queries}x${keys}x${depth}`);
      const { steps, scratch } = way!.build();
      let heads = 0;
      for (const { plan, bindings, windows } of steps) {
        if (!windows) continue;
        assert.is(plan.uniforms[0], heads);
        heads += plan.uniforms[1];
        for (const [i, { byteOffset, byteLength }] of Object.entries(windows)) {
          assert.is(byteOffset % 256, 0);
          assert.is(byteLength, 65_536);
          assert.ok(byteOffset + byteLength <= scratch[bindings[Number(i)]], `${queries}x${keys}x${depth}`);
        }
      }
      assert.is(heads, shape.heads);
    }
  }
});

test("operands that don't fit are refused", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const of = (...shape: number[]) => tape.own(Tensor.zeros(gpu, shape));
  const refused = (q: Tensor, k: Tensor, v: Tensor, pattern: RegExp) =>
    assert.throws(
      () => attention(tape, q, k, v),
      (error: Error) => error instanceof UserError && pattern.test(error.message),
    );
  refused(of(2, 3, 4), of(2, 5, 3), of(2, 5, 3), /don't fit/);
  refused(of(2, 3, 4), of(1, 5, 4), of(1, 5, 4), /don't fit/);
  refused(of(2, 3, 4), of(2, 5, 4), of(2, 6, 4), /don't fit/);
  refused(of(1, 2, 132), of(1, 2, 132), of(1, 2, 132), /at most 128/);
});

test.run();
