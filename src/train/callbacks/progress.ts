import type { Callback } from "../types.ts";

/** How far a training is. */
export interface ShownProgress {
  /** Epochs done, with the fraction of the one in progress. */
  readonly done: number;
  /** In all. */
  readonly epochs: number;
  /** The epoch in progress or just ended, from 1. */
  readonly epoch: number;
  /** Mean over the samples of this epoch so far. */
  readonly loss: number;
  /** Validation accuracy after the last epoch that this process has finished. */
  readonly accuracy: number | undefined;
}

/** Shows how far training has got, a few times a second and after each epoch. */
export function progress(show: (progress: ShownProgress) => void): Callback {
  let accuracy: number | undefined;
  return {
    name: "progress",
    afterRead({ epoch, epochs, batches, progress: { batch, lossSum, samples } }) {
      show({ done: epoch + batch / batches, epochs, epoch: epoch + 1, loss: lossSum / samples, accuracy });
    },
    afterValidation({ epochs }, { epoch, loss, validationAccuracy }) {
      accuracy = validationAccuracy;
      show({ done: epoch, epochs, epoch, loss, accuracy });
    },
  };
}
