/** Inputs that networks are compared on: real images, and random ones that reach where images don't. */
import { random } from "../../kernels/random/philox.ts";
import { gather } from "./loader.ts";
import type { Dataset } from "./types.ts";

const PROOF_IMAGES = 64;

/** `batch` inputs one after the other. */
export interface Inputs {
  readonly inputs: Float32Array;
  readonly batch: number;
}

/** The first images of a data set, at most `most`, as a network takes them. */
export function firstImages(data: Dataset, most: number): Inputs {
  const batch = Math.min(most, data.count);
  return { inputs: gather(data, Uint32Array.from({ length: batch }, (_, i) => i)).images, batch };
}

/** The first 64 images of a data set, and as many random inputs, normal with σ = 1. */
export function proofInputs(data: Dataset, seed: number): Inputs {
  const { inputs: images, batch } = firstImages(data, PROOF_IMAGES);
  const inputs = new Float32Array(2 * images.length);
  inputs.set(images);
  random(seed, "proof").fillNormal(inputs.subarray(images.length), 0);
  return { inputs, batch: 2 * batch };
}
