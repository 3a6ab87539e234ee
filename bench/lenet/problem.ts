/** The training problem that all contestants are given: one net, one set of first weights, one sequence of batches. */
import { random } from "../../kernels/random/philox.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";

export const BATCH = 64;
export const CLASSES = 10;
export const SIDE = 28;
export const LEARNING_RATE = 0.01;
export const MOMENTUM = 0.9;

export interface Batch {
  /** [BATCH, 1, SIDE, SIDE] */
  readonly images: Float32Array<ArrayBuffer>;
  /** [BATCH] */
  readonly labels: Uint32Array<ArrayBuffer>;
}

export interface Problem {
  /** LeNet-5 with biases and a ReLU after each hidden layer: 431,080 parameters. */
  readonly model: Model;
  /** Step t trains on batches[t mod batches.length]. */
  readonly batches: readonly Batch[];
}

/**
 * Images are the pattern of their class plus noise. The noise also keeps the values of a pooling window apart:
 * libraries differ in whom they give the gradient to when two values share the maximum.
 */
export function lenetProblem(seed: number, count = 8): Problem {
  const graph = createModel("lenet5");
  const pixels = SIDE * SIDE;
  const patterns = random(seed, "bench/patterns").fillNormal(new Float32Array(CLASSES * pixels), 0);
  const [labelOf, noise] = [random(seed, "bench/labels"), random(seed, "bench/noise")];
  const batches = Array.from({ length: count }, (_, step) => {
    const labels = Uint32Array.from({ length: BATCH }, (_, i) => labelOf.below(CLASSES, step, i));
    const images = noise.fillNormal(new Float32Array(BATCH * pixels), step);
    for (let i = 0; i < images.length; i++) {
      images[i] = 0.5 * images[i] + 0.5 * patterns[labels[Math.floor(i / pixels)] * pixels + i % pixels];
    }
    return { images, labels };
  });
  return { model: { graph, params: initialise(graph, seed) }, batches };
}
