/** Batch-norm statistics measured anew, after pruning has changed what flows through the network (docs/pipeline.md). */
import "../disposable.ts";
import { batches } from "../data/loader.ts";
import type { Dataset } from "../data/types.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { execute } from "../graph/execute.ts";
import { isBatchNorm } from "../graph/roles.ts";
import type { Graph, Model } from "../graph/types.ts";
import { Tape } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { uploadParams } from "./device_params.ts";

const BATCHES = 100;

/**
 * Running means and variances as the plain average over up to `most` training batches (momentum-free: batch k counts 1/k).
 * A model without batch norms comes back as it is.
 */
export async function recalibrate(
  gpu: Gpu,
  model: Model,
  data: Dataset,
  batch: number,
  most = BATCHES,
): Promise<Model> {
  if (!model.graph.nodes.some(isBatchNorm)) return model;
  using uploaded = uploadParams(gpu, [model.graph], model.params);
  await measureStatistics(gpu, { graph: model.graph, params: uploaded.params }, data, batch, most);
  return { graph: model.graph, params: await uploaded.download() };
}

/** The same for parameters that lie on the device: the statistics among them are written anew. */
export async function measureStatistics(
  gpu: Gpu,
  { graph, params }: { readonly graph: Graph; readonly params: ReadonlyMap<string, Tensor> },
  data: Dataset,
  batch: number,
  most = BATCHES,
): Promise<void> {
  for await (const { number, count, images } of batches(data, { batch, shuffle: true })) {
    if (number === most) break;
    using tape = new Tape(gpu, "train");
    const x = tape.own(Tensor.from(gpu, images, [count, ...data.shape]));
    execute(tape, graph, params, x, { momentum: number / (number + 1) });
    if (number % 8 === 7) await gpu.sync();
  }
}
