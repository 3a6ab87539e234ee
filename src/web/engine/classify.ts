/** What both forms of the digits network see in a drawing. */
import { sampleInterleaved } from "../../measure/interleaved.ts";
import { median } from "../../measure/stats.ts";
import { compilePlan, type InferencePlan } from "../../graph/plan.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Variant } from "../../measure/session/types.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Calls } from "../messages.ts";
import { once, trained } from "./catalogue.ts";
import type { Device } from "./device.ts";

const SIDE = 8;
/** Shades of the digits, above 0. */
const DEEPEST = 16;
/** The networks' own times are of so many samples, of this length at most: the first answer waits for them. */
const SAMPLES = 5, LONGEST_SAMPLE_MS = 30;
/** A sample of fewer steps of the clock says nothing. */
const FEW_QUANTA = 20;

type Answer = Calls["classify"]["answer"];

/** @param quiet nothing else computes: the networks are timed when that is so */
type Classify = (pixels: readonly number[], quiet: () => boolean) => Promise<Answer>;

export function createClassifier(base: URL, device: Device): Classify {
  const files = once(() => Promise.all([trained(base, "digits-dense"), trained(base, "digits")]));
  let plans: readonly Ready[] = [];
  device.onLost(() => plans = []);
  return async (pixels, quiet) => {
    const [dense, pruned] = await files();
    const { mean: [mean] = [0], std: [std] = [1] } = dense.metadata;
    const image = Float32Array.from(pixels, (pixel) => (pixel / DEEPEST - mean) / std);
    return await device.use(async (gpu) => {
      using input = Tensor.from(gpu, image, [1, 1, SIDE, SIDE]);
      if (plans.length === 0) {
        plans = [
          { variant: "dense", plan: compilePlan(gpu, dense.model, 1) },
          { variant: "pruned", plan: compilePlan(gpu, pruned.model, 1) },
        ];
      }
      if (plans.some(({ own }) => !own) && quiet()) plans = await timed(gpu, input, plans);
      const answers: Answer[number][] = [];
      for (const { variant, plan, own } of plans) {
        answers.push({ variant, probabilities: softmax(await plan.run(input).read()), ...own });
      }
      return answers;
    });
  };
}

interface Ready {
  readonly variant: Variant;
  readonly plan: InferencePlan;
  /** Of one run, without what asking for it and reading it take; missing until it was timed, empty where the clock is too coarse. */
  readonly own?: { readonly ms?: number };
}

/** Times both in turns, as a session does, only more briefly. */
async function timed(gpu: Gpu, input: Tensor, plans: readonly Ready[]): Promise<Ready[]> {
  const contestants = plans.map(({ variant, plan }) => ({ name: variant, record: () => void plan.run(input) }));
  const sampled = await sampleInterleaved(gpu, contestants, {
    seconds: 0,
    minSamples: SAMPLES,
    maxSamples: SAMPLES,
    longestSampleMs: LONGEST_SAMPLE_MS,
  });
  return plans.map((ready, i) => {
    const { samplesMs, repeats, quantumMs } = sampled[i];
    const ms = median(samplesMs);
    return { ...ready, own: ms * repeats < FEW_QUANTA * quantumMs ? {} : { ms } };
  });
}

function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const highest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
