import type { Splits } from "../data/types.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { withoutNorms } from "../graph/fold.ts";
import { countNonzero, graphCost } from "../graph/cost.ts";
import { peakBytes } from "../graph/peak_bytes.ts";
import type { Model } from "../graph/types.ts";
import { evaluateModel } from "../train/evaluate.ts";
import type { Point } from "./types.ts";

/**
 * Measures a network: accuracy on both held-out sets, what it stores, computes and holds in memory. Batch norms that the run put
 * back count as folded, since that is how they are written.
 */
export async function pointOf(
  { gpu, data, state }: {
    readonly gpu: Gpu;
    readonly data: Splits;
    readonly state: { readonly restored?: readonly string[] };
  },
  name: string,
  trained: Model,
): Promise<Point> {
  const model = withoutNorms(trained, state.restored);
  const cost = graphCost(model.graph);
  const validation = await evaluateModel(gpu, model, data.validation);
  const test = await evaluateModel(gpu, model, data.test);
  return {
    name,
    accuracy: { validation: validation.accuracy, test: test.accuracy },
    params: cost.params,
    nonzero: countNonzero(model.params),
    macs: cost.macs,
    bytes: cost.bytes,
    peakBytes: peakBytes(model.graph),
  };
}
