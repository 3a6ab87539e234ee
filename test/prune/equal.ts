import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Model } from "../../src/graph/types.ts";
import { randomInputs } from "../generate/graphs.ts";

/** Largest difference between the outputs of two models in float64, relative to the largest output of the first. */
export function difference(a: Model, b: Model, seed = 1): number {
  const inputs = randomInputs(a.graph, seed);
  const left = referenceForward(a, inputs);
  const right = referenceForward(b, inputs);
  let worst = 0;
  for (const name of a.graph.outputs) {
    const [x, y] = [left.get(name)!, right.get(name)!];
    if (x.shape.join() !== y.shape.join()) return Infinity;
    const scale = x.data.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-6);
    x.data.forEach((v, i) => worst = Math.max(worst, Math.abs(v - y.data[i]) / scale));
    if (x.data.some((v, i) => !(Math.abs(v - y.data[i]) < Infinity))) return Infinity;
  }
  return worst;
}
