/** How near a network is to the dense one, as far as images without labels tell. */
import type { Dataset } from "../data/types.ts";
import { UserError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Model } from "../graph/types.ts";
import { outputLoss, sameLargest } from "../prune/reconstruct/output_loss.ts";
import { outputsOn } from "../train/evaluate.ts";
import type { Agreement } from "./types.ts";

/** @throws UserError where the dense network's outputs aren't finite, or the same for all images: nothing can be told by them */
export async function agreementWith(gpu: Gpu, dense: Model, model: Model, images: Dataset): Promise<Agreement> {
  const { count } = images;
  const before = await outputsOn(gpu, dense, images);
  const after = model === dense ? before : await outputsOn(gpu, model, images);
  if (!before.every(Number.isFinite)) {
    throw new UserError(
      "the network's outputs aren't finite numbers: check that mean and std are those that it was trained with",
    );
  }
  const outputs = before.length / count;
  if (before.every((z, i) => z === before[i % outputs])) {
    throw new UserError(
      `the network's outputs are the same for all ${count} held-out images, so nothing can be told by them: give other images`,
    );
  }
  const sameClass = sameLargest(before, after, count);
  return { images: count, ...sameClass !== undefined && { sameClass }, outputLoss: outputLoss(before, after, count) };
}
