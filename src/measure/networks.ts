/** Times several networks of one input shape against each other. */
import { random } from "../../kernels/random/philox.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { compilePlan, type InferencePlan } from "../graph/plan.ts";
import { concrete } from "../graph/shapes.ts";
import type { Model } from "../graph/types.ts";
import { elements, Tensor } from "../tensor/tensor.ts";
import { type Measured, measureInterleaved } from "./interleaved.ts";
import type { RunTuner } from "./run_tuner.ts";

export interface NetworkTiming {
  readonly batch: number;
  /** So many seconds are spent on each network. */
  readonly seconds: number;
  /** The random inputs are drawn from it. */
  readonly seed: number;
  /** Tunes the networks before they are compiled. */
  readonly tuner: Pick<RunTuner, "inference">;
  /** The moment within the run, for the tuner. */
  readonly point: string;
}

/** All go through the same plan builder, in interleaved rounds; results come in the networks' order. */
export async function measureNetworks<Name extends string>(
  gpu: Gpu,
  networks: readonly { readonly name: Name; readonly model: Model }[],
  { batch, seconds, seed, tuner, point }: NetworkTiming,
): Promise<(Measured & { readonly name: Name })[]> {
  if (networks.length === 0) return [];
  const shape = concrete(networks[0].model.graph.inputs[0].shape, batch);
  const plans: { name: Name; plan: InferencePlan }[] = [];
  const numbers = random(seed, "measure").fillNormal(new Float32Array(elements(shape)), 0);
  using input = Tensor.from(gpu, numbers, shape);
  await tuner.inference(point, networks.map(({ model }) => model), batch, 1000 * seconds * networks.length);
  try {
    for (const { name, model } of networks) {
      plans.push({ name, plan: compilePlan(gpu, model, batch) });
    }
    const measured = await measureInterleaved(
      gpu,
      plans.map(({ name, plan }) => ({ name, record: () => void plan.run(input) })),
      { seconds },
    );
    return measured.map((one, i) => ({ ...one, name: plans[i].name }));
  } finally {
    for (const { plan } of plans) plan.dispose();
  }
}
