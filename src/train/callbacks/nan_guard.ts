import { diverged } from "../errors.ts";
import type { Callback } from "../types.ts";

/** Ends a training whose loss is NaN or infinite with a DivergedError. Looks whenever sums are read. */
export function nanGuard(): Callback {
  return {
    name: "nan-guard",
    afterRead(training) {
      if (!Number.isFinite(training.progress.lossSum)) throw diverged(training, training.epoch + 1);
    },
    afterValidation(training, { epoch, validationLoss }) {
      // The last steps can blow the weights up without any training loss telling.
      if (validationLoss !== undefined && !Number.isFinite(validationLoss)) throw diverged(training, epoch);
    },
  };
}
