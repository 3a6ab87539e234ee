import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { UserError } from "../../src/errors.ts";
import { conv2d } from "../../src/tensor/ops/conv.ts";
import { regionConv2d } from "../../src/tensor/ops/region_conv.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { elements, readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";

const test = suite("convolution by region");

const ROWS = [1, 0, 0, 0, 2], COLS = [1, 0, 0, 2];
const OPTIONS = { pads: [1, 1, 1, 1] } as const;

function numbers(name: string, shape: readonly number[]): Float32Array<ArrayBuffer> {
  return random(3, name).fillNormal(new Float32Array(elements(shape)), 0);
}

test("each pixel is that of the convolution with its region's weight", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const own = (data: Float32Array<ArrayBuffer>, shape: readonly number[]) => tape.own(Tensor.from(gpu, data, shape));
  const [weights, biases] = [numbers("weight", [9, 6, 4, 3, 3]), numbers("bias", [9, 6])];
  const x = own(numbers("x", [2, 4, 5, 4]), [2, 4, 5, 4]);
  const operands = { weight: own(weights, [9, 6, 4, 3, 3]), bias: own(biases, [9, 6]), rows: ROWS, cols: COLS };
  const single = Array.from({ length: 9 }, (_, region) => {
    const part = (data: Float32Array<ArrayBuffer>) =>
      data.slice(region * data.length / 9, (region + 1) * data.length / 9);
    return conv2d(tape, x, own(part(weights), [6, 4, 3, 3]), own(part(biases), [6]), OPTIONS);
  });
  const [got, ...expected] = await readTensors([regionConv2d(tape, x, operands, OPTIONS), ...single]);
  assert.is(got.length, 2 * 6 * 5 * 4);
  got.forEach((v, i) => {
    const region = ROWS[Math.floor(i / 4) % 5] * 3 + COLS[i % 4];
    assert.ok(Math.abs(v - expected[region][i]) < 1e-5, `pixel ${i}: ${v}, expected ${expected[region][i]}`);
  });
});

test("regions, weights and biases that don't fit are refused", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const zeros = (...shape: number[]) => tape.own(Tensor.zeros(gpu, shape));
  const x = zeros(1, 4, 5, 4);
  const refused = (regions: number, rows: readonly number[], bias = zeros(regions, 6)) =>
    assert.throws(
      () => regionConv2d(tape, x, { weight: zeros(regions, 6, 4, 3, 3), bias, rows, cols: COLS }, OPTIONS),
      (error: Error) => error instanceof UserError && /don't fit the output \[1,6,5,4\]/.test(error.message),
    );
  refused(8, ROWS);
  refused(9, [1, 0, 0, 2]);
  refused(9, ROWS, zeros(9, 5));
});

test.run();
