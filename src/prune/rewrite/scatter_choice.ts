/** Which scattered sums pay on this device: measured, never assumed. */

import { random } from "../../../kernels/random/philox.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { compose } from "../../graph/indexmap.ts";
import { concrete } from "../../graph/shapes.ts";
import { compilePlan } from "../../graph/plan.ts";
import type { Model, Rewrite } from "../../graph/types.ts";
import { measureInterleaved } from "../../measure/interleaved.ts";
import { elements, Tensor } from "../../tensor/tensor.ts";
import { compact, type CompactOptions } from "./compact.ts";
import { scatterAdds, scatterCandidates } from "./scatter_add.ts";

/** How the choice is made. */
export interface ScatterChoiceOptions {
  /** Batch at which the networks are timed. */
  readonly batch: number;
  /** For each network and round of measurement; default 0.2. */
  readonly seconds?: number;
  /** As `compact` takes them. */
  readonly compact?: CompactOptions;
}

/** The network that was chosen, and the times that it was chosen by. */
export interface ScatterChoice extends Rewrite {
  /** The sums that are scattered, by name. */
  readonly chosen: readonly string[];
  /** Median times of the compact network with the usual sums, and with the chosen ones; equal where none was. */
  readonly usualMs: number;
  /** Of one run of the network chosen. */
  readonly chosenMs: number;
}

/**
 * `compact`, with those sums scattered that make the network faster: each candidate is timed alone against the usual network,
 * interleaved, and counts if it is faster by more than both spreads; then all that count together must be faster still.
 */
export async function compactScattered(
  gpu: Gpu,
  model: Model,
  { batch, seconds = 0.2, compact: options }: ScatterChoiceOptions,
): Promise<ScatterChoice> {
  const shrunk = (names: readonly string[]): Rewrite => {
    const scattered = scatterAdds(model, new Set(names));
    const small = compact(scattered.model, options);
    return { model: small.model, map: compose(scattered.map, small.map, model.graph.params) };
  };
  const candidates = scatterCandidates(model).map(({ name }) => name);
  const choice = await fastestScattered(candidates, (sets) => time(gpu, sets.map(shrunk), batch, seconds));
  return { ...shrunk(choice.chosen), ...choice };
}

/**
 * Which of the sums pay.
 *
 * @param candidates names of sums
 * @param time of the networks in which these sums are scattered, measured side by side
 */
export async function fastestScattered(
  candidates: readonly string[],
  time: (sets: readonly (readonly string[])[]) => Promise<readonly Time[]>,
): Promise<Omit<ScatterChoice, keyof Rewrite>> {
  const [usual, ...alone] = await time([[], ...candidates.map((name) => [name])]);
  const faster = candidates.filter((_, i) => isFaster(alone[i], usual));
  if (faster.length === 0) return { chosen: [], usualMs: usual.medianMs, chosenMs: usual.medianMs };
  const [before, after] = await time([[], faster]);
  return isFaster(after, before)
    ? { chosen: faster, usualMs: before.medianMs, chosenMs: after.medianMs }
    : { chosen: [], usualMs: before.medianMs, chosenMs: before.medianMs };
}

/** In ms. */
export interface Time {
  readonly medianMs: number;
  readonly madMs: number;
}

/** By more than both medians' spreads. */
export function isFaster(a: Time, b: Time): boolean {
  return a.medianMs + a.madMs < b.medianMs - b.madMs;
}

async function time(gpu: Gpu, networks: readonly Rewrite[], batch: number, seconds: number): Promise<readonly Time[]> {
  const plans = networks.map(({ model }) => compilePlan(gpu, model, batch));
  try {
    const shape = concrete(networks[0].model.graph.inputs[0].shape, batch);
    const data = random(0, "scatter").fillNormal(new Float32Array(elements(shape)), 0);
    using input = Tensor.from(gpu, data, shape);
    const contestants = plans.map((plan, i) => ({ name: String(i), record: () => void plan.run(input) }));
    return await measureInterleaved(gpu, contestants, { seconds });
  } finally {
    plans.forEach((plan) => plan.dispose());
  }
}
