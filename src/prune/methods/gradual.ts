import type { HostTensor } from "../../graph/types.ts";
import { applyMask } from "../../tensor/optimizer.ts";
import { setMask } from "../../train/state.ts";
import type { Callback, Training } from "../../train/types.ts";
import type { Masks } from "../structures/masks.ts";
import type { Constraint } from "../structures/types.ts";
import { chooseMasks, type GroupChoice } from "./chosen_masks.ts";

/** What goes while a network trains, and how fast; the constraints keep what is to stay in the end. */
export interface GradualOptions extends GroupChoice {
  /** Optimizer steps from one update of the masks to the next; default: those of an epoch. */
  readonly every?: number;
  /** Fraction of each constraint's groups that goes before the first step; default 0. */
  readonly start?: number;
}

/** A callback for one training; afterwards it has the masks. */
export interface GradualCallback extends Callback {
  /** 0/1 per weight, other parameters left out. */
  readonly masks: Masks;
}

/**
 * Gradual pruning (Zhu and Gupta 2017, arXiv 1710.01878): while the network trains, ever more groups go, and none comes back. What
 * has gone by step t of T is `gradualKept`; the last groups go with the last step.
 */
export function gradual(options: GradualOptions): GradualCallback {
  let { masks } = options;
  const update = async (training: Training, progress: number) => {
    const { gpu, state, graphs: [graph] } = training;
    const { start = 0 } = options;
    const constraints = options.constraints.map((constraint) => ({
      ...constraint,
      keep: gradualKept(constraint, start, progress),
    }));
    masks = await chooseMasks({ ...options, constraints, masks }, graph, await state.download());
    if (masks.size === 0) return;
    setMask(state, masks);
    applyMask(gpu, state.weights, state.mask!);
  };
  return {
    name: "gradual",
    get masks() {
      return masks;
    },
    async beforeBatch(training, step) {
      const { every = training.batches } = options;
      if (step % every === 0) await update(training, step / (training.epochs * training.batches));
    },
    async afterEpoch(training) {
      if (training.epoch === training.epochs) await update(training, 1);
      return { kept: keptFraction(masks) };
    },
    snapshot: () => ({ tensors: masks }),
    restore({ tensors }, { state }) {
      masks = tensors as Map<string, HostTensor>;
      if (masks.size > 0) setMask(state, masks);
    },
  };
}

/**
 * How many of a constraint's groups stay after a part of the training: of the fractions s that are gone,
 * s = s_f + (s_0 − s_f)(1 − t/T)³, s_f = 1 − keep/groups.
 *
 * @param start s_0; where more are to stay in the end, s is s_f from the first
 * @param progress t/T, in 0…1
 */
export function gradualKept(
  { groups, keep }: Pick<Constraint, "groups" | "keep">,
  start: number,
  progress: number,
): number {
  const end = 1 - keep / groups;
  const gone = end + (Math.min(start, end) - end) * (1 - progress) ** 3;
  return Math.max(keep, Math.round(groups * (1 - gone)));
}

/** Of the parameters that are masked. */
function keptFraction(masks: Masks): number {
  let [kept, all] = [0, 0];
  for (const { data } of masks.values()) {
    all += data.length;
    for (const bit of data) kept += bit;
  }
  return all > 0 ? kept / all : 1;
}
