import { planCrossEntropy, planCrossEntropyGrad } from "../../../kernels/loss/cross_entropy.ts";
import { planDistillation, planDistillationGrad, type Targets } from "../../../kernels/loss/distillation.ts";
import { planSquaredError, planSquaredErrorGrad } from "../../../kernels/loss/squared_error.ts";
import { show, UserError } from "../../errors.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { launchSum } from "./reduce.ts";

export interface CrossEntropyOptions {
  /** Label smoothing ε: the target is (1 − ε)·one-hot + ε/K (Szegedy et al., arXiv 1512.00567). It is 0 by default. */
  readonly smoothing?: number;
  /** Only the first `rows` rows count, for a short last batch. By default all do. */
  readonly rows?: number;
}

/**
 * Computes the mean softmax cross-entropy of logits [N, K] and labels u32 [N], shape []. Labels must be below K.
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

export interface DistillationOptions {
  /** T > 0: both sides' logits are divided by it, and the loss is multiplied by T². It is 1 by default. */
  readonly temperature?: number;
  /** The teacher gives logits (the default), or probabilities over the classes, which T leaves alone. */
  readonly targets?: Targets;
}

/**
 * Computes T² · KL(p ‖ softmax(z/T)), the mean over the rows of the student's logits z [N, …, K]; shape []. p is
 * softmax(t/T) of the teacher's logits t of the same shape, or t itself (Hinton, Vinyals and Dean, arXiv 1503.02531).
 * T² keeps the size of the gradient about the same for every T. No gradient reaches the teacher.
 */
export function distillationLoss(
  tape: Tape,
  z: Tensor,
  teacher: Tensor,
  { temperature = 1, targets = "logits" }: DistillationOptions = {},
): Tensor {
  requireSameShape("distillation", z, teacher);
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new UserError(`distillation: temperature is ${show(temperature)}, expected a number above 0`);
  }
  const classes = z.shape[z.shape.length - 1];
  const shape = { rows: z.size / classes, classes, temperature, targets };
  const { gpu } = tape;
  const label = `[${z.shape}]`;
  const perRow = tape.empty([shape.rows]);
  const saved = tape.empty([4, shape.rows]);
  const loss = tape.empty([]);
  gpu.run(planDistillation(shape), [z, teacher, perRow, saved], label);
  launchSum(gpu, perRow, { outer: 1, channels: 1, inner: shape.rows }, loss, 1 / shape.rows);
  tape.record([z], loss, (dloss) => {
    const dz = tape.target(z);
    gpu.run(planDistillationGrad(shape), [z, teacher, saved, dloss, dz], label);
    tape.add(z, dz);
  });
  return loss;
}

/** Computes the mean of (y − target)² over all elements, shape []. No gradient reaches the target. */
export function meanSquaredError(tape: Tape, y: Tensor, target: Tensor): Tensor {
  requireSameShape("mean squared error", y, target);
  const { gpu } = tape;
  const label = `[${y.shape}]`;
  const squares = tape.empty([y.size]);
  const loss = tape.empty([]);
  gpu.run(planSquaredError(y.size), [y, target, target, squares], label);
  launchSum(gpu, squares, { outer: 1, channels: 1, inner: y.size }, loss, 1 / y.size);
  tape.record([y], loss, (dloss) => {
    const dy = tape.target(y);
    gpu.run(planSquaredErrorGrad(y.size), [y, target, dloss, dy], label);
    tape.add(y, dy);
  });
  return loss;
}

function requireSameShape(what: string, a: Tensor, b: Tensor): void {
  if (a.shape.join() === b.shape.join()) return;
  throw new UserError(`${what}: the output has shape [${a.shape}], its target [${b.shape}], expected the same`);
}
