import { UserError } from "../../errors.ts";
import type { Params } from "../../graph/types.ts";
import type { Callback } from "../types.ts";

/** The epoch with the highest validation accuracy, the first of equals. */
export interface BestEpoch {
  /** From 1. */
  readonly epoch: number;
  /** On the validation set, a fraction in 0…1. */
  readonly accuracy: number;
  /** As they were at its end. */
  readonly params: Params;
}

/** A callback for one training; afterwards it has the best epoch. */
export interface BestEpochCallback extends Callback {
  /** Undefined before the first epoch has ended. */
  readonly best: BestEpoch | undefined;
}

/** Keeps the parameters of the epoch that validates best. */
export function bestEpoch(): BestEpochCallback {
  let best: BestEpoch | undefined;
  return {
    name: "best-epoch",
    get best() {
      return best;
    },
    async afterValidation({ state }, { epoch, validationAccuracy: accuracy }) {
      if (accuracy === undefined) {
        throw new UserError("best-epoch chooses by validation accuracy: give validation data");
      }
      if (!best || accuracy > best.accuracy) best = { epoch, accuracy, params: await state.download() };
    },
    snapshot() {
      if (!best) return {};
      const { params, ...values } = best;
      return { values, tensors: params };
    },
    restore({ values, tensors }) {
      if (values) best = { ...values as Omit<BestEpoch, "params">, params: tensors! };
    },
  };
}
