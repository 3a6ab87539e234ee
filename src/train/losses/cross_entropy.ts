import { softmaxCrossEntropy } from "../../tensor/ops/loss.ts";
import type { Loss } from "../types.ts";

export interface CrossEntropySettings {
  /** The target is (1 − ε)·one-hot + ε/K (Szegedy et al., arXiv 1512.00567). Default 0. */
  readonly labelSmoothing?: number;
}

/** The mean softmax cross-entropy of the first graph's logits [N, K] against the labels. */
export function crossEntropy({ labelSmoothing = 0 }: CrossEntropySettings = {}): Loss {
  return ({ tape, forward, labels }) => softmaxCrossEntropy(tape, forward(), labels, { smoothing: labelSmoothing });
}
