/** What keeping a network's numbers in f16 changes: how far its outputs move, and its accuracy. */
import "../disposable.ts";
import { batches } from "../data/loader.ts";
import type { Dataset } from "../data/types.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { compilePlan, type InferencePlan } from "../graph/plan.ts";
import { hasHalves, type PlanStorage, WITHOUT_HALVES } from "../graph/plan_storage.ts";
import type { Model } from "../graph/types.ts";
import { readTensors, Tensor } from "../tensor/tensor.ts";
import { fasterProducts } from "./half_products.ts";

/** A network's plan in f16 beside its plan in f32, over the same images. */
export interface HalfFigures {
  /** So many images went through both. */
  readonly images: number;
  /** max |Δ| / max |y| over all of them. */
  readonly maxRel: number;
  /** For this share of them, 0…1, both have the largest output in the same place. */
  readonly sameClass: number;
  /** The shares that each tells right, 0…1, by the data's labels. */
  readonly accuracy: Readonly<Record<PlanStorage, number>>;
}

/** It was asked for and can't be told: why not. */
export interface NoHalves {
  readonly notMeasured: string;
}

const BATCH = 100;

/** Runs the data through both plans of the network. It gives a reason instead where the device has no f16. */
export async function halfFigures(gpu: Gpu, model: Model, data: Dataset): Promise<HalfFigures | NoHalves> {
  if (!hasHalves(gpu)) return { notMeasured: WITHOUT_HALVES };
  const batch = Math.min(BATCH, data.count);
  const { products } = await fasterProducts(gpu);
  using stack = new DisposableStack();
  const [wide, half] = (["f32", "f16"] as const).map((storage): InferencePlan =>
    stack.adopt(compilePlan(gpu, model, batch, { storage, products }), (plan) => plan.dispose())
  );
  let images = 0, same = 0, worst = 0, largest = 0;
  const right = { f32: 0, f16: 0 };
  for await (const { count, images: pixels, labels } of batches(data, { batch })) {
    // The last batch may be smaller: what is left over of the plan's counts for nothing.
    const whole = new Float32Array(batch * pixels.length / count);
    whole.set(pixels);
    using x = Tensor.from(gpu, whole, [batch, ...data.shape]);
    const [expected, found] = await readTensors([wide.run(x), half.run(x)]);
    const width = expected.length / batch;
    for (let i = 0; i < count * width; i++) {
      const off = Math.abs(found[i] - expected[i]);
      // An infinity, of what doesn't fit into f16, is as far off as can be.
      worst = off <= worst ? worst : Number.isNaN(off) ? Infinity : off;
      largest = Math.max(largest, Math.abs(expected[i]));
    }
    for (let i = 0; i < count; i++) {
      const [a, b] = [expected, found].map((y) => placeOfLargest(y.subarray(i * width, (i + 1) * width)));
      if (a === b) same++;
      if (a === labels[i]) right.f32++;
      if (b === labels[i]) right.f16++;
    }
    images += count;
  }
  const accuracy = { f32: right.f32 / images, f16: right.f16 / images };
  return { images, maxRel: worst === 0 ? 0 : worst / largest, sameClass: same / images, accuracy };
}

function placeOfLargest(outputs: Float32Array): number {
  let place = 0;
  for (let i = 1; i < outputs.length; i++) if (outputs[i] > outputs[place]) place = i;
  return place;
}
