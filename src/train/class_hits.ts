/** How many images of each class a network tells right. */
import "../disposable.ts";
import { batches } from "../data/loader.ts";
import type { Dataset } from "../data/types.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { execute } from "../graph/execute.ts";
import type { Model } from "../graph/types.ts";
import { Tape } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { uploadParams } from "./device_params.ts";

const BATCH = 250;

/** Gives for each class the images whose largest logit is its own, in evaluation mode; of equal logits the first counts. */
export async function classHits(gpu: Gpu, model: Model, data: Dataset): Promise<number[]> {
  const hits = Array<number>(data.classes).fill(0);
  using uploaded = uploadParams(gpu, [model.graph], model.params);
  for await (const { count, images, labels } of batches(data, { batch: BATCH })) {
    using tape = new Tape(gpu, "eval");
    const x = tape.own(Tensor.from(gpu, images, [count, ...data.shape]));
    const logits = await execute(tape, model.graph, uploaded.params, x).read();
    const width = logits.length / count;
    for (let i = 0; i < count; i++) {
      const own = logits.subarray(i * width, (i + 1) * width);
      if (own.indexOf(Math.max(...own)) === labels[i]) hits[labels[i]]++;
    }
  }
  return hits;
}
