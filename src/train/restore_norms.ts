/** Batch norms for a network that was exported without: measured on data, so that they change nothing at first. */
import { spread } from "../data/splits.ts";
import type { Dataset } from "../data/types.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { convolutionsWithoutNorm, insertNorms } from "../graph/rewrite/insert_norms.ts";
import type { Model } from "../graph/types.ts";
import { gatherEvidence } from "./evidence/gather_evidence.ts";

/** Images that are looked at, spread evenly over the data: running statistics only have to begin near the truth. */
const IMAGES = 512;

/** A network without norms, and what it was trained on. */
export interface RestoreNormsOptions {
  /** Where the passes run. */
  readonly gpu: Gpu;
  /** The network as it was exported; it stays as it is. */
  readonly model: Model;
  /** What it was trained on. */
  readonly data: Dataset;
  /** Images per batch; default 64. */
  readonly batch?: number;
  /** Stops after the batch in progress. */
  readonly signal?: AbortSignal;
}

/**
 * Puts batch norms behind the convolutions that have none, with the mean and variance of what they make of the data: the
 * network computes what it did, within rounding, and trains as it did before its norms were folded away. `withoutNorms`
 * folds them again.
 *
 * @returns the network, and the names of the new nodes
 * @throws UserError for data that don't fit; Interrupted when the signal is aborted
 */
export async function restoreNorms(
  { gpu, model, data, batch, signal }: RestoreNormsOptions,
): Promise<{ readonly model: Model; readonly norms: readonly string[] }> {
  const layers = convolutionsWithoutNorm(model.graph);
  const { activations } = await gatherEvidence({
    gpu,
    model,
    data: spread(data, IMAGES),
    requests: [{ activations: layers.map(({ outputs }) => ({ value: outputs[0] })) }],
    batch,
    signal,
  });
  return insertNorms(
    model,
    new Map(layers.map(({ name, outputs }) => {
      const { mean, meanSquare } = activations.get(outputs[0])!;
      return [name, { mean, variance: meanSquare.map((square, c) => Math.max(0, square - mean[c] ** 2)) }];
    })),
  );
}
