import type { Graph, Model } from "../graph/types.ts";
import { crossEntropy } from "../train/losses/cross_entropy.ts";
import { distillation } from "../train/losses/distillation.ts";
import { weightedSum } from "../train/losses/weighted_sum.ts";
import type { Loss } from "../train/types.ts";

/** How a network learns from labels and from a teacher. */
export interface TaughtLossSettings {
  /** The frozen network before depth pruning. */
  readonly teacher: Model;
  /** Whose logits; default: the training's first graph. */
  readonly graph?: Graph;
  /** Of the cross-entropy; default 0. */
  readonly labelSmoothing?: number;
}

/** Cross-entropy with the labels and distillation at temperature 1, one to one. */
export function taughtLoss({ teacher, graph, labelSmoothing }: TaughtLossSettings): Loss {
  return weightedSum([
    { loss: crossEntropy({ graph, labelSmoothing }) },
    { loss: distillation({ teacher, graph, temperature: 1 }) },
  ]);
}
