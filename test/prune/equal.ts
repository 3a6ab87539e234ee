import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Model } from "../../src/graph/types.ts";
import { randomInputs } from "../generate/graphs.ts";

/**
 * Largest difference between the outputs of two models in float64, relative to the largest output of the first.
 *
 * @param left what the first makes of the seed's inputs, where it is known already
 */
export function difference(a: Model, b: Model, seed = 1, left = forward(a, a, seed)): number {
  const right = forward(b, a, seed);
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

/** All values that `model` makes of the seed's inputs of `of`. */
export function forward(model: Model, of: Model, seed: number): ReturnType<typeof referenceForward> {
  return referenceForward(model, randomInputs(of.graph, seed));
}
