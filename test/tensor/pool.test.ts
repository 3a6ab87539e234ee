import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { averagePool, globalAveragePool, maxPool, pooledShape } from "../../src/tensor/ops/pool.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { pool, pooled, type Windows } from "../oracle/pool.ts";
import { checkOp } from "./check_op.ts";

const test = suite("pool");

const CASES: ({ shape: [number, number, number, number] } & Windows)[] = [
  { shape: [2, 3, 8, 8], kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] },
  { shape: [2, 5, 4, 12], kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] },
  { shape: [1, 2, 7, 7], kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] },
  { shape: [1, 2, 7, 8], kernel: [2, 2], strides: [2, 2], pads: [0, 0, 1, 0] },
  { shape: [2, 2, 13, 7], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  { shape: [1, 3, 5, 5], kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] },
  { shape: [1, 1, 9, 11], kernel: [3, 2], strides: [1, 3], pads: [2, 0, 1, 1] },
  { shape: [1, 2, 11, 5], kernel: [1, 2], strides: [3, 2], pads: [0, 1, 0, 0] },
  { shape: [3, 1, 1, 1], kernel: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0] },
];

for (const { shape, ...windows } of CASES) {
  const { kernel, strides, pads } = windows;
  const name = `${kernel} every ${strides}, pads ${pads}, of [${shape}]`;
  const [n, c, h, w] = shape;
  const common = { name, shapes: [shape], shape: [n, c, ...pooled(h, w, windows)] };
  test(`max ${name}, mid-graph`, () =>
    checkOp({
      ...common,
      op: (tape, [x]) => maxPool(tape, x, windows),
      oracle: ([x]) => pool(x, h, w, windows, "max"),
    }));
  test(`average ${name}, mid-graph`, async () => {
    await checkOp({
      ...common,
      op: (tape, [x]) => averagePool(tape, x, { ...windows, over: "window" }),
      oracle: ([x]) => pool(x, h, w, windows, "mean over the window"),
    });
    await checkOp({
      ...common,
      op: (tape, [x]) => averagePool(tape, x, windows),
      oracle: ([x]) => pool(x, h, w, windows, "mean over the taps inside"),
    });
  });
}

for (const shape of [[2, 3, 7, 7], [3, 5, 8, 8], [1, 2, 1, 1], [2, 2, 40, 40]]) {
  test(`global average of [${shape}], mid-graph`, () =>
    checkOp({
      name: "global average",
      shapes: [shape],
      shape: [shape[0], shape[1], 1, 1],
      op: globalAverage,
      oracle: ([x]) => {
        const inner = shape[2] * shape[3];
        return Float64Array.from(
          { length: shape[0] * shape[1] },
          (_, m) => x.subarray(m * inner, (m + 1) * inner).reduce((a, b) => a + b) / inner,
        );
      },
    }));
}

test("of equal maxima the first in row-major order gets the whole gradient", async () => {
  const gpu = await testGpu();
  const gradient = async (shape: number[], data: number[], options: Parameters<typeof maxPool>[2]) => {
    using tape = new Tape(gpu, "train");
    const x = tape.own(Tensor.from(gpu, Float32Array.from(data), shape));
    tape.watch(x);
    const y = maxPool(tape, x, options);
    const seed = Float32Array.from({ length: y.size }, (_, i) => i + 1);
    tape.backward(y, tape.own(Tensor.from(gpu, seed, y.shape)));
    return Array.from(await tape.gradient(x)!.read());
  };
  const two = { kernel: [2, 2], strides: [2, 2] } as const;
  assert.equal(await gradient([1, 1, 2, 4], [5, 5, 0, 7, 5, 5, 7, 7], two), [1, 0, 0, 2, 0, 0, 0, 0]);
  assert.equal(await gradient([1, 1, 2, 2], [3, 3, 3, 3], two), [1, 0, 0, 0]);
  // Overlapping windows over a plateau: each gives to its own first element.
  const three = { kernel: [2, 2] } as const;
  assert.equal(await gradient([1, 1, 3, 3], [2, 2, 2, 2, 2, 2, 2, 2, 2], three), [1, 2, 0, 3, 4, 0, 0, 0, 0]);
  // Negative everywhere, with padding: padding never wins.
  assert.equal(await gradient([1, 1, 1, 2], [-4, -3], { kernel: [3, 3], pads: [1, 1, 1, 1] }), [0, 3]);
});

test("windows that don't fit are refused", () => {
  const refuses = (shape: number[], options: Parameters<typeof maxPool>[2]) =>
    assert.throws(() => pooledShape(shape, options), (e: Error) => e instanceof UserError);
  refuses([1, 1, 2, 2], { kernel: [3, 3] });
  refuses([1, 1, 4, 4], { kernel: [2, 2], pads: [2, 0, 0, 0] });
  refuses([1, 4, 4], { kernel: [2, 2] });
});

function globalAverage(tape: Tape, [x]: readonly Tensor[]): Tensor {
  return globalAveragePool(tape, x);
}

test.run();
