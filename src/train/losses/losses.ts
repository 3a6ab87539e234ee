/** Losses by name. */
import { choose } from "../choice.ts";
import type { Loss } from "../types.ts";
import { crossEntropy, type CrossEntropySettings } from "./cross_entropy.ts";
import { distillation, type DistillationSettings } from "./distillation.ts";
import { outputError, type OutputErrorSettings } from "./output_error.ts";
import type { Scalar } from "./scalar.ts";
import { weightedSum } from "./weighted_sum.ts";

interface Settings {
  readonly "cross-entropy": CrossEntropySettings;
  readonly distill: DistillationSettings;
  readonly outputs: OutputErrorSettings;
  readonly sum: { readonly terms: readonly { readonly loss: Loss | LossSettings; readonly weight?: Scalar }[] };
}

export type LossKind = keyof Settings;
export type LossSettings = { readonly [Kind in LossKind]: { readonly kind: Kind } & Settings[Kind] }[LossKind];

const LOSSES: { readonly [Kind in LossKind]: (settings: Settings[Kind]) => Loss } = {
  "cross-entropy": crossEntropy,
  distill: distillation,
  outputs: outputError,
  sum: ({ terms }) => weightedSum(terms.map(({ loss, weight }) => ({ loss: lossOf(loss), weight }))),
};

/** The loss that is named, or the one that is given. @throws UserError for an unknown name */
export function lossOf(loss: Loss | LossSettings): Loss {
  if (typeof loss === "function") return loss;
  return choose("loss", loss.kind, LOSSES as Readonly<Record<LossKind, (settings: LossSettings) => Loss>>)(loss);
}
