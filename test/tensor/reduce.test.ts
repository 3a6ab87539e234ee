import { suite } from "uvu";
import * as assert from "uvu/assert";
import { planSum } from "../../kernels/reduce/sum.ts";
import { UserError } from "../../src/errors.ts";
import {
  countCorrect,
  findBeyond,
  launchSum,
  maxOver,
  maxRows,
  mean,
  meanOver,
  sum,
  sumChannels,
  sumRows,
} from "../../src/tensor/ops/reduce.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { openGpu } from "../gpu/kernels.ts";
import { assertClose, checkOp } from "./check_op.ts";

const test = suite("reduce");
const total = (x: Float64Array) => x.reduce((a, b) => a + b, 0);

for (const shape of [[1], [7], [3, 5, 7, 7], [4, 8, 32, 32], [100_003]]) {
  test(`sum and mean of [${shape}], mid-graph`, async () => {
    const common = { shapes: [shape], shape: [] };
    await checkOp({ ...common, name: "sum", op: (t, [x]) => sum(t, x), oracle: ([x]) => Float64Array.of(total(x)) });
    await checkOp({
      ...common,
      name: "mean",
      op: (t, [x]) => mean(t, x),
      oracle: ([x]) => Float64Array.of(total(x) / x.length),
    });
  });
}

for (const [n, c, inner] of [[1, 1, 1], [3, 5, 49], [64, 7, 64], [200, 13, 1], [2, 70, 9], [9, 2, 2052]]) {
  test(`sums per channel of [${n}, ${c}, ${inner}], mid-graph`, () =>
    checkOp({
      name: "sum per channel",
      shapes: [[n, c, inner]],
      shape: [c],
      op: (t, [x]) => sumChannels(t, x),
      oracle: ([x]) => {
        const y = new Float64Array(c);
        x.forEach((v, i) => y[Math.floor(i / inner) % c] += v);
        return y;
      },
    }));
  test(`row sums of [${n}, ${c}, ${inner}], mid-graph`, () =>
    checkOp({
      name: "row sums",
      shapes: [[n, c, inner]],
      shape: [n, c],
      op: (t, [x]) => sumRows(t, x),
      oracle: ([x]) => Float64Array.from({ length: n * c }, (_, r) => total(x.subarray(r * inner, (r + 1) * inner))),
    }));
}

for (
  const [shape, axes] of [[[2, 3, 5, 7], [2, 3]], [[3, 5, 8], [1]], [[2, 3, 5, 4], [1, 2]], [[4, 7], [1]], [[2, 1, 3], [
    1,
  ]]] as const
) {
  test(`the maximum of [${shape}] over axes [${axes}], mid-graph`, async () => {
    const [first, last] = [axes[0], axes[axes.length - 1]];
    const [middle, inner] = [elements(shape.slice(first, last + 1)), elements(shape.slice(last + 1))];
    for (const keepdims of ["keep", "drop"] as const) {
      await checkOp({
        name: `maximum, ${keepdims}`,
        shapes: [shape],
        shape: shape.flatMap((d, axis) => axis < first || axis > last ? [d] : keepdims === "keep" ? [1] : []),
        op: (t, [x]) => maxOver(t, x, axes, keepdims),
        oracle: ([x]) =>
          Float64Array.from({ length: x.length / middle }, (_, i) => {
            const at = Math.floor(i / inner) * middle * inner + i % inner;
            return Math.max(...Array.from({ length: middle }, (_, m) => x[at + m * inner]));
          }),
      });
    }
  });
}

test("equal maxima share the gradient evenly", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "train");
  const x = tape.own(Tensor.from(gpu, Float32Array.of(1, 3, 3, 0, 3, -2, -2, -5, -3, -4), [2, 5]));
  tape.watch(x);
  tape.backward(sum(tape, maxOver(tape, x, [1], "drop")));
  const third = Math.fround(1 / 3);
  assert.equal([...await tape.gradient(x)!.read()], [0, third, third, 0, third, 0.5, 0.5, 0, 0, 0]);
});

test("integers sum exactly under every split of the work", async () => {
  const gpu = await testGpu();
  for (const outer of [1, 2, 31]) {
    for (const channels of [1, 5, 4100]) {
      for (const inner of [1, 4, 15, 16, 100]) {
        const over = { outer, channels, inner };
        const data = Float32Array.from({ length: outer * channels * inner }, (_, i) => (i * 7) % 11 - 5);
        const expected = new Float32Array(channels);
        data.forEach((v, i) => expected[Math.floor(i / inner) % channels] += v);
        using x = Tensor.from(gpu, data, [data.length]);
        using y = Tensor.empty(gpu, [channels]);
        launchSum(gpu, x, over, y);
        assert.equal(await y.read(), expected, JSON.stringify(over));
      }
    }
  }
});

test("columns of a tall matrix have a thread each, neighbours side by side, and sum exactly", async () => {
  const gpu = await testGpu();
  for (const [outer, channels] of [[65, 64], [777, 131], [5000, 70]]) {
    const over = { outer, channels, inner: 1 };
    const [{ program }] = planSum(over).stages;
    assert.is(program.constants?.LANES, 1, JSON.stringify(over));
    const data = Float32Array.from({ length: outer * channels }, (_, i) => (i * 7) % 11 - 5);
    const expected = new Float32Array(channels);
    data.forEach((v, i) => expected[i % channels] += v);
    using x = Tensor.from(gpu, data, [data.length]);
    using y = Tensor.empty(gpu, [channels]);
    launchSum(gpu, x, over, y);
    assert.equal(await y.read(), expected, JSON.stringify(over));
  }
});

test("the planner never asks for more workgroups than a dimension holds", () => {
  for (const channels of [1, 64, 65_536, 1_000_000]) {
    for (const [outer, inner] of [[1, 1], [1, 1000], [64, 49], [1, 1_000_000]]) {
      for (const { grid } of planSum({ outer, channels, inner }).stages) {
        assert.ok(grid.every((n) => n >= 1 && n <= 65_535), `${grid}`);
      }
    }
  }
});

test("the same sum twice gives the same bits", async () => {
  const gpu = await testGpu();
  using x = Tensor.from(gpu, Float32Array.from({ length: 50_000 }, (_, i) => Math.sin(i) * 100), [50_000]);
  using a = Tensor.empty(gpu, [1]);
  using b = Tensor.empty(gpu, [1]);
  for (const out of [a, b]) launchSum(gpu, x, { outer: 1, channels: 1, inner: 50_000 }, out);
  assert.is(await a.item(), await b.item());
});

test("a row's maximum is found at the first of equal ones", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const x = tape.own(Tensor.from(gpu, Float32Array.of(1, 3, 3, -5, -4, -4, 0, 0, 0, 9, 2, 1), [2, 2, 3]));
  const { values, indices } = maxRows(tape, x);
  assert.equal(values.shape, [2, 2]);
  assertClose(await values.read(), [3, -4, 0, 9], 0, "values");
  assert.equal(Array.from(new Uint32Array((await gpu.readMany([indices]))[0])), [1, 1, 0, 0]);
});

test("the first number that is NaN, infinite or beyond a limit is found, wherever it stands, and nothing else", async () => {
  const gpu = await testGpu();
  using place = Tensor.zeros(gpu, [1], "u32");
  const find = async (values: Float32Array<ArrayBuffer>, limit: number) => {
    using x = Tensor.from(gpu, values, [values.length]);
    findBeyond(gpu, x, limit, place);
    const [bytes] = await gpu.readMany([place]);
    return new Uint32Array(bytes)[0];
  };
  const small = Float32Array.of(1, -3, 0, 2 ** -140, 3.4e38, -3.4e38);
  assert.is(await find(small, Infinity), 0);
  assert.is(await find(small, 2 ** 64), 2);
  assert.is(await find(Float32Array.of(2 ** 64 - 2 ** 40), 2 ** 64), 0);
  assert.is(await find(Float32Array.of(-(2 ** 64)), 2 ** 64), 1);
  for (const size of [1, 63, 1025, 300_000]) {
    const values = new Float32Array(size).fill(1);
    assert.is(await find(values, Infinity), 0, `${size} ones`);
    for (const bad of [NaN, Infinity, -Infinity]) {
      for (const at of new Set([0, size >> 1, size - 1])) {
        const damaged = values.slice();
        damaged[at] = bad;
        damaged[size - 1] = bad;
        assert.is(await find(damaged, Infinity), size - at, `${bad} at ${at} of ${size}`);
      }
    }
  }
});

test("a buffer larger than a binding is searched in parts", async () => {
  using gpu = await openGpu({ bindingBytes: 2 ** 18 });
  const size = 2 ** 17;
  using place = Tensor.zeros(gpu, [1], "u32");
  for (const at of [3, 2 ** 16 - 1, 2 ** 16, size - 1]) {
    using x = Tensor.from(gpu, new Float32Array(size).fill(1).with(at, NaN), [size]);
    findBeyond(gpu, x, Infinity, place);
    const [bytes] = await gpu.readMany([place]);
    assert.is(new Uint32Array(bytes)[0], size - at);
  }
});

test("hits gather in a counter over batches, a short batch included", async () => {
  const gpu = await testGpu();
  const rows = 300, classes = 7;
  const logits = Float32Array.from({ length: rows * classes }, (_, i) => (i * 37 % 101) / 10);
  const labels = Uint32Array.from({ length: rows }, (_, r) => r % classes);
  const hits = (count: number) =>
    Array.from({ length: count }, (_, r) => {
      const row = Array.from(logits.subarray(r * classes, (r + 1) * classes));
      return Number(row.indexOf(Math.max(...row)) === labels[r]);
    }).reduce((a, b) => a + b, 0);
  using z = Tensor.from(gpu, logits, [rows, classes]);
  using l = Tensor.from(gpu, labels, [rows]);
  using counter = Tensor.zeros(gpu, [2], "u32");
  countCorrect(gpu, z, l, counter);
  countCorrect(gpu, z, l, counter, 17);
  countCorrect(gpu, z, l, counter, 100, 1);
  const counts = Array.from(new Uint32Array((await gpu.readMany([counter]))[0]));
  assert.equal(counts, [hits(rows) + hits(17), hits(100)]);
  assert.ok(hits(100) > 0);
});

for (
  const [shape, axes] of [[[2, 5, 8], [1]], [[3, 7, 5], [1]], [[2, 3, 5, 4], [1, 2]], [[2, 3, 5], [2]], [[4, 6, 1, 3], [
    1,
    3,
  ]]]
) {
  test(`mean of [${shape}] over [${axes}], mid-graph`, async () => {
    const kept = shape.filter((_, axis) => !axes.includes(axis));
    const ones = shape.map((d, axis) => axes.includes(axis) ? 1 : d);
    const oracle = ([x]: readonly Float64Array[]) => {
      const y = new Float64Array(elements(kept));
      x.forEach((v, i) => {
        let at = 0;
        shape.forEach((d, axis) => {
          const index = Math.floor(i / elements(shape.slice(axis + 1))) % d;
          if (!axes.includes(axis)) at = at * d + index;
        });
        y[at] += v * y.length / x.length;
      });
      return y;
    };
    const common = { name: "mean", shapes: [shape], oracle };
    await checkOp({ ...common, shape: kept, op: (tape, [x]) => meanOver(tape, x, axes, "drop") });
    await checkOp({ ...common, shape: ones, op: (tape, [x]) => meanOver(tape, x, axes, "keep") });
  });
}

test("axes that aren't neighbours are refused", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const x = tape.own(Tensor.zeros(gpu, [2, 3, 4, 5]));
  assert.throws(
    () => meanOver(tape, x, [1, 3], "keep"),
    (e: Error) => e instanceof UserError && /\[1,3\]/.test(e.message),
  );
});

test.run();
