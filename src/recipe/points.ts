import { countNonzero, graphCost } from "../graph/cost.ts";
import { peakBytes } from "../graph/peak_bytes.ts";
import type { Model } from "../graph/types.ts";
import type { Point } from "../report/types.ts";
import { evaluateModel } from "../train/evaluate.ts";
import type { RunContext } from "./context.ts";

/** Measures a network: accuracy on both held-out sets, what it stores, computes and holds in memory. */
export async function pointOf(
  ctx: Pick<RunContext, "gpu" | "data">,
  name: string,
  model: Model,
): Promise<Point> {
  const cost = graphCost(model.graph);
  const validation = await evaluateModel(ctx.gpu, model, ctx.data.validation);
  const test = await evaluateModel(ctx.gpu, model, ctx.data.test);
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
