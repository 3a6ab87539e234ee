import { UserError } from "../../errors.ts";
import type { HostTensor, Params } from "../../graph/types.ts";
import { applyMask } from "../../tensor/optimizer.ts";
import { setMask } from "../../train/state.ts";
import type { Callback, Training } from "../../train/types.ts";
import { sumOfWeights } from "../structures/elements.ts";
import { bothMasks, type Choice, maskModel, type Masks, masksOf } from "../structures/masks.ts";
import { rankGroups, topGroups } from "../structures/selection.ts";
import type { Constraint } from "../structures/types.ts";
import { chooseMasks, type GroupChoice } from "./chosen_masks.ts";

/** How what is gone may come back. */
export interface RegrowOptions extends GroupChoice {
  /** Optimizer steps from one exchange to the next; default: those of an epoch. */
  readonly every?: number;
  /** "gradients" exchanges the smallest groups for those of the largest gradients; "training" trains on what was made 0. */
  readonly returns?: "gradients" | "training";
  /** Of the groups that stay, the part that is exchanged at first, falling to 0 as half a cosine; default 0.3. */
  readonly fraction?: number;
  /** After this part of the training nothing comes back any more; default 0.75. */
  readonly until?: number;
}

/** A callback for one training; afterwards it has the masks. */
export interface RegrowCallback extends Callback {
  /** 0/1 per weight, other parameters left out; undefined before training. */
  readonly masks: Masks | undefined;
}

/**
 * Dynamic pruning of any structure: what was made 0 may come back. With `gradients` (RigL, Evci et al. 2020, arXiv 1911.11134) the
 * network stays sparse; at each exchange the groups of the smallest norm go, and as many of those that are gone return, from 0,
 * that the loss has the largest gradient of. With `training` (soft filters, He et al. 2018 and 2019, arXiv 1808.06866 and
 * 1811.00250, whose criterion is `fpgm`) the groups that the criterion ranks lowest become 0 and are trained on, so that they may
 * be worth more by the next time.
 *
 * Biases, γ and β are masked only when nothing comes back any more, and from then on all that is gone stays 0: a filter of zeros
 * makes its shift β, and where that isn't above 0 a ReLU behind it lets no gradient through. So soft filters are trained for a
 * period before the first become 0, and exchanges of whole filters want a network that is trained already.
 *
 * @throws UserError for constraints to n:m or patterns
 */
export function regrow(options: RegrowOptions): RegrowCallback {
  const { constraints, returns = "gradients", until = 0.75 } = options;
  const ruled = constraints.find(({ rule }) => rule);
  if (ruled) {
    throw new UserError(
      `regrow: ${ruled.name} chooses its groups by a rule of its own, which an exchange would break: leave it out`,
    );
  }
  let masks: Masks | undefined;
  let phase: "choosing" | "settled" = "choosing";
  const put = ({ gpu, state }: Training, wanted: Masks) => {
    setMask(state, wanted);
    applyMask(gpu, state.weights, state.mask!);
    // Soft filters are trained on at once: the mask has only made them 0.
    if (returns === "training" && phase === "choosing") setMask(state, options.masks);
  };
  const weightsOnly = (all: Masks): Masks => {
    const weights = new Set(
      constraints.flatMap(({ members }) => members.filter(({ role }) => role === "weight")).map(({ param }) => param),
    );
    return bothMasks(options.masks, new Map([...all].filter(([name]) => weights.has(name))));
  };
  const update = async (training: Training, progress: number) => {
    const { state, graphs: [graph] } = training;
    const last = progress >= until;
    const params = await state.download();
    if (!masks || returns === "training") masks = await chooseMasks(options, graph, params);
    else if (!last) {
      const part = (options.fraction ?? 0.3) / 2 * (1 + Math.cos(Math.PI * progress / until));
      // What was gone before the training doesn't return.
      const { params: gradients } = maskModel({ graph, params: await state.gradients.download() }, options.masks);
      const exchanged = constraints.map((constraint) => exchange(constraint, masks!, { params, gradients, part }));
      masks = bothMasks(options.masks, masksOf(exchanged, params));
    }
    if (last) phase = "settled";
    put(training, last ? masks : weightsOnly(masks));
  };
  return {
    name: "regrow",
    get masks() {
      return masks;
    },
    async beforeBatch(training, step) {
      const { every = training.batches } = options;
      const progress = step / (training.epochs * training.batches);
      // Soft filters are trained first: their shifts are 0 as a rule, and nothing would come back through a ReLU at 0.
      const first = returns === "training" ? every : 0;
      const due = (step % every === 0 && step >= first) || progress >= until;
      if (phase === "choosing" && due) await update(training, progress);
    },
    async afterEpoch(training) {
      if (training.epoch === training.epochs && phase === "choosing") await update(training, 1);
    },
    // The next exchange may be the first thing after this, by the gradients of the step before.
    snapshot: async ({ state: { gradients } }) => ({
      values: { phase },
      tensors: new Map([...named("mask", masks ?? options.masks), ...named("gradient", await gradients.download())]),
    }),
    restore({ values, tensors }, training) {
      const { state } = training;
      phase = (values as { phase: typeof phase }).phase;
      const part = (prefix: string) =>
        [...tensors!].flatMap(([name, tensor]): [string, HostTensor][] =>
          name.startsWith(`${prefix}/`) ? [[name.slice(prefix.length + 1), tensor]] : []
        );
      masks = new Map(part("mask"));
      state.gradients.upload(new Map(part("gradient")));
      if (phase === "settled") setMask(state, masks);
      else setMask(state, returns === "training" ? options.masks : weightsOnly(masks));
    },
  };
}

/**
 * Of the groups that there are, the ⌊part·all⌋ of the smallest norm (or as many as are gone, if these are fewer) go; of those that are
 * gone then, as many return that have the largest gradients.
 *
 * @param gradients of the loss; 0 for what must not return
 */
export function exchange(
  constraint: Constraint,
  masks: Masks,
  { params, gradients, part }: { readonly params: Params; readonly gradients: Params; readonly part: number },
): Choice {
  const { groups } = constraint;
  const all = Array.from({ length: groups }, (_, g) => g);
  const present = sumOfWeights(constraint, params, (_w, element, param) => masks.get(param)?.data[element] ?? 1);
  const [size, pull] = [params, gradients].map((values) => sumOfWeights(constraint, values, (v) => v ** 2));
  const stays = all.filter((g) => present[g] > 0);
  const moved = Math.min(Math.floor(part * stays.length), groups - stays.length);
  const lasting = new Set(topGroups(stays.map((g) => size[g]), stays.length - moved).map((i) => stays[i]));
  const gone = all.filter((g) => !lasting.has(g));
  const back = rankGroups(gone.map((g) => pull[g])).slice(0, moved).map((i) => gone[i]);
  return { constraint, kept: [...lasting, ...back].sort((a, b) => a - b) };
}

function named(prefix: string, tensors: Params): [string, HostTensor][] {
  return [...tensors].map(([name, tensor]) => [`${prefix}/${name}`, tensor]);
}
