import {
  type NormActivation,
  planBatchNorm,
  planBatchNormGrad,
  planBatchNormParameters,
  planRunningStatistics,
  planStatistics,
} from "../../../kernels/norm/batch_norm.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Tape } from "../tape.ts";
import { Tensor } from "../tensor.ts";
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
  /** It is applied to the normalised values; the default is "none". Its gradient keeps only x. */
  readonly activation?: NormActivation;
}

/**
 * Computes batch normalisation of x [N, C, …] (Ioffe and Szegedy, arXiv 1502.03167). Training updates `mean` and
 * `variance`, the running statistics, in place. Normalises by the biased batch variance and
 * keeps the unbiased one, as PyTorch does.
 */
export function batchNorm(tape: Tape, x: Tensor, params: BatchNormParams, options: BatchNormOptions = {}): Tensor {
  const { gpu } = tape;
  const { gamma, beta } = params;
  const { epsilon = 1e-5, activation = "none" } = options;
  const { statistics: whose = tape.mode === "train" ? "batch" : "running" } = options;
  const over = perChannel(x.shape);
  const statistics = tape.empty([2, over.channels]);
  if (whose === "batch") launchStatistics(gpu, x, params, options, statistics);
  else launchRunningStatistics(gpu, params, epsilon, statistics);
  const y = tape.empty(x.shape);
  launchNormalise(gpu, x, params, statistics, activation, y);
  tape.record([x, gamma, beta], y, (dy) => {
    const dgamma = tape.target(gamma);
    const dbeta = tape.target(beta);
    const { first, second, partials } = planBatchNormParameters(over, activation);
    const label = `[${x.shape}]`;
    gpu.scope((track) => {
      const between = track(Tensor.empty(gpu, [partials]));
      gpu.run(first, [x, dy, statistics, gamma, beta, between], label);
      gpu.run(second, [between, dgamma, dbeta], label);
    });
    if (tape.needs(x)) {
      const dx = tape.target(x);
      const plan = planBatchNormGrad(over, whose, activation);
      gpu.run(plan, [x, dy, statistics, gamma, beta, dgamma, dbeta, dx], label);
      tape.add(x, dx);
    }
    tape.add(gamma, dgamma);
    tape.add(beta, dbeta);
  });
  return y;
}

function launchStatistics(
  gpu: Gpu,
  x: Tensor,
  { mean, variance }: Pick<BatchNormParams, "mean" | "variance">,
  { epsilon = 1e-5, momentum = 0.9 }: BatchNormOptions,
  statistics: Tensor,
): void {
  const { first, second, partials } = planStatistics(perChannel(x.shape), { epsilon, blend: 1 - momentum });
  gpu.scope((track) => {
    const between = track(Tensor.empty(gpu, [partials]));
    gpu.run(first, [x, between], `[${x.shape}]`);
    gpu.run(second, [between, statistics, mean, variance], `[${x.shape}]`);
  });
}

function launchRunningStatistics(
  gpu: Gpu,
  { mean, variance }: Pick<BatchNormParams, "mean" | "variance">,
  epsilon: number,
  statistics: Tensor,
): void {
  gpu.run(planRunningStatistics(mean.size, epsilon), [mean, variance, statistics], `[${mean.shape}]`);
}

function launchNormalise(
  gpu: Gpu,
  x: Tensor,
  params: BatchNormParams,
  statistics: Tensor,
  activation: NormActivation,
  y: Tensor,
): void {
  const { gamma, beta } = params;
  const over = perChannel(x.shape);
  if (gamma.size !== over.channels || beta.size !== over.channels) {
    throw new UserError(
      `BatchNormalization: input [${x.shape}] has ${over.channels} channels, gamma [${gamma.shape}] and beta [${beta.shape}]`,
    );
  }
  gpu.run(planBatchNorm(over, activation), [x, statistics, gamma, beta, y], `[${x.shape}]`);
}
