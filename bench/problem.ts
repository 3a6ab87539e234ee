/** Synthetic training problems that all contestants are given: one net, one set of first weights, one sequence of batches. */
import { random } from "../kernels/random/philox.ts";
import type { Model } from "../src/graph/types.ts";

export const LEARNING_RATE = 0.01;
export const MOMENTUM = 0.9;

export interface Batch {
  /** [batch, channels, side, side] */
  readonly images: Float32Array<ArrayBuffer>;
  /** [batch] */
  readonly labels: Uint32Array<ArrayBuffer>;
}

export interface Problem {
  readonly model: Model;
  /** Step t trains on batches[t mod batches.length]. */
  readonly batches: readonly Batch[];
}

export interface BatchSizes {
  readonly batch: number;
  readonly classes: number;
  /** Numbers of an image. */
  readonly pixels: number;
}

/**
 * Images are the pattern of their class plus noise. The noise also keeps the values of a pooling window apart:
 * libraries differ in whom they give the gradient to when two values share the maximum.
 */
export function syntheticBatches(seed: number, count: number, { batch, classes, pixels }: BatchSizes): Batch[] {
  const patterns = random(seed, "bench/patterns").fillNormal(new Float32Array(classes * pixels), 0);
  const [labelOf, noise] = [random(seed, "bench/labels"), random(seed, "bench/noise")];
  return Array.from({ length: count }, (_, step) => {
    const labels = Uint32Array.from({ length: batch }, (_, i) => labelOf.below(classes, step, i));
    const images = noise.fillNormal(new Float32Array(batch * pixels), step);
    for (let i = 0; i < images.length; i++) {
      images[i] = 0.5 * images[i] + 0.5 * patterns[labels[Math.floor(i / pixels)] * pixels + i % pixels];
    }
    return { images, labels };
  });
}
