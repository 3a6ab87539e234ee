import type { Model } from "../../graph/types.ts";
import { applyMask } from "../../tensor/optimizer.ts";
import type { GatheredEvidence } from "../../train/evidence/evidence.ts";
import { setMask, type TrainState } from "../../train/state.ts";
import type { Callback } from "../../train/types.ts";
import { global } from "../budget/global.ts";
import { settle, stepConstraints } from "../budget/settle.ts";
import { snip } from "../criteria/snip.ts";
import type { ConstraintOptions } from "../structures/constraints.ts";
import { maskModel, type Masks } from "../structures/masks.ts";
import { oneShot } from "./one_shot.ts";

/** What goes before the first step. */
export interface SnipAtStartOptions {
  /** Whose groups are ranked together over the whole network. */
  readonly constraints: readonly ConstraintOptions[];
  /** Fraction of all these groups that stays. */
  readonly keep: number;
  /** What is gone already, and stays away. */
  readonly masks: Masks;
  /** Gathers what `snip` looks at, gradients of some batches; not to be stopped by the training's signal. */
  readonly gather: (model: Model) => Promise<GatheredEvidence | undefined>;
}

/** A callback for one training; afterwards it has the masks. */
export interface SnipAtStartCallback extends Callback {
  /** 0/1 per weight, other parameters left out; undefined before training. */
  readonly masks: Masks | undefined;
}

/**
 * SNIP (Lee et al. 2019, arXiv 1810.02340): before the first step the groups of the largest Σ|w·∂L/∂w| over all layers are chosen,
 * and only they are trained.
 */
export function snipAtStart(options: SnipAtStartOptions): SnipAtStartCallback {
  let masks: Masks | undefined;
  const put = (state: TrainState) => {
    if (masks!.size === 0) return;
    setMask(state, masks!);
    applyMask(state.gpu, state.weights, state.mask!);
  };
  return {
    name: "snip",
    get masks() {
      return masks;
    },
    async start({ state, graphs: [graph] }) {
      const { constraints, keep } = options;
      const model = maskModel({ graph, params: await state.download() }, options.masks);
      const scoring = { criterion: snip, seed: 0, gathered: await options.gather(model) };
      const budget = { target: { groups: keep }, rule: global };
      const { kept } = settle({ model, dense: graph }, { constraints, budget, ...scoring });
      masks = oneShot(model, options.masks, stepConstraints(graph, constraints, kept, 1), scoring);
      put(state);
    },
    snapshot: () => ({ tensors: masks! }),
    restore({ tensors }, { state }) {
      masks = tensors as Masks;
      put(state);
    },
  };
}
