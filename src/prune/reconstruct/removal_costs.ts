/** What it costs a network to do without groups of each layer: what a budget over all layers goes by. No label is looked at. */
import { firstImages } from "../../data/proof_inputs.ts";
import { spread } from "../../data/splits.ts";
import { runPlan } from "../../graph/equivalence.ts";
import { Interrupted } from "../../train/errors.ts";
import type { Gone } from "./greedy.ts";
import { withoutGroups } from "./layer_reader.ts";
import { outputLoss } from "./output_loss.ts";
import { readersOf, type ReconstructOptions, selectionFor } from "./reconstruct.ts";

/** Images that moments are taken of, and that outputs are compared on: layers are only set against each other. */
const LOOKED_AT = 256, COMPARED = 128;
/** Parts of a layer's groups without which the outputs are looked at; in between, the layer's own error tells. */
const PARTS = [0.25, 0.5, 0.75, 1] as const;

/**
 * By how much the network's outputs are further off (outputLoss) as each constraint's groups go one after the other, all other
 * constraints being whole: scores for a budget. Never falling, so that the groups of a layer go in their order.
 *
 * @returns by the constraint's name, [groups]
 * @throws Interrupted when the signal is aborted
 */
export async function removalCosts(options: ReconstructOptions): Promise<ReadonlyMap<string, Float64Array>> {
  const { gpu, model, constraints, refit = "affine", signal, progress } = options;
  const looking = { ...options, images: spread(options.images, LOOKED_AT) };
  const { inputs, batch } = firstImages(spread(options.images, COMPARED), COMPARED);
  const original = await runPlan(gpu, model, inputs, batch);
  const readers = await readersOf(looking, model, constraints);
  const costs = new Map<string, Float64Array>();
  for (const [i, constraint] of constraints.entries()) {
    const own = readers.get(constraint)!;
    const gone = (await selectionFor(looking, model, constraint)).order(own.map(({ reader }) => reader));
    const measured = [{ count: 0, loss: 0 }];
    for (const part of PARTS) {
      if (signal?.aborted) throw new Interrupted("stopped");
      const count = Math.min(constraint.groups - 1, Math.round(part * constraint.groups));
      if (count <= measured.at(-1)!.count) continue;
      const without = own.reduce((before, one) => withoutGroups(before, one, gone.order.slice(0, count), refit), model);
      measured.push({ count, loss: outputLoss(original, await runPlan(gpu, without, inputs, batch), batch) });
    }
    costs.set(constraint.name, risingCosts(gone, measured));
    progress?.(i + 1, constraints.length);
  }
  return costs;
}

/** How far outputs are off without the first `count` groups. */
export interface MeasuredLoss {
  readonly count: number;
  readonly loss: number;
}

/**
 * Between two counts at which the loss was measured it is divided among the groups as the layer's own error is; the last group, without
 * which nothing is left to measure, counts as the one before it. Losses and costs that fall are held at what they were.
 *
 * @param measured by ascending count, from 0 on
 */
export function risingCosts({ costs }: Gone, measured: readonly MeasuredLoss[]): Float64Array {
  const rising = new Float64Array(costs.length);
  let [loss, most] = [0, 0];
  measured.slice(1).forEach((to, i) => {
    const from = measured[i].count;
    const errors = costs.slice(from, to.count);
    const total = errors.reduce((sum, error) => sum + error, 0);
    const risen = Math.max(0, to.loss - loss);
    loss = Math.max(loss, to.loss);
    errors.forEach((error, at) => {
      most = Math.max(most, total > 0 ? risen * error / total : risen / errors.length);
      rising[from + at] = most;
    });
  });
  return rising.fill(most, measured.at(-1)!.count);
}
