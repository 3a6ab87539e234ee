import type { Splits } from "../data/types.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { withoutNorms } from "../graph/fold.ts";
import { countNonzero, graphCost } from "../graph/cost.ts";
import { peakBytes } from "../graph/peak_bytes.ts";
import type { Model } from "../graph/types.ts";
import { evaluateModel } from "../train/evaluate.ts";
import { agreementWith } from "./agreement.ts";
import type { Point } from "./types.ts";

/**
 * Measures a network: accuracy on both held-out sets, or agreement with the dense one where the images have no labels; what it
 * stores, computes and holds in memory. Batch norms that the run put back count as folded, since that is how they are written.
 */
export async function pointOf(
  { gpu, data, state }: {
    readonly gpu: Gpu;
    readonly data: Splits;
    readonly state: { readonly restored?: readonly string[]; readonly dense: Model };
  },
  name: string,
  trained: Model,
): Promise<Point> {
  const model = withoutNorms(trained, state.restored);
  const cost = graphCost(model.graph);
  const accuracy = async (part: "validation" | "test") => (await evaluateModel(gpu, model, data[part])).accuracy;
  return {
    name,
    ...data.labels === "absent"
      ? { agreement: await agreementWith(gpu, state.dense, model, data.validation) }
      : { accuracy: { validation: await accuracy("validation"), test: await accuracy("test") } },
    params: cost.params,
    nonzero: countNonzero(model.params),
    macs: cost.macs,
    bytes: cost.bytes,
    peakBytes: peakBytes(model.graph),
  };
}
