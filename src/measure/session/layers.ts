/** Measures where a network's time goes: each step of its inference plan by itself, in turns with whole runs. */
import type { Gpu } from "../../gpu/gpu.ts";
import { foldForInference } from "../../graph/fold.ts";
import { fuse } from "../../graph/fuse.ts";
import type { Model } from "../../graph/types.ts";
import type { MeasureOptions } from "../interleaved.ts";
import { measureTimelines } from "../timelines.ts";
import type { Entrant } from "./rows.ts";
import type { LayerTime } from "./types.ts";

/**
 * Gives the times of the fused plan's steps (`measureTimelines`); none where `beforeSample` ended it before everybody had
 * a sample.
 *
 * @throws RangeError where the clock can't resolve a step
 */
export async function measureLayers(
  gpu: Gpu,
  { network, variant, model }: Entrant,
  batch: number,
  options: Pick<MeasureOptions, "beforeSample"> = {},
): Promise<LayerTime[]> {
  const found = await measureTimelines(gpu, [model], batch, { ...options, dispatchRuns: 1 });
  if (!found) return [];
  const { launchMs, timelines: [{ wholeMs, steps }] } = found;
  return steps.map(({ name: layer, op, macs, bytes, ms: medianMs, dispatches }) => ({
    network,
    variant,
    batch,
    layer,
    op,
    macs,
    medianMs,
    ofWhole: medianMs / wholeMs,
    bytes,
    dispatches: dispatches.length,
    launchMs,
  }));
}

/** Says how many steps the fused plan has. */
export function layerCount(model: Model): number {
  return fuse(foldForInference(model).model.graph).length;
}
