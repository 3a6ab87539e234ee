import type { Callback, Snapshot } from "../types.ts";

/**
 * Saves a snapshot after each epoch and where the signal stops the training: `train` with `from` goes on from the last
 * one to the same bits. Put it last, so that it keeps what the others have settled.
 */
export function checkpoint(save: (snapshot: Snapshot) => Promise<void>): Callback {
  return {
    name: "checkpoint",
    afterValidation: async (training) => await save(await training.snapshot()),
    interrupted: async (training) => await save(await training.snapshot()),
  };
}
