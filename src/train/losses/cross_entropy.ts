import type { Graph } from "../../graph/types.ts";
import { softmaxCrossEntropy } from "../../tensor/ops/loss.ts";
import type { Loss } from "../types.ts";

/** How cross-entropy is computed. */
export interface CrossEntropySettings {
  /** The target is (1 − ε)·one-hot + ε/K (Szegedy et al., arXiv 1512.00567). Default 0. */
  readonly labelSmoothing?: number;
  /** Whose outputs; default: the training's first graph. */
  readonly graph?: Graph;
}

/** The mean softmax cross-entropy of a graph's logits [N, K] against the labels. */
export function crossEntropy({ labelSmoothing = 0, graph }: CrossEntropySettings = {}): Loss {
  return ({ tape, forward, labels }) =>
    softmaxCrossEntropy(tape, forward(graph), labels, { smoothing: labelSmoothing });
}
