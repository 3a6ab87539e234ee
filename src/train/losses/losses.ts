/** Losses by name. */
import { choose } from "../choice.ts";
import type { Loss } from "../types.ts";
import { crossEntropy, type CrossEntropySettings } from "./cross_entropy.ts";

interface Settings {
  readonly "cross-entropy": CrossEntropySettings;
}

export type LossKind = keyof Settings;
export type LossSettings = { readonly [Kind in LossKind]: { readonly kind: Kind } & Settings[Kind] }[LossKind];

const LOSSES: { readonly [Kind in LossKind]: (settings: Settings[Kind]) => Loss } = {
  "cross-entropy": crossEntropy,
};

/** The loss that is named, or the one that is given. @throws UserError for an unknown name */
export function lossOf(loss: Loss | LossSettings): Loss {
  if (typeof loss === "function") return loss;
  return choose("loss", loss.kind, LOSSES)(loss);
}
