import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { batchNorm } from "../../src/tensor/ops/norm.ts";
import { PROFILES } from "../../kernels/device_profile.ts";
import { type BatchNormShape, planBatchNorm, planBatchNormGrad } from "../../kernels/norm/batch_norm.ts";
import { UNTUNED } from "../../kernels/tuning.ts";
import { random } from "../../kernels/random/philox.ts";
import { setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { add } from "../../src/tensor/ops/pointwise.ts";
import { pad, slice } from "../../src/tensor/ops/shape.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { elements, readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { batchMoments, batchNormOf } from "../oracle/norm.ts";
import { assertClose, checkOp } from "./check_op.ts";

const test = suite("norm");
const EPSILON = 1e-5;
const SHAPES = [[5, 1, 1, 1], [4, 3, 7, 7], [3, 5, 8, 8], [16, 2, 16, 16], [20, 13], [2, 70, 3, 4]];

for (const shape of SHAPES) {
  const c = shape[1];
  const runningMean = Float32Array.from({ length: c }, (_, i) => 0.1 * i - 0.2);
  const runningVariance = Float32Array.from({ length: c }, (_, i) => 0.5 + 0.3 * i);
  for (const statistics of ["batch", "running"] as const) {
    test(`batch norm of [${shape}] by the ${statistics} statistics, with and without ReLU, mid-graph`, async () => {
      const gpu = await testGpu();
      using mean = Tensor.from(gpu, runningMean, [c]);
      using variance = Tensor.from(gpu, runningVariance, [c]);
      for (const activation of ["none", "relu", "relu6"] as const) {
        await checkOp({
          name: `batch norm, ${activation}`,
          shapes: [shape, [c], [c]],
          shape,
          // γ so large that some results go beyond 6.
          values: (input, size) => random(1, `${input}`).fillNormal(new Float64Array(size), 0, 0, input === 1 ? 5 : 1),
          op: (tape, [x, gamma, beta]) =>
            batchNorm(tape, x, { gamma, beta, mean, variance }, { epsilon: EPSILON, statistics, activation }),
          oracle: ([x, gamma, beta]) => {
            const moments = statistics === "batch"
              ? batchMoments(x, c, elements(shape.slice(2)))
              : { mean: Float64Array.from(runningMean), variance: Float64Array.from(runningVariance) };
            const y = batchNormOf(x, elements(shape.slice(2)), gamma, beta, moments, EPSILON);
            return y.map((v) =>
              activation === "none" ? v : Math.min(Math.max(v, 0), activation === "relu" ? Infinity : 6)
            );
          },
          rtol: 1e-5,
        });
      }
    });
  }
}

for (const shape of [[4, 3, 7, 7], [2, 70, 3, 4]]) {
  const c = shape[1], inner = elements(shape.slice(2));
  test(`batch norm of [${shape}] with a residual, used once, twice and three times, mid-graph`, async () => {
    const gpu = await testGpu();
    using mean = Tensor.zeros(gpu, [c]);
    using variance = Tensor.zeros(gpu, [c]);
    for (const activation of ["none", "relu", "relu6"] as const) {
      for (const uses of activation === "relu" ? [1, 2, 3] : [2]) {
        await checkOp({
          name: `batch norm and residual, ${activation}, ${uses} gradients`,
          shapes: [shape, [c], [c], shape],
          shape,
          values: (input, size) => random(1, `${input}`).fillNormal(new Float64Array(size), 0, 0, input === 1 ? 5 : 1),
          op: (tape, [x, gamma, beta, residual]) => {
            const y = batchNorm(tape, x, { gamma, beta, mean, variance }, { epsilon: EPSILON, activation, residual });
            let used = y;
            for (let i = 1; i < uses; i++) used = add(tape, used, y);
            return used;
          },
          oracle: ([x, gamma, beta, residual]) =>
            batchNormOf(x, inner, gamma, beta, batchMoments(x, c, inner), EPSILON).map((v, i) => {
              const sum = v + residual[i];
              if (activation === "none") return uses * sum;
              return uses * Math.min(Math.max(sum, 0), activation === "relu" ? Infinity : 6);
            }),
          rtol: 1e-5,
        });
      }
    }
  });
}

test("x + norm(x) gives x both gradients, and an x without a gradient leaves those of γ and β", async () => {
  const gpu = await testGpu();
  const shape = [3, 2, 4, 4];
  using mean = Tensor.zeros(gpu, [2]);
  using variance = Tensor.zeros(gpu, [2]);
  await checkOp({
    name: "x + norm(x)",
    shapes: [shape, [2], [2]],
    shape,
    op: (tape, [x, gamma, beta]) =>
      batchNorm(tape, x, { gamma, beta, mean, variance }, { activation: "relu", residual: x }),
    oracle: ([x, gamma, beta]) =>
      batchNormOf(x, 16, gamma, beta, batchMoments(x, 2, 16), EPSILON).map((v, i) => Math.max(v + x[i], 0)),
    rtol: 1e-5,
  });
  const data = sample(elements(shape));
  await checkOp({
    name: "norm of data",
    shapes: [[2], [2]],
    shape,
    op: (tape, [gamma, beta]) =>
      batchNorm(tape, tape.own(Tensor.from(gpu, data, shape)), { gamma, beta, mean, variance }, { activation: "relu" }),
    oracle: ([gamma, beta]) => {
      const x = Float64Array.from(data);
      return batchNormOf(x, 16, gamma, beta, batchMoments(x, 2, 16), EPSILON).map((v) => Math.max(v, 0));
    },
    rtol: 1e-5,
  });
});

test("readers that add to a gradient in place, before others and after, leave the sum of all", async () => {
  const gpu = await testGpu();
  const shape = [2, 4, 3, 3];
  using mean = Tensor.zeros(gpu, [4]);
  using variance = Tensor.zeros(gpu, [4]);
  // Channels 1 and 2 once more: the slice's gradient is added to what is there.
  const more = (tape: Tape, y: Tensor) =>
    pad(tape, slice(tape, y, [null, { start: 1, step: 1, count: 2 }, null, null]), [0, 1, 0, 0], [0, 1, 0, 0]);
  for (const order of ["first", "last"] as const) {
    await checkOp({
      name: `a slice ${order}`,
      shapes: [shape, [4], [4], shape],
      shape,
      op: (tape, [x, gamma, beta, residual]) => {
        const y = batchNorm(tape, x, { gamma, beta, mean, variance }, { activation: "relu", residual });
        return order === "first"
          ? add(tape, add(tape, more(tape, y), y), y)
          : add(tape, add(tape, y, y), more(tape, y));
      },
      oracle: ([x, gamma, beta, residual]) =>
        batchNormOf(x, 9, gamma, beta, batchMoments(x, 4, 9), EPSILON).map((v, i) => {
          const c = Math.floor(i / 9) % 4;
          return (c === 1 || c === 2 ? 3 : 2) * Math.max(v + residual[i], 0);
        }),
      rtol: 1e-5,
    });
  }
});

test("a residual of another shape is refused", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "train");
  const zeros = (shape: readonly number[]) => tape.own(Tensor.zeros(gpu, shape));
  const [gamma, beta, mean, variance] = [0, 1, 2, 3].map(() => zeros([2]));
  assert.throws(
    () => batchNorm(tape, zeros([3, 2, 4, 4]), { gamma, beta, mean, variance }, { residual: zeros([3, 2, 1, 1]) }),
    /input \[3,2,4,4\] and residual \[3,2,1,1\] differ in shape/,
  );
});

test("a short channel is a workgroup's, forwards and backwards; behind a residual the gradients take two dispatches", () => {
  const over = {
    outer: 32,
    channels: 64,
    inner: 64,
    statistics: "batch",
    activation: "relu",
    residual: "none",
  } as const;
  const options = { epsilon: EPSILON, blend: 0.1 };
  const dispatches = (shape: BatchNormShape) => {
    const tuning = { profile: PROFILES.desktop };
    const { moments } = planBatchNorm(shape, options, tuning), { whole } = planBatchNormGrad(shape, "one", tuning);
    return [moments ? 2 : 1, whole ? 1 : 2];
  };
  assert.equal(dispatches(over), [1, 1]);
  assert.equal(dispatches({ ...over, residual: "add" }), [1, 2]);
  assert.equal(dispatches({ ...over, residual: "add", activation: "none" }), [1, 1]);
  // 2,048 vec4 are eight for each of 256 threads; of few channels a workgroup does only two.
  assert.equal(dispatches({ ...over, outer: 128 }), [1, 1]);
  assert.equal(dispatches({ ...over, outer: 129 }), [2, 2]);
  assert.equal(dispatches({ ...over, channels: 31 }), [1, 1]);
  assert.equal(dispatches({ ...over, channels: 31, outer: 33 }), [2, 2]);
  assert.equal(dispatches({ ...over, statistics: "running" }), [1, 2]);
  // A processor would save its threads at each barrier.
  assert.ok(planBatchNorm(over, options, UNTUNED).moments);
  assert.is(planBatchNormGrad(over, "one", UNTUNED).whole, undefined);
});

test("batch norm as a card has it, in slices and in whole channels, has the same values", async () => {
  const profile = PROFILES.desktop;
  const gpu = await testGpu();
  const before = tuningFor(gpu);
  try {
    setTuning(gpu, { ...before, profile });
    for (const shape of [[6, 3, 24, 24], [5, 33, 6, 7]]) {
      const c = shape[1], inner = elements(shape.slice(2));
      using mean = Tensor.zeros(gpu, [c]);
      using variance = Tensor.zeros(gpu, [c]);
      for (const added of ["residual", "nothing"] as const) {
        await checkOp({
          name: `${profile.name}, [${shape}] and ${added}`,
          shapes: added === "residual" ? [shape, [c], [c], shape] : [shape, [c], [c]],
          shape,
          op: (tape, [x, gamma, beta, residual]) =>
            batchNorm(tape, x, { gamma, beta, mean, variance }, { activation: "relu", residual }),
          oracle: ([x, gamma, beta, residual]) =>
            batchNormOf(x, inner, gamma, beta, batchMoments(x, c, inner), EPSILON)
              .map((v, i) => Math.max(v + (residual?.[i] ?? 0), 0)),
          rtol: 1e-5,
        });
      }
    }
  } finally {
    setTuning(gpu, before);
  }
});

test("sums have as many workgroups as a device wants waves, and maps at most eight items to a thread", () => {
  for (const profile of Object.values(PROFILES)) {
    const batch = {
      outer: 32,
      channels: 16,
      inner: 1024,
      statistics: "batch",
      activation: "relu",
      residual: "add",
    } as const;
    const tuning = { profile };
    const { moments, normalise } = planBatchNorm(batch, { epsilon: EPSILON, blend: 0.1 }, tuning);
    const { sums, gradient } = planBatchNormGrad(batch, "two", tuning);
    const waves = [moments!, normalise, sums, gradient].map(({ grid }) => grid[0] * grid[1]);
    // Sums: as many slices of the 16 channels as the device wants waves, at least 64. Maps: of the 131,072 vec4 at most
    // eight to a thread, on a card six, with which 20,480 threads are busy.
    const [sliced, mapped] =
      { "software": [64, 256], "integrated": [96, 256], "desktop": [320, 352], "mobile-tiler": [64, 256] }[
        profile.name
      ];
    assert.equal(waves, [sliced, mapped, sliced, mapped]);
  }
});

for (const profile of [PROFILES.software, PROFILES.desktop]) {
  test(`running statistics follow ONNX's momentum and take the unbiased variance, as for ${profile.name}`, async () => {
    const gpu = await testGpu();
    const before = tuningFor(gpu);
    setTuning(gpu, { ...before, profile });
    const shape = [6, 3, 5, 5];
    const data = sample(elements(shape));
    const { mean: m, variance: v } = batchMoments(Float64Array.from(data), 3, 25);
    using x = Tensor.from(gpu, data, shape);
    using mean = Tensor.from(gpu, Float32Array.of(1, 2, 3), [3]);
    using variance = Tensor.from(gpu, Float32Array.of(4, 5, 6), [3]);
    using tape = new Tape(gpu, "train");
    const ones = tape.own(Tensor.from(gpu, new Float32Array(3).fill(1), [3]));
    batchNorm(tape, x, { gamma: ones, beta: ones, mean, variance }, { momentum: 0.75 });
    setTuning(gpu, before);
    const [rm, rv] = await readTensors([mean, variance]);
    assertClose(rm, [1, 2, 3].map((old, i) => 0.75 * old + 0.25 * m[i]), 1e-6, "mean");
    assertClose(rv, [4, 5, 6].map((old, i) => 0.75 * old + 0.25 * v[i] * 150 / 149), 1e-6, "variance");
  });
}

test("recalibration is the cumulative average over batches, whatever stood there", async () => {
  const gpu = await testGpu();
  const batches = [3, 8, 5].map((n, k) => ({ n, data: sample(n * 2 * 9, k) }));
  using mean = Tensor.from(gpu, new Float32Array(2).fill(NaN), [2]);
  using variance = Tensor.from(gpu, new Float32Array(2).fill(NaN), [2]);
  const want = { mean: [0, 0], variance: [0, 0] };
  for (const [k, { n, data }] of batches.entries()) {
    using x = Tensor.from(gpu, data, [n, 2, 3, 3]);
    normalise(gpu, x, { mean, variance }, k / (k + 1));
    const moments = batchMoments(Float64Array.from(data), 2, 9);
    for (const c of [0, 1]) {
      want.mean[c] += moments.mean[c] / 3;
      want.variance[c] += moments.variance[c] * (n * 9) / (n * 9 - 1) / 3;
    }
  }
  const [rm, rv] = await readTensors([mean, variance]);
  assertClose(rm, want.mean, 2e-6, "mean");
  assertClose(rv, want.variance, 2e-6, "variance");
});

test("a large mean does not cost the variance its digits", async () => {
  const gpu = await testGpu();
  const shape = [64, 1, 16, 16];
  // Multiples of 1/64 around 4096 are exact in float32.
  const data = sample(elements(shape)).map((v) => 4096 + Math.round(v * 64) / 64);
  const { variance: v } = batchMoments(Float64Array.from(data), 1, 256);
  using x = Tensor.from(gpu, data, shape);
  using mean = Tensor.zeros(gpu, [1]);
  using variance = Tensor.zeros(gpu, [1]);
  normalise(gpu, x, { mean, variance }, 0);
  assertClose([await variance.item()], [v[0] * 16384 / 16383], 1e-5, "variance");
});

test("evaluation neither records nor touches the running statistics", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const make = (data: number[]) => tape.own(Tensor.from(gpu, Float32Array.from(data), [2]));
  const params = { gamma: make([1, 2]), beta: make([3, 4]), mean: make([5, 6]), variance: make([7, 8]) };
  const x = tape.own(Tensor.from(gpu, sample(2 * 2 * 3), [2, 2, 3]));
  batchNorm(tape, x, params);
  const [m, v] = await readTensors([params.mean, params.variance]);
  assert.equal([...m, ...v], [5, 6, 7, 8]);
});

/** Batch norm in training mode, for what it does to the running statistics. */
function normalise(gpu: Gpu, x: Tensor, running: { mean: Tensor; variance: Tensor }, momentum: number): void {
  using tape = new Tape(gpu, "train");
  const gamma = tape.own(Tensor.from(gpu, new Float32Array(x.shape[1]).fill(1), [x.shape[1]]));
  batchNorm(tape, x, { gamma, beta: gamma, ...running }, { momentum });
}

function sample(size: number, seed = 0): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898 + seed) * 2 + 0.3);
}

test.run();
