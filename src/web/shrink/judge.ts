/** How far a smaller network is from the one given, on images that nothing was fitted on. */
import { firstImages } from "../../data/proof_inputs.ts";
import type { Dataset } from "../../data/types.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { inferShapes } from "../../graph/infer.ts";
import { runPlan } from "../../graph/equivalence.ts";
import type { Model } from "../../graph/types.ts";
import { outputLoss, sameLargest } from "../../prune/reconstruct/output_loss.ts";
import type { ShrunkNetwork } from "./types.ts";

export async function judge(gpu: Gpu, given: Model, small: Model, images: Dataset): Promise<ShrunkNetwork["judged"]> {
  const { inputs, batch } = firstImages(images, images.count);
  const before = await runPlan(gpu, given, inputs, batch);
  const after = await runPlan(gpu, small, inputs, batch);
  const classifies = inferShapes(given.graph).get(given.graph.outputs[0])!.length === 2;
  const agreement = classifies ? sameLargest(before, after, batch) : undefined;
  return { images: batch, loss: outputLoss(before, after, batch), ...agreement !== undefined && { agreement } };
}
