import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { type Problem, syntheticBatches } from "../problem.ts";

export { LEARNING_RATE, MOMENTUM, type Problem } from "../problem.ts";

export const BATCH = 32;
export const CLASSES = 10;
export const CHANNELS = 3;
export const SIDE = 32;
/** Of all batch norms. */
export const EPSILON = 1e-5;
/** running ← BN_MOMENTUM·running + (1 − BN_MOMENTUM)·batch; the running variance is the unbiased one. */
export const BN_MOMENTUM = 0.9;

/**
 * ResNet-20 for CIFAR (src/models/resnet.ts): shortcuts of option A, batch norms that normalise by the batch's biased
 * variance, 269,722 parameters; images [BATCH, CHANNELS, SIDE, SIDE].
 */
export function resnetProblem(seed: number, count = 8): Problem {
  const graph = createModel("resnet20");
  const pixels = CHANNELS * SIDE * SIDE;
  const batches = syntheticBatches(seed, count, { batch: BATCH, classes: CLASSES, pixels });
  return { model: { graph, params: initialise(graph, seed) }, batches };
}
