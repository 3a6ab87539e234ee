/** Accuracy and loss of a network on a data set, in evaluation mode, with one read per data set. */
import "../disposable.ts";
import { batches } from "../data/loader.ts";
import type { Dataset } from "../data/types.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { execute } from "../graph/execute.ts";
import type { Graph, Model } from "../graph/types.ts";
import { axpby } from "../tensor/ops/inplace.ts";
import { softmaxCrossEntropy } from "../tensor/ops/loss.ts";
import { countCorrect } from "../tensor/ops/reduce.ts";
import { Tape } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { uploadParams } from "./device_params.ts";

/** How good a network is on a data set. */
export interface Evaluation {
  /** Fraction in 0…1 whose largest logit is the label's. */
  readonly accuracy: number;
  /** Mean cross-entropy, without label smoothing. */
  readonly loss: number;
}

/** Keeps the recording short of a watchdog's patience and of piling up memory. */
const SYNC_EVERY_BATCHES = 16;

export async function evaluate(
  gpu: Gpu,
  graph: Graph,
  params: ReadonlyMap<string, Tensor>,
  data: Dataset,
  batch = 250,
): Promise<Evaluation> {
  using lossSum = Tensor.zeros(gpu, []);
  using correct = Tensor.zeros(gpu, [1], "u32");
  for await (const { number, count, images, labels } of batches(data, { batch })) {
    using tape = new Tape(gpu, "eval");
    const x = tape.own(
      Tensor.from(gpu, images, [count, ...data.shape]),
    );
    const t = tape.own(Tensor.from(gpu, labels, [count]));
    const logits = execute(tape, graph, params, x);
    axpby(gpu, count, softmaxCrossEntropy(tape, logits, t), 1, lossSum);
    countCorrect(gpu, logits, t, correct);
    if (number % SYNC_EVERY_BATCHES === SYNC_EVERY_BATCHES - 1) await gpu.sync();
  }
  const [loss, right] = await gpu.readMany([lossSum, correct]);
  return { accuracy: new Uint32Array(right)[0] / data.count, loss: new Float32Array(loss)[0] / data.count };
}

/** The first output of a network for all images, [images, …] row by row. */
export async function outputsOn(gpu: Gpu, { graph, params }: Model, data: Dataset, batch = 250): Promise<Float32Array> {
  using uploaded = uploadParams(gpu, [graph], params);
  const parts: Float32Array[] = [];
  for await (const { count, images } of batches(data, { batch })) {
    using tape = new Tape(gpu, "eval");
    const x = tape.own(Tensor.from(gpu, images, [count, ...data.shape]));
    parts.push(await execute(tape, graph, uploaded.params, x).read());
  }
  return joinedRows(parts);
}

/** All of them, one after the other. */
export function joinedRows(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The same for a network that lies on the host. */
export async function evaluateModel(gpu: Gpu, model: Model, data: Dataset, batch?: number): Promise<Evaluation> {
  using uploaded = uploadParams(gpu, [model.graph], model.params);
  return await evaluate(gpu, model.graph, uploaded.params, data, batch);
}
