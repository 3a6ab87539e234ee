import type { Dataset, Split } from "../../data/types.ts";
import { spread } from "../../data/splits.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Model } from "../../graph/types.ts";
import { evaluateModel } from "../../train/evaluate.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import type { Fidelity } from "../search/search.ts";

/** What a network's worth is measured on. */
export interface GeneEvaluation {
  readonly gpu: Gpu;
  /** Its batch norms are measured anew on these first. */
  readonly train: Split;
  /** Held-out images, which no gene was trained on. */
  readonly heldOut: Dataset;
  /** Images per batch of the training data. */
  readonly batch: number;
}

/** Images of the cheap evaluation, spread evenly over the held-out ones. */
export const CHEAP_IMAGES = 512;
/** Batches that norms are measured on; of a small set all there are. */
const CALIBRATION_BATCHES = 20;

/** Held-out accuracy in 0…1 after the norms have been measured anew: on 512 images, or on all. */
export async function evaluateGene(
  { gpu, train, heldOut, batch }: GeneEvaluation,
  model: Model,
  fidelity: Fidelity,
): Promise<number> {
  const settled = await recalibrate(gpu, model, train, batch, CALIBRATION_BATCHES);
  const { accuracy } = await evaluateModel(gpu, settled, fidelity === "cheap" ? cheapPart(heldOut) : heldOut);
  return accuracy;
}

/** Whether both fidelities look at the same images. */
export function fidelitiesAgree({ count }: Pick<Dataset, "count">): boolean {
  return count <= CHEAP_IMAGES;
}

function cheapPart(heldOut: Dataset): Dataset {
  return fidelitiesAgree(heldOut) ? heldOut : spread(heldOut, CHEAP_IMAGES);
}
