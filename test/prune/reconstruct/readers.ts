/** Layers by the rows that they read, for tests: moments in float64 from rows drawn by a seed. */
import { random } from "../../../kernels/random/philox.ts";
import { momentsOf, type Reader, withRidge } from "../../../src/prune/reconstruct/reader.ts";
import type { SecondMoments } from "../../../src/train/evidence/evidence.ts";

/** Of rows x, to each of which a 1 is added. */
export function secondMoments(rows: readonly (readonly number[])[]): SecondMoments {
  const n = rows[0].length + 1;
  const sums = new Float64Array(n * n);
  for (const row of rows.map((values) => [...values, 1])) {
    row.forEach((a, i) => row.forEach((b, j) => sums[i * n + j] += a * b));
  }
  return { n, sums };
}

/** Rows of `inputs` correlated numbers with means other than 0, each half its own and half a mixture of what all have. */
export function drawRows(seed: number, count: number, inputs: number): number[][] {
  const stream = random(seed, "rows");
  const draw = (size: number) => stream.fillNormal(new Float32Array(size), 0);
  const mixing = draw(inputs * inputs);
  const raw = random(seed, "numbers").fillNormal(new Float32Array(count * inputs), 0);
  return Array.from({ length: count }, (_, r) =>
    Array.from({ length: inputs }, (_, i) => {
      let sum = 0.3 * i;
      for (let j = 0; j < inputs; j++) {
        sum += ((i === j ? 1 : 0) + mixing[i * inputs + j] / Math.sqrt(inputs)) * raw[r * inputs + j];
      }
      return sum;
    }));
}

/** A layer that reads these rows; each column is a group unless told. */
export function readerOf(
  rows: readonly (readonly number[])[],
  weight: readonly (readonly number[])[],
  groups: readonly (readonly number[])[] = rows[0].map((_, i) => [i]),
  ridge = 0,
): Reader {
  return {
    inputs: rows[0].length,
    outputs: weight.length,
    weight: Float64Array.from(weight.flat()),
    moments: withRidge(momentsOf(secondMoments(rows), "intercept"), ridge),
    groups,
  };
}

export function drawWeight(seed: number, outputs: number, inputs: number): number[][] {
  const numbers = random(seed, "weight").fillNormal(new Float32Array(outputs * inputs), 0);
  return Array.from({ length: outputs }, (_, o) => Array.from(numbers.subarray(o * inputs, (o + 1) * inputs)));
}
