/** What both forms of the digits network see in a drawing. */
import { compilePlan, type InferencePlan } from "../../graph/plan.ts";
import type { Variant } from "../../measure/session/types.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Calls } from "../messages.ts";
import { once, trained } from "./catalogue.ts";
import type { Device } from "./device.ts";

const SIDE = 8;
/** Shades of the digits, above 0. */
const DEEPEST = 16;

type Answer = Calls["classify"]["answer"];

export function createClassifier(base: URL, device: Device): (pixels: readonly number[]) => Promise<Answer> {
  const files = once(() => Promise.all([trained(base, "digits-dense"), trained(base, "digits")]));
  let plans: { readonly variant: Variant; readonly plan: InferencePlan }[] = [];
  device.onLost(() => plans = []);
  return async (pixels) => {
    const [dense, pruned] = await files();
    const { mean: [mean] = [0], std: [std] = [1] } = dense.metadata;
    const image = Float32Array.from(pixels, (pixel) => (pixel / DEEPEST - mean) / std);
    return await device.use(async (gpu) => {
      if (plans.length === 0) {
        plans = [
          { variant: "dense", plan: compilePlan(gpu, dense.model, 1) },
          { variant: "pruned", plan: compilePlan(gpu, pruned.model, 1) },
        ];
      }
      using input = Tensor.from(gpu, image, [1, 1, SIDE, SIDE]);
      const answers: Answer[number][] = [];
      for (const { variant, plan } of plans) {
        const started = performance.now();
        const logits = await plan.run(input).read();
        answers.push({ variant, probabilities: softmax(logits), ms: performance.now() - started });
      }
      return answers;
    });
  };
}

function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const highest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
