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

/** The same for a network that lies on the host. */
export async function evaluateModel(gpu: Gpu, model: Model, data: Dataset, batch?: number): Promise<Evaluation> {
  using uploaded = uploadParams(gpu, [model.graph], model.params);
  return await evaluate(gpu, model.graph, uploaded.params, data, batch);
}
