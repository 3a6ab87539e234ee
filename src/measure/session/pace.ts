/**
 * Watches the device's pace by one product, timed before each row. Rows follow one another for minutes, and a phone
 * that has become warm meanwhile makes the later ones look worse than they are.
 */
import "../../disposable.ts";
import { planGemm } from "../../../kernels/gemm/plan.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { launch, tuningFor } from "../../tensor/ops/launch.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { type Contestant, type MeasureOptions, MIN_SAMPLE_QUANTA, sampleInterleaved } from "../interleaved.ts";
import { median } from "../stats.ts";

const SIZE = 256;
const SAMPLES = 5;
/** A coarser clock would take seconds to tell. */
const LONGEST_SAMPLE_MS = 100;
/**
 * The device counts as slower where a product takes so many times the first row's time, or that of the last row that
 * was told of.
 */
const SLOWER = 1.3;

/** Gives a line about it where the device has become slower than it was. */
export type Pace = (gpu: Gpu, beforeSample: MeasureOptions["beforeSample"]) => Promise<string | undefined>;

export function createPace(): Pace {
  let firstMs: number | undefined, told = 1;
  return async (gpu, beforeSample) => {
    const ms = await productMs(gpu, beforeSample);
    if (ms === undefined) return undefined;
    firstMs ??= ms;
    const ratio = ms / firstMs;
    if (ratio < told * SLOWER) return undefined;
    told = ratio;
    return `a ${SIZE}×${SIZE}×${SIZE} product takes ${ratio.toFixed(2)} times as long as before the first row`;
  };
}

/** Opens the product, to be timed in turns with something else. */
export function openProduct(gpu: Gpu): Contestant & Disposable {
  const a = Tensor.zeros(gpu, [SIZE, SIZE]), b = Tensor.zeros(gpu, [SIZE, SIZE]), y = Tensor.empty(gpu, [SIZE, SIZE]);
  const plan = planGemm({ m: SIZE, n: SIZE, k: SIZE, a: "k", b: "k" }, tuningFor(gpu));
  return {
    name: "pace",
    record: () => launch(gpu, plan, { a, b, y }, "pace"),
    [Symbol.dispose]() {
      for (const tensor of [a, b, y]) tensor.dispose();
    },
  };
}

async function productMs(gpu: Gpu, beforeSample: MeasureOptions["beforeSample"]): Promise<number | undefined> {
  using product = openProduct(gpu);
  const [{ samplesMs, quantumMs }] = await sampleInterleaved(gpu, [product], {
    seconds: 0,
    minSamples: SAMPLES,
    maxSamples: SAMPLES,
    longestSampleMs: LONGEST_SAMPLE_MS,
    beforeSample,
  });
  const resolved = samplesMs.length === SAMPLES && MIN_SAMPLE_QUANTA * quantumMs <= LONGEST_SAMPLE_MS;
  return resolved ? median(samplesMs) : undefined;
}
