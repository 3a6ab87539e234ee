/** Random float64 data for tests of the reference interpreter. */
import { random } from "../../kernels/random/philox.ts";
import type { Array64 } from "../../src/graph/reference/array.ts";
import { referenceNode } from "../../src/graph/reference/forward.ts";
import type { Attrs, OpName } from "../../src/graph/types.ts";

/** Standard normal numbers, the same for the same name. */
export function sample(name: string, ...shape: number[]): Array64 {
  const data = new Float64Array(shape.reduce((product, d) => product * d, 1));
  return { shape, data: random(1, name).fillNormal(data, 0) };
}

export function array(shape: readonly number[], values: readonly number[]): Array64 {
  return { shape, data: Float64Array.from(values) };
}

/** One operator on these inputs. */
export function run(op: OpName, inputs: readonly Array64[], attrs: Attrs = {}, mode?: "train"): Array64 {
  return referenceNode({ name: "node", op, inputs: inputs.map((_, i) => `${i}`), outputs: ["y"], attrs }, inputs, mode);
}

export function largestDifference(a: Array64, b: Array64): number {
  if (a.shape.join() !== b.shape.join()) throw new Error(`shapes [${a.shape}] and [${b.shape}]`);
  return a.data.reduce((most, v, i) => Math.max(most, Math.abs(v - b.data[i])), 0);
}
