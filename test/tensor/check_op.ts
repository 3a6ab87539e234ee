/**
 * Checks an op in the middle of a graph, loss = Σ c ⊙ op(2·x₀, 2·x₁, …) with random c, so that an op that ignores the
 * gradient from above, or doesn't hand its own on, is caught: values against a float64 oracle, gradients against central
 * differences of that oracle.
 */
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { mul, scale } from "../../src/tensor/ops/pointwise.ts";
import { sum } from "../../src/tensor/ops/reduce.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { elements, readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";

export interface OpCase {
  readonly name: string;
  /** Shapes of the float inputs. */
  readonly shapes: readonly (readonly number[])[];
  /** Values of the inputs; default: standard normal. */
  readonly values?: (input: number, size: number) => Float64Array;
  readonly op: (tape: Tape, inputs: readonly Tensor[]) => Tensor;
  readonly oracle: (inputs: readonly Float64Array[]) => Float64Array;
  readonly shape: readonly number[];
  /** Forward tolerance relative to the element and to the largest element; default 2e-6. */
  readonly rtol?: number;
  /** The op uploads constant tables once and keeps them. */
  readonly keepsTables?: boolean;
}

/** At most this many elements of an input are differentiated numerically; others are taken at random from it. */
const PROBES = 24;
const STEP = 1e-5;

export async function checkOp(check: OpCase): Promise<void> {
  const { name, shapes, values = normal, oracle, shape, rtol = 2e-6, keepsTables = false } = check;
  const gpu = await testGpu();
  // Rounded to float32 before both sides see them; halved so that 2·x is exact.
  const leaves = shapes.map((s, i) => Float64Array.from(Float32Array.from(values(i, elements(s)), (v) => v / 2)));
  const doubled = leaves.map((x) => x.map((v) => 2 * v));
  const expected = oracle(doubled);
  const c = Float32Array.from(random(7, "cotangent").fillNormal(new Float64Array(expected.length), 0));

  if (keepsTables) await differentiate(gpu, check, leaves, c);
  const before = gpu.stats().liveBuffers;
  const [actual, ...gradients] = await differentiate(gpu, check, leaves, c);
  assert.is(gpu.stats().liveBuffers, before, `${name}: the tape gives every buffer back`);

  assert.is(actual.length, elements(shape));
  assertClose(actual, expected, rtol, `${name}: value`);
  const lossOf = (inputs: readonly Float64Array[]) => oracle(inputs).reduce((total, v, i) => total + v * c[i], 0);
  doubled.forEach((x, input) => {
    const probes = chooseProbes(x.length);
    const numeric = probes.map((i) => {
      const at = (v: number) => lossOf(doubled.map((d, k) => k === input ? d.with(i, v) : d));
      return 2 * (at(x[i] + STEP) - at(x[i] - STEP)) / (2 * STEP);
    });
    const analytic = probes.map((i) => gradients[input][i]);
    assertClose(analytic, numeric, 1e-4, `${name}: gradient of input ${input}`);
  });
}

/** The op's value and the gradients of Σ c ⊙ op(2·x₀, …) with respect to x₀, …. */
function differentiate(
  gpu: Gpu,
  { name, shapes, op, shape }: OpCase,
  leaves: readonly Float64Array[],
  c: Float32Array<ArrayBuffer>,
): Promise<Float32Array[]> {
  using tape = new Tape(gpu, "train");
  const inputs = leaves.map((x, i) => tape.own(Tensor.from(gpu, Float32Array.from(x), shapes[i])));
  inputs.forEach((x) => tape.watch(x));
  const y = op(tape, inputs.map((x) => scale(tape, x, 2)));
  assert.equal(y.shape, shape, `${name}: shape`);
  const kept = tape.own(Tensor.empty(gpu, y.shape));
  gpu.copy(y, kept);
  tape.backward(sum(tape, mul(tape, y, tape.own(Tensor.from(gpu, c, y.shape)))));
  return readTensors([kept, ...inputs.map((x) => tape.gradient(x)!)]);
}

/** Each |a − e| ≤ rtol · (|e| + largest |e|). */
export function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, rtol: number, what: string): void {
  assert.is(actual.length, expected.length, `${what}: length`);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]));
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]);
    if (!(error <= rtol * (Math.abs(expected[i]) + largest) + 1e-30)) {
      assert.unreachable(`${what}: element ${i} is ${actual[i]}, expected ${expected[i]} (off by ${error})`);
    }
  }
}

function normal(input: number, size: number): Float64Array {
  return random(1, `input ${input}`).fillNormal(new Float64Array(size), 0);
}

function chooseProbes(size: number): number[] {
  if (size <= PROBES) return Array.from({ length: size }, (_, i) => i);
  const rng = random(3, "probes");
  return [0, size - 1, ...Array.from({ length: PROBES - 2 }, (_, i) => rng.below(size, 0, i))];
}
