import { UserError } from "../../errors.ts";
import type { Callback } from "../types.ts";

/**
 * Ends a training when so many epochs have brought no validation accuracy above the highest one before them. Put it before
 * `checkpoint`, and `bestEpoch` beside it for the parameters of the best epoch.
 *
 * @param epochs at least 1
 * @throws UserError for another number; in training where there are no validation data
 */
export function patience(epochs: number): Callback {
  if (!(Number.isInteger(epochs) && epochs >= 1)) {
    throw new UserError(`patience: ${epochs} epochs, expected a whole number of at least 1`);
  }
  let best = { epoch: 0, accuracy: -Infinity };
  return {
    name: "patience",
    afterValidation(training, { epoch, validationAccuracy: accuracy }) {
      if (accuracy === undefined) throw new UserError("patience looks at validation accuracy: give validation data");
      if (accuracy > best.accuracy) best = { epoch, accuracy };
      if (epoch - best.epoch >= epochs) training.stop();
    },
    // No accuracy is below 0, and JSON has no infinity.
    snapshot: () => ({ values: { epoch: best.epoch, accuracy: Math.max(-1, best.accuracy) } }),
    restore({ values }) {
      best = values as typeof best;
    },
  };
}
