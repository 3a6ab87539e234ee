/** What every contestant runs: ResNet-20 for CIFAR, folded, with drawn weights, on one batch of drawn images. */
import { random } from "../../../kernels/random/philox.ts";
import { foldForInference } from "../../../src/graph/fold.ts";
import { initialise } from "../../../src/graph/initialise.ts";
import type { HostTensor, Model, Params } from "../../../src/graph/types.ts";
import { createModel } from "../../../src/models/zoo.ts";

export const CLASSES = 10;
export const CHANNELS = 3;
export const SIDE = 32;

export interface InferenceProblem {
  /** Batch norms are folded for everybody: all of them would do it by themselves, but for TensorFlow.js outside its converter. */
  readonly model: Model;
  readonly batch: number;
  /** [batch, 3, 32, 32] */
  readonly images: Float32Array<ArrayBuffer>;
}

export function inferenceProblem(batch: number, seed: number): InferenceProblem {
  const graph = createModel("resnet20");
  const images = new Float32Array(batch * CHANNELS * SIDE * SIDE);
  random(seed, "bench/images").fillNormal(images, 0);
  return { model: foldForInference({ graph, params: settled(initialise(graph, seed), seed) }).model, batch, images };
}

/** Its batch norms do something: γ and σ² are around 1, β and μ around 0. */
function settled(params: Params, seed: number): Params {
  const drawn = new Map<string, HostTensor>(params);
  for (const [name, { shape, data }] of params) {
    if (!/(^|\.)bn\d\./.test(name)) continue;
    const noise = random(seed, `bench/${name}`).fillUniform(new Float32Array(data.length), 0, -0.3, 0.3);
    drawn.set(name, { shape, data: data.map((value, i) => value + noise[i]) });
  }
  return drawn;
}
