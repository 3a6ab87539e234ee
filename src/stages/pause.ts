/** A run that is carried out in parts may pause within its training, at the end of an epoch. */
import type { Callback } from "../train/types.ts";

/** The run has come to where it was to pause, and its checkpoint is written. Not an error, and nothing was stopped by anyone. */
export class Paused extends Error {
  override readonly name = "Paused";
  /** @param epochs trained so far, over all stages */
  constructor(readonly epochs: number) {
    super(`paused after ${epochs} epochs`);
  }
}

/** Where a run pauses, and how many epochs it had when a training began. */
export interface PauseAt {
  /** Trained over all stages; undefined pauses nowhere. */
  readonly epochs: number | undefined;
  readonly before: number;
}

/**
 * Throws Paused once an epoch has brought the run to its pause: put it behind the callback that writes the checkpoint.
 * A training that is taken up where it paused throws it at once.
 */
export function pausing({ epochs: wanted, before }: PauseAt): Callback[] {
  if (wanted === undefined) return [];
  return [{
    name: "pause",
    afterValidation({ epoch }) {
      const epochs = before + epoch;
      if (epochs >= wanted) throw new Paused(epochs);
    },
  }];
}
