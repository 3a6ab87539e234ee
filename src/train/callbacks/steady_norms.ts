/** Batch norms whose running statistics can't keep up with the weights, where an epoch has few steps. */
import type { Dataset } from "../../data/types.ts";
import { batchNormAttrs } from "../../graph/attrs.ts";
import { isBatchNorm } from "../../graph/roles.ts";
import type { Graph } from "../../graph/types.ts";
import { measureStatistics } from "../recalibrate.ts";
import type { Callback } from "../types.ts";

/**
 * Whether running statistics lag behind what an epoch has made of the weights. With momentum m, r ← m·r + (1 − m)·batch,
 * they are an average over the last 1/(1 − m) steps, about: where an epoch has fewer, over weights of epochs before.
 *
 * @param steps of an epoch
 */
export function statisticsLag({ nodes }: Graph, steps: number): boolean {
  return nodes.filter(isBatchNorm).some((node) => {
    const { momentum } = batchNormAttrs(node);
    return momentum < 1 && steps * (1 - momentum) < 1 - 1e-9;
  });
}

/** Over all images a quarter of an epoch's time would go into a validation's statistics, and these tell nearly as much. */
const BETWEEN = 4;

/**
 * Measures the running statistics of the first graph anew over the training images after each epoch, before it is validated,
 * where they would lag (`statisticsLag`): after the last epoch over all of them, before over a few batches. Training
 * itself goes by the statistics of each batch, and isn't changed.
 *
 * @param data the training images
 * @param batch images at once, as in training
 * @param between batches that are looked at after each epoch but the last one
 */
export function steadyNorms(data: Dataset, batch: number, between: number | "all" = BETWEEN): Callback {
  return {
    name: "steady-norms",
    async afterEpoch({ gpu, graphs: [graph], state, batches, epoch, epochs }) {
      if (!statisticsLag(graph, batches)) return;
      const most = epoch === epochs || between === "all" ? undefined : between;
      await measureStatistics(gpu, { graph, params: state.params }, data, batch, most);
    },
  };
}
