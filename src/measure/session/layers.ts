/** Measures where a network's time goes: each step of its inference plan by itself, in turns with whole runs. */
import type { Gpu } from "../../gpu/gpu.ts";
import { graphCost } from "../../graph/cost.ts";
import { foldForInference } from "../../graph/fold.ts";
import { fuse } from "../../graph/fuse.ts";
import { compilePlan } from "../../graph/plan.ts";
import type { Model } from "../../graph/types.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type MeasureOptions, sampleInterleaved } from "../interleaved.ts";
import { median } from "../stats.ts";
import type { Entrant } from "./rows.ts";
import type { LayerTime } from "./types.ts";

/** Steps are many and each has its turn in every round, so there are few rounds. */
const SAMPLES = 5;

/**
 * Times the steps of the fused plan in order, without those that launch nothing (a Flatten). Dispatches that are
 * repeated alone find their caches warm and no gap before them, so the sum may be below a whole run; it may be above
 * where the device overlaps steps of a whole run. It gives none where `beforeSample` ended it before everybody had a
 * sample.
 *
 * @throws RangeError where the clock can't resolve a step
 */
export async function measureLayers(
  gpu: Gpu,
  { network, variant, model }: Entrant,
  input: Tensor,
  options: Pick<MeasureOptions, "beforeSample"> = {},
): Promise<LayerTime[]> {
  const [batch] = input.shape;
  const plan = compilePlan(gpu, model, batch);
  try {
    const { nodes } = graphCost(foldForInference(model).model.graph);
    const parts = plan.parts(input).filter(({ dispatches }) => dispatches > 0);
    const [whole, ...sampled] = await sampleInterleaved(gpu, [
      { name: "the whole network", record: () => void plan.run(input) },
      ...parts.map(({ step, record }) => ({ name: step.node.name, record })),
    ], { seconds: 0, minSamples: SAMPLES, maxSamples: SAMPLES, ...options });
    if ([whole, ...sampled].some(({ samplesMs }) => samplesMs.length === 0)) return [];
    const wholeMs = median(whole.samplesMs);
    return parts.map(({ step: { node } }, i) => {
      const medianMs = median(sampled[i].samplesMs);
      const macs = nodes.get(node.name)?.macs ?? 0;
      return { network, variant, batch, layer: node.name, op: node.op, macs, medianMs, ofWhole: medianMs / wholeMs };
    });
  } finally {
    plan.dispose();
  }
}

/** Says how many steps the fused plan has. */
export function layerCount(model: Model): number {
  return fuse(foldForInference(model).model.graph).length;
}
