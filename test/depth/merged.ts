/** Random numbers for graphs that are merged, and how far a merged network is from what it was. */
import { random } from "../../kernels/random/philox.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import type { Params64 } from "../../src/graph/fold.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph } from "../../src/graph/types.ts";
import { mergedParams64 } from "../../src/depth/merge/merge.ts";
import { type MergeOptions, type MergePlan, planMerge } from "../../src/depth/merge/plan.ts";
import { elements } from "../../src/tensor/tensor.ts";

/** Weights of sums about 1, norms far from the identity: means, shifts and tables as large as what they are added to. */
export function randomParams64(graph: Graph, seed = 1): Params64 {
  return new Map(
    Object.entries(graph.params).map(([name, { shape, role }]) => {
      const data = new Float64Array(elements(shape));
      const rng = random(seed, name);
      if (role === "variance") rng.fillUniform(data, 0, 0.3, 3);
      else if (role === "weight") rng.fillNormal(data, 0, 0, 1 / Math.sqrt(Math.max(1, elements(shape) / shape[0])));
      else if (role === "gamma") rng.fillUniform(data, 0, 0.5, 1.5);
      else rng.fillNormal(data, 0);
      return [name, { shape, data }];
    }),
  );
}

export function randomInput64(graph: Graph, batch = 2, seed = 7) {
  const shape = [batch, ...graph.inputs[0].shape.slice(1) as number[]];
  return { shape, data: random(seed, "input").fillNormal(new Float64Array(elements(shape)), 0) };
}

/** All outputs in float64, one after the other. */
export function outputs64(graph: Graph, params: Params64, batch = 2): Float64Array {
  const values = referenceForward({ graph, params }, { [graph.inputs[0].name]: randomInput64(graph, batch) });
  return Float64Array.from(graph.outputs.flatMap((name) => [...values.get(name)!.data]));
}

/** The plan between a graph's input and its output; an error where there is none. */
export function wholePlan(graph: Graph, options: MergeOptions = {}): MergePlan {
  const plan = planMerge(graph, { input: graph.inputs[0].name, output: graph.outputs[0] }, options);
  if ("refused" in plan) throw new Error(plan.refused);
  return plan;
}

/** max|Δ| / max|y| of the merged network against what it was, all in float64. */
export function mergeError64(graph: Graph, plans: readonly MergePlan[], seed = 1): number {
  const params = randomParams64(graph, seed);
  const merged = mergedParams64(graph, params, plans);
  return compareOutputs(outputs64(graph, params), outputs64(merged.graph, merged.params)).maxRel;
}
