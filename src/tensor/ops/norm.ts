import {
  type BatchNormShape,
  type NormActivation,
  planBatchNorm,
  planBatchNormGrad,
} from "../../../kernels/norm/batch_norm.ts";
import { UserError } from "../../errors.ts";
import type { Tape } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { cached, tuningFor } from "./launch.ts";
import { perChannel } from "./reduce.ts";

/** All are [C]. */
export interface BatchNormParams {
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

export interface BatchNormOptions {
  /** It is 1e-5 by default. */
  readonly epsilon?: number;
  /**
   * It is as in ONNX: running ← momentum·running + (1 − momentum)·batch, by default 0.9 (PyTorch's 0.1). A cumulative
   * average over batches k = 1, 2, … is momentum (k − 1)/k.
   */
  readonly momentum?: number;
  /**
   * This says whose mean and variance normalise: by default the batch's in training, the running ones in evaluation.
   */
  readonly statistics?: "batch" | "running";
  /** It is applied last; the default is "none". Its gradient keeps only x, and y where there is a residual. */
  readonly activation?: NormActivation;
  /** It has x's shape and is added before the activation. */
  readonly residual?: Tensor;
}

const forwardPlan = cached(planBatchNorm);
const gradientPlan = cached(planBatchNormGrad);

/**
 * Computes act(batch normalisation of x [N, C, …] + residual) (Ioffe and Szegedy, arXiv 1502.03167). Training updates
 * `mean` and `variance`, the running statistics, in place. Normalises by the biased batch variance and
 * keeps the unbiased one, as PyTorch does. It is differentiable in x, γ, β and the residual.
 *
 * @throws UserError where γ or β isn't per channel, or the residual hasn't x's shape
 */
export function batchNorm(tape: Tape, x: Tensor, params: BatchNormParams, options: BatchNormOptions = {}): Tensor {
  const { gpu } = tape;
  const { gamma, beta, mean, variance } = params;
  const { epsilon = 1e-5, momentum = 0.9, activation = "none", residual } = options;
  const { statistics = tape.mode === "train" ? "batch" : "running" } = options;
  const shape: BatchNormShape = {
    ...perChannel(x.shape),
    statistics,
    activation,
    residual: residual ? "add" : "none",
  };
  requireFitting(x, shape.channels, params, residual);
  const plan = forwardPlan(shape, { epsilon, blend: 1 - momentum }, tuningFor(gpu));
  const label = `[${x.shape}]`;
  const scratch = tape.empty([plan.scratch]);
  const y = tape.empty(x.shape);
  if (plan.moments) gpu.run(plan.moments, [x, scratch], label);
  gpu.run(plan.normalise, [x, gamma, beta, residual ?? x, scratch, mean, variance, y], label);
  // Behind a residual the gradient passes the activation before it is needed twice.
  const masked = residual !== undefined && activation !== "none";
  tape.record(
    residual ? [x, gamma, beta, residual] : [x, gamma, beta],
    y,
    (dy, more) => {
      const plan = gradientPlan(shape, more ? "two" : "one", tuningFor(gpu));
      const { whole, sums, gradient, parameters, partials } = plan;
      if (whole && tape.needs(x)) {
        const dgamma = tape.target(gamma), dbeta = tape.target(beta), dx = tape.target(x);
        gpu.run(whole, [x, dy, scratch, dgamma, dbeta, dx], label);
        tape.add(x, dx);
        tape.add(gamma, dgamma);
        tape.add(beta, dbeta);
        if (residual) tape.add(residual, dy);
        return;
      }
      gpu.scope((track) => {
        const between = track(Tensor.empty(gpu, [partials]));
        // Of x + norm(x) both gradients are made before either is handed in, so that they can't have one place.
        const passed = !masked ? dy : residual === x ? tape.empty(x.shape) : tape.target(residual);
        if (masked) gpu.run(sums, [x, dy, scratch, y, more ?? x, passed, between], label);
        else gpu.run(sums, [x, dy, scratch, between], label);
        const dgamma = tape.target(gamma), dbeta = tape.target(beta);
        if (tape.needs(x)) {
          const dx = tape.target(x);
          gpu.run(gradient, [x, passed, scratch, between, dgamma, dbeta, dx], label);
          tape.add(x, dx);
        } else gpu.run(parameters, [between, dgamma, dbeta], label);
        tape.add(gamma, dgamma);
        tape.add(beta, dbeta);
        if (residual) tape.add(residual, passed);
      });
    },
    masked ? "two" : "one",
  );
  return y;
}

function requireFitting(x: Tensor, channels: number, { gamma, beta }: BatchNormParams, residual?: Tensor): void {
  if (gamma.size !== channels || beta.size !== channels) {
    throw new UserError(
      `BatchNormalization: input [${x.shape}] has ${channels} channels, gamma [${gamma.shape}] and beta [${beta.shape}]`,
    );
  }
  if (residual && String(residual.shape) !== String(x.shape)) {
    throw new UserError(`BatchNormalization: input [${x.shape}] and residual [${residual.shape}] differ in shape`);
  }
}
