import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PROFILES } from "../../kernels/device_profile.ts";
import { UNTUNED } from "../../kernels/tuning.ts";
import { gemmCandidates, type GemmShape } from "../../kernels/gemm/plan.ts";
import { defaultTuning, launch } from "../../src/tensor/ops/launch.ts";
import { linear, linearForward, matmul } from "../../src/tensor/ops/gemm.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { drawn, nightly } from "../long.ts";
import { matmul64, noise, sumError, type Sums } from "./reference64.ts";

const test = suite("gemm");

/** [m, n, k]: ones, primes, 4k±1, multiples of 4 (vec4 loads), long k (split), LeNet's linear layers cut down. */
const SIZES = [
  [1, 1, 1],
  [1, 3, 2],
  [3, 1, 5],
  [2, 2, 4],
  [4, 4, 4],
  [5, 7, 3],
  [8, 8, 8],
  [9, 8, 12],
  [12, 20, 16],
  [13, 29, 31],
  [1, 64, 100],
  [1, 10, 501],
  [64, 10, 500],
  [17, 5, 800],
  [16, 100, 84],
  [33, 36, 65],
];

for (const [m, n, k] of SIZES) {
  test(`matmul and linear, forward and gradients: ${m}×${n}×${k}`, async () => {
    const gpu = await testGpu();
    const a = noise(m * k, 1), b = noise(n * k, 2), bt = transposed(b, n, k), bias = noise(n, 3), dy = noise(m * n, 4);
    using ta = Tensor.from(gpu, a, [m, k]);
    using tb = Tensor.from(gpu, b, [n, k]);
    using tbt = Tensor.from(gpu, bt, [k, n]);
    using tbias = Tensor.from(gpu, bias, [n]);
    using seed = Tensor.from(gpu, dy, [m, n]);
    const y = matmul64(m, n, k, (i, t) => a[i * k + t], (j, t) => b[j * k + t]);
    const da = matmul64(m, k, n, (i, j) => dy[i * n + j], (t, j) => b[j * k + t]);
    const db = matmul64(n, k, m, (j, i) => dy[i * n + j], (t, i) => a[i * k + t]);
    const dbt = matmul64(k, n, m, (t, i) => a[i * k + t], (j, i) => dy[i * n + j]);
    const dbias = matmul64(n, 1, m, (j, i) => dy[i * n + j], () => 1);
    const biased: Sums = {
      value: y.value.map((v, i) => v + bias[i % n]),
      magnitude: y.magnitude.map((v, i) => v + Math.abs(bias[i % n])),
    };
    {
      using tape = new Tape(gpu, "train");
      for (const t of [ta, tbt]) tape.watch(t);
      const out = matmul(tape, ta, tbt);
      const [value] = await readTensors([out]);
      tape.backward(out, seed);
      const [gotA, gotB] = await readTensors([tape.gradient(ta)!, tape.gradient(tbt)!]);
      assert.is(sumError(value, y, k), undefined, "matmul");
      assert.is(sumError(gotA, da, n), undefined, "matmul da");
      assert.is(sumError(gotB, dbt, m), undefined, "matmul db");
    }
    using tape = new Tape(gpu, "train");
    for (const t of [ta, tb, tbias]) tape.watch(t);
    const out = linear(tape, ta, tb, tbias);
    const [value] = await readTensors([out]);
    tape.backward(out, seed);
    const grads = await readTensors([ta, tb, tbias].map((t) => tape.gradient(t)!));
    assert.is(sumError(value, biased, k + 1), undefined, "linear");
    assert.is(sumError(grads[0], da, n), undefined, "linear dx");
    assert.is(sumError(grads[1], db, m), undefined, "linear dw");
    assert.is(sumError(grads[2], dbias, m), undefined, "linear db");
  });
}

const LAYOUTS = [["k", "k"], ["k", "rows"], ["rows", "rows"], ["rows", "k"]] as const;
for (const layout of LAYOUTS.slice(0, 3)) {
  test(`every candidate, with its epilogue and batched: ${layout}`, async () => {
    const gpu = await testGpu();
    for (
      const [m, n, k, batch] of [[67, 257, 261], [36, 44, 20], [17, 7, 130, 3], [1, 12, 28, 4], [29, 1, 301]]
    ) {
      const count = batch ?? 1;
      const a = noise(count * m * k, 1),
        b = noise(count * n * k, 2),
        bias = noise(n, 3),
        residual = noise(count * m * n, 4);
      using ta = Tensor.from(gpu, a, [a.length]);
      using tb = Tensor.from(gpu, b, [b.length]);
      using tbias = Tensor.from(gpu, bias, [n]);
      using tresidual = Tensor.from(gpu, residual, [residual.length]);
      for (const strideB of batch ? [n * k, 0] : [0]) {
        const shape: GemmShape = {
          m,
          n,
          k,
          a: layout[0],
          b: layout[1],
          bias: "add",
          residual: "add",
          batch: batch ? { count, a: m * k, b: strideB } : undefined,
        };
        const [aRow, aCol] = layout[0] === "k" ? [k, 1] : [1, m];
        const [bRow, bCol] = layout[1] === "k" ? [k, 1] : [1, n];
        const products = Array.from(
          { length: count },
          (_, z) =>
            matmul64(
              m,
              n,
              k,
              (i, t) => a[z * m * k + i * aRow + t * aCol],
              (j, t) => b[z * strideB + j * bRow + t * bCol],
            ),
        );
        const plus = (i: number) => [bias[i % n], residual[i]];
        const expected: Sums = {
          value: Float64Array.from(products.flatMap((p) => [...p.value]), (v, i) => v + plus(i)[0] + plus(i)[1]),
          magnitude: Float64Array.from(
            products.flatMap((p) => [...p.magnitude]),
            (v, i) => v + Math.abs(plus(i)[0]) + Math.abs(plus(i)[1]),
          ),
        };
        for (const { name, build } of gemmCandidates(shape, { ...UNTUNED, features: defaultTuning(gpu).features })) {
          using y = Tensor.empty(gpu, [residual.length]);
          launch(gpu, build(), { a: ta, b: tb, bias: tbias, residual: tresidual, y }, name);
          assert.is(sumError(await y.read(), expected, k + 2), undefined, `${name} ${m}×${n}×${k} batch ${count}`);
        }
      }
    }
  });
}

/** Even and odd sizes, whole steps and a rest, rows and columns that fill no tile, and a batch. */
const TILED = drawn({ suite: 1, nightly: 5 });
for (
  const [m, n, k, count] of [[29, 44, 77, 2], [100, 68, 52, 1], [131, 71, 333, 1], [128, 64, 64, 3], [65, 260, 31, 1]]
    .slice(0, TILED)
) {
  for (const [a, b] of nightly ? LAYOUTS : LAYOUTS.slice(1, 2)) {
    test(`tiles of GPUs, with steps unrolled: ${m}×${n}×${k}, ${count} of them, a along ${a}, b along ${b}`, async () => {
      const gpu = await testGpu();
      const left = noise(count * m * k, 1), right = noise(count * n * k, 2), bias = noise(n, 3);
      const residual = noise(count * m * n, 4);
      using ta = Tensor.from(gpu, left, [left.length]);
      using tb = Tensor.from(gpu, right, [right.length]);
      using tbias = Tensor.from(gpu, bias, [n]);
      using tresidual = Tensor.from(gpu, residual, [residual.length]);
      const [aRow, aCol] = a === "k" ? [k, 1] : [1, m], [bRow, bCol] = b === "k" ? [k, 1] : [1, n];
      const products = Array.from(
        { length: count },
        (_, z) =>
          matmul64(
            m,
            n,
            k,
            (i, t) => left[z * m * k + i * aRow + t * aCol],
            (j, t) => right[z * n * k + j * bRow + t * bCol],
          ),
      );
      const plus = (i: number) => [bias[i % n], residual[i]];
      const sums: Sums = {
        value: Float64Array.from(products.flatMap((p) => [...p.value]), (v, i) => v + plus(i)[0] + plus(i)[1]),
        magnitude: Float64Array.from(
          products.flatMap((p) => [...p.magnitude]),
          (v, i) => v + Math.abs(plus(i)[0]) + Math.abs(plus(i)[1]),
        ),
      };
      const expected = { ...sums, value: sums.value.map((v) => Math.max(0, v)) };
      const shape: GemmShape = {
        ...{ m, n, k, a, b, bias: "add", residual: "add", activation: "relu" },
        batch: count > 1 ? { count, a: m * k, b: n * k } : undefined,
      };
      const tiles = gemmCandidates(shape, { profile: PROFILES.desktop })
        .filter(({ name }) => nightly ? /^workgroup|slices$/.test(name) : /32x32$|8x8, 16 slices$/.test(name));
      assert.ok(tiles.length > 1);
      for (const { name, build } of tiles) {
        using y = Tensor.empty(gpu, [residual.length]);
        const plan = build();
        assert.is(plan.steps[0].plan.program.constants!.UNROLLED ?? 1, 1);
        launch(gpu, plan, { a: ta, b: tb, bias: tbias, residual: tresidual, y }, name);
        assert.is(sumError(await y.read(), expected, k + 2), undefined, name);
      }
    });
  }
}

test("a fixed b is packed once, apart from the calls", async () => {
  const gpu = await testGpu();
  const [m, n, k] = [260, 300, 65];
  const a = noise(m * k, 1), b = noise(n * k, 2);
  using ta = Tensor.from(gpu, a, [m, k]);
  using tb = Tensor.from(gpu, b, [n, k]);
  const expected = matmul64(m, n, k, (i, t) => a[i * k + t], (j, t) => b[j * k + t]);
  const shape: GemmShape = { m, n, k, a: "k", b: "k", fixed: "b" };
  const packed: string[] = [];
  for (const { name, build } of gemmCandidates(shape, UNTUNED)) {
    const plan = build();
    using y = Tensor.empty(gpu, [m, n]);
    const kept = (plan.prepare ?? []).flatMap(({ bindings }) => bindings).filter((operand) => operand in plan.scratch);
    const made = Object.fromEntries(kept.map((operand) => [operand, Tensor.zeros(gpu, [plan.scratch[operand] / 4])]));
    if (plan.prepare) {
      packed.push(name);
      launch(gpu, plan, { a: ta, b: tb, y, ...made }, name, plan.prepare);
    }
    for (let call = 0; call < 2; call++) {
      launch(gpu, plan, { a: ta, b: plan.prepare ? undefined : tb, y, ...made }, name);
    }
    assert.is(sumError(await y.read(), expected, k), undefined, name);
    for (const tensor of Object.values(made)) tensor.dispose();
  }
  assert.ok(packed.includes("uniform panels") && packed.includes("wide 32x16"), packed.join());
});

for (const [m, n, k, count] of [[1, 5, 7, 1], [67, 33, 29, 1], [13, 65, 130, 3]]) {
  for (const b of ["k", "rows"] as const) {
    test(`b in f16, sums in f32: ${m}×${n}×${k}, ${count} of them, b along ${b}`, async () => {
      const gpu = await testGpu();
      const left = noise(count * m * k, 1), right = noise(count * n * k, 2);
      using ta = Tensor.from(gpu, left, [left.length]);
      using tb = Tensor.from(gpu, right, [right.length]);
      const [row, column] = b === "k" ? [k, 1] : [1, n];
      const at = (z: number, j: number, t: number) => z * n * k + j * row + t * column;
      const each = (numbers: ArrayLike<number>) =>
        Array.from(
          { length: count },
          (_, z) => matmul64(m, n, k, (i, t) => left[(z * m + i) * k + t], (j, t) => numbers[at(z, j, t)]),
        );
      const rounded = new Float16Array(right);
      const exact = each(right).flatMap(({ value }) => [...value]);
      const parts = each(rounded);
      const expected: Sums = {
        value: Float64Array.from(parts.flatMap(({ value }) => [...value])),
        magnitude: Float64Array.from(parts.flatMap(({ magnitude }) => [...magnitude])),
      };
      const batch = count > 1 ? { count, a: m * k, b: n * k } : undefined;
      const shape: GemmShape = { m, n, k, a: "k", b, batch, storage: "f16" };
      for (const { name, build } of gemmCandidates(shape, UNTUNED)) {
        const plan = build();
        using half = Tensor.empty(gpu, [plan.scratch.halfB / 4]);
        using y = Tensor.empty(gpu, [count * m * n]);
        const operands = { a: ta, b: tb, halfB: half, y };
        launch(gpu, plan, operands, name, plan.prepare);
        launch(gpu, plan, operands, name);
        const got = await y.read();
        assert.is(sumError(got, expected, k), undefined, name);
        const error = exact.reduce((sum, v, i) => sum + (v - got[i]) ** 2, 0);
        const nmse = error / exact.reduce((sum, v) => sum + v ** 2, 0);
        assert.ok(nmse > 1e-12 && nmse <= 1e-5, `${name}: NMSE ${nmse} beside f32 storage`);
      }
    });
  }
}

for (const transB of [false, true]) {
  for (const leading of [[], [3, 2]]) {
    const what = `${leading.length ? "its own" : "a shared"} second operand${transB ? ", transposed" : ""}`;
    test(`matmul of rank 4 with ${what}, its gradients in the middle of a graph`, async () => {
      const gpu = await testGpu();
      const [m, n, k, o] = [5, 7, 3, 4], count = 6, many = leading.length > 0;
      const a = noise(count * m * k, 1),
        b = noise((many ? count : 1) * n * k, 2),
        c = noise(n * o, 3),
        dy = noise(count * m * o, 4);
      using ta = Tensor.from(gpu, a, [3, 2, m, k]);
      using tb = Tensor.from(gpu, b, [...leading, ...(transB ? [n, k] : [k, n])]);
      using tc = Tensor.from(gpu, c, [n, o]);
      using seed = Tensor.from(gpu, dy, [3, 2, m, o]);
      using tape = new Tape(gpu, "train");
      tape.watch(ta);
      tape.watch(tb);
      const h = matmul(tape, ta, tb, { transB });
      const value = await h.read();
      tape.backward(matmul(tape, h, tc), seed);
      const [gotA, gotB] = await readTensors([tape.gradient(ta)!, tape.gradient(tb)!]);
      const at = (z: number, j: number, t: number) => (many ? z * n * k : 0) + (transB ? j * k + t : t * n + j);
      const expectedH = new Float64Array(count * m * n),
        da = new Float64Array(a.length),
        db = new Float64Array(b.length);
      for (let z = 0; z < count; z++) {
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            const row = z * m + i;
            let dh = 0;
            for (let q = 0; q < o; q++) dh += dy[row * o + q] * c[j * o + q];
            for (let t = 0; t < k; t++) {
              expectedH[row * n + j] += a[row * k + t] * b[at(z, j, t)];
              da[row * k + t] += dh * b[at(z, j, t)];
              db[at(z, j, t)] += dh * a[row * k + t];
            }
          }
        }
      }
      for (const [got, expected] of [[value, expectedH], [gotA, da], [gotB, db]] as const) {
        assert.is(got.length, expected.length);
        expected.forEach((v, i) =>
          assert.ok(Math.abs(got[i] - v) <= 1e-5 * (1 + Math.abs(v)), `${i}: ${got[i]}, ${v}`)
        );
      }
    });
  }
}

test("gradients are only computed where they are needed, and flow through a chain", async () => {
  const gpu = await testGpu();
  const x = noise(6 * 5, 1), w = noise(7 * 5, 2), v = noise(3 * 7, 3), dy = noise(6 * 3, 4);
  using tx = Tensor.from(gpu, x, [6, 5]);
  using tw = Tensor.from(gpu, w, [7, 5]);
  using tv = Tensor.from(gpu, v, [3, 7]);
  using seed = Tensor.from(gpu, dy, [6, 3]);
  using into = Tensor.empty(gpu, [7, 5]);
  using tape = new Tape(gpu, "train");
  tape.watch(tw, into);
  tape.backward(linear(tape, linear(tape, tx, tw), tv), seed);
  const dh = matmul64(6, 7, 3, (i, j) => dy[i * 3 + j], (h, j) => v[j * 7 + h]).value;
  const dw = matmul64(7, 5, 6, (h, i) => dh[i * 7 + h], (t, i) => x[i * 5 + t]);
  const got = await into.read();
  got.forEach((g, i) => assert.ok(Math.abs(g - dw.value[i]) <= 1e-4 * dw.magnitude[i]));
  assert.is(tape.gradient(tx), undefined);
  assert.is(tape.gradient(tv), undefined);
});

test("fused bias, residual and activation", async () => {
  const gpu = await testGpu();
  for (const [m, n, k] of [[5, 7, 9], [2, 6, 600]]) {
    const x = noise(m * k, 1), w = noise(n * k, 2).map((v) => 9 * v), bias = noise(n, 3), residual = noise(m * n, 4);
    const plain = matmul64(m, n, k, (i, t) => x[i * k + t], (j, t) => w[j * k + t]);
    using tx = Tensor.from(gpu, x, [m, k]);
    using tw = Tensor.from(gpu, w, [n, k]);
    using tb = Tensor.from(gpu, bias, [n]);
    using tr = Tensor.from(gpu, residual, [m, n]);
    using y = Tensor.empty(gpu, [m, n]);
    for (const [activation, act] of ACTIVATIONS) {
      linearForward(gpu, { x: tx, w: tw, bias: tb, residual: tr, y }, activation);
      const got = await y.read();
      got.forEach((g, i) => {
        const expected = act(plain.value[i] + bias[i % n] + residual[i]);
        assert.ok(Math.abs(g - expected) <= 1e-5 * (plain.magnitude[i] + 2), `${activation} ${i}: ${g}, ${expected}`);
      });
    }
  }
});

test("shapes that don't fit are refused", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  assert.throws(() => matmul(tape, tape.empty([2, 3]), tape.empty([4, 5])), /\[2,3\] times \[4,5\]/);
  assert.throws(() => linear(tape, tape.empty([2, 3]), tape.empty([4, 5])), /expects 5 inputs/);
  assert.throws(() => linear(tape, tape.empty([2, 5]), tape.empty([4, 5]), tape.empty([3])), /bias \[3\]/);
});

const ACTIVATIONS = [
  ["none", (v: number) => v],
  ["relu", (v: number) => Math.max(0, v)],
  ["relu6", (v: number) => Math.min(6, Math.max(0, v))],
] as const;

function transposed(b: Float32Array, n: number, k: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: n * k }, (_, i) => b[i % n * k + Math.floor(i / n)]);
}

test.run();
