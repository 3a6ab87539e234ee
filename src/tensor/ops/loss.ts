import { planCrossEntropy, planCrossEntropyGrad } from "../../../kernels/loss/cross_entropy.ts";
import { UserError } from "../../errors.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { launchSum } from "./reduce.ts";

export interface CrossEntropyOptions {
  /** Label smoothing ε: the target is (1 − ε)·one-hot + ε/K (Szegedy et al., arXiv 1512.00567). Default 0. */
  readonly smoothing?: number;
  /** Only the first `rows` rows count, for a short last batch. Default: all. */
  readonly rows?: number;
}

/**
 * The mean softmax cross-entropy of logits [N, K] and labels u32 [N], shape []. Labels must be below K.
 * Evaluation counts hits with `countCorrect`.
 */
export function softmaxCrossEntropy(
  tape: Tape,
  logits: Tensor,
  labels: Tensor,
  { smoothing = 0, rows = logits.shape[0] }: CrossEntropyOptions = {},
): Tensor {
  const [n, classes] = logits.shape;
  if (logits.shape.length !== 2 || labels.size !== n || labels.dtype !== "u32") {
    throw new UserError(
      `cross entropy: expected logits [N, K] and labels u32 [N], got [${logits.shape}] and ${labels.dtype} [${labels.shape}]`,
    );
  }
  const shape = { rows: n, classes, valid: rows, smoothing };
  const { gpu } = tape;
  const label = `[${logits.shape}]`;
  const perRow = tape.empty([n]);
  const saved = tape.empty([2, n]);
  const loss = tape.empty([]);
  gpu.run(planCrossEntropy(shape), [logits, labels, perRow, saved], label);
  launchSum(gpu, perRow, { outer: 1, channels: 1, inner: n }, loss, 1 / rows);
  tape.record([logits], loss, (dloss) => {
    const dz = tape.target(logits);
    gpu.run(planCrossEntropyGrad(shape), [logits, labels, saved, dloss, dz], label);
    tape.add(logits, dz);
  });
  return loss;
}
