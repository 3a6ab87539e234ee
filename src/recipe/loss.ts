/** The losses that a recipe names, as `train` takes them. */
import type { Model } from "../graph/types.ts";
import type { LossSettings } from "../train/losses/losses.ts";
import type { Loss } from "./training.ts";

/** @param dense the network before anything was pruned, which the others learn from */
export function lossSettings(loss: Loss | undefined, labelSmoothing: number, dense: Model): LossSettings {
  const labels = { kind: "cross-entropy", labelSmoothing } as const;
  if (!loss) return labels;
  return SETTINGS[loss.kind](loss as never, labels, dense);
}

const SETTINGS: {
  readonly [Kind in Loss["kind"]]: (
    loss: Extract<Loss, { kind: Kind }>,
    labels: LossSettings,
    teacher: Model,
  ) => LossSettings;
} = {
  "cross-entropy": (_loss, labels) => labels,
  distill: ({ temperature, weight }, labels, teacher) => ({
    kind: "sum",
    terms: [
      { loss: labels, weight: 1 - weight },
      { loss: { kind: "distill", teacher, temperature }, weight },
    ],
  }),
  outputs: (_loss, _labels, teacher) => ({ kind: "outputs", teacher }),
};
