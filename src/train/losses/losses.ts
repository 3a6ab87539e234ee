/** Losses by name. */
import { show, UserError } from "../../errors.ts";
import { chooseByKind, type KnownKeys, refuseUnknownKeys } from "../../validation/choice.ts";
import type { Loss } from "../types.ts";
import { crossEntropy, type CrossEntropySettings } from "./cross_entropy.ts";
import { distillation, type DistillationSettings } from "./distillation.ts";
import { outputError, type OutputErrorSettings } from "./output_error.ts";
import type { Scalar } from "./scalar.ts";
import { weightedSum } from "./weighted_sum.ts";

/** What each loss takes, by its name. */
export interface LossOptions {
  /** Against labels. */
  readonly "cross-entropy": CrossEntropySettings;
  /** Towards a frozen teacher's classes. */
  readonly distill: DistillationSettings;
  /** Towards a frozen network's outputs. */
  readonly outputs: OutputErrorSettings;
  /** A weighted sum of others. */
  readonly sum: { readonly terms: readonly { readonly loss: Loss | LossSettings; readonly weight?: Scalar }[] };
}

/** Losses that have a name. */
export type LossKind = keyof LossOptions;
/** A loss by its name, with what it takes. */
export type LossSettings = { readonly [Kind in LossKind]: { readonly kind: Kind } & LossOptions[Kind] }[LossKind];

const LOSSES: { readonly [Kind in LossKind]: (settings: LossOptions[Kind]) => Loss } = {
  "cross-entropy": crossEntropy,
  distill: distillation,
  outputs: outputError,
  sum({ terms }) {
    if (!Array.isArray(terms)) {
      throw new UserError(`loss sum: terms is ${show(terms)}, expected a list of { loss, weight }`);
    }
    return weightedSum(terms.map(({ loss, weight }) => ({ loss: lossOf(loss), weight })));
  },
};

const KNOWN: { readonly [Kind in LossKind]: KnownKeys<LossOptions[Kind]> } = {
  "cross-entropy": { labelSmoothing: true, graph: true },
  distill: { teacher: true, temperature: true, targets: true, graph: true },
  outputs: { teacher: true, graph: true },
  sum: { terms: true },
};

/** The loss that is named, or the one that is given. @throws UserError for an unknown name or setting */
export function lossOf(loss: Loss | LossSettings): Loss {
  if (typeof loss === "function") return loss;
  const make = chooseByKind("loss", loss, LOSSES as Readonly<Record<LossKind, (settings: LossSettings) => Loss>>);
  refuseUnknownKeys(`loss ${loss.kind}`, loss, ["kind", ...Object.keys(KNOWN[loss.kind])]);
  return make(loss);
}
