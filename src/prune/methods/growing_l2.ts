import type { HostTensor, Params } from "../../graph/types.ts";
import { type Arena, createArena } from "../../tensor/arena.ts";
import { addPenalty } from "../../tensor/optimizer.ts";
import type { TrainState } from "../../train/state.ts";
import type { Callback } from "../../train/types.ts";
import type { Masks } from "../structures/masks.ts";
import { chooseMasks, type GroupChoice } from "./chosen_masks.ts";

/** What is to go, and how fast the pressure on it rises. */
export interface GrowingL2Options extends GroupChoice {
  /** By so much λ rises at a time; default 1e-3. */
  readonly by?: number;
  /** So many optimizer steps lie between two rises; default 10. */
  readonly every?: number;
  /** λ rises no further; default 1. */
  readonly most?: number;
}

/** A callback for one training; afterwards it has the masks. */
export interface GrowingL2Callback extends Callback {
  /** 0 for what was pressed towards 0; undefined before training. */
  readonly masks: Masks | undefined;
}

/**
 * Growing regularisation (Wang et al. 2021, arXiv 2012.09243): what is to go is chosen before the first step, and bears λ/2·Σw² with
 * a λ that rises in steps, `growingStrength`. The network gets used to do without it before it is pruned; nothing is masked here.
 */
export function growingL2(options: GrowingL2Options): GrowingL2Callback {
  const { by = 1e-3, every = 10, most = 1 } = options;
  let shares: Arena | undefined;
  let masks: Masks | undefined;
  let strength = 0;
  const press = (state: TrainState) => {
    shares = createArena(state.gpu, state.weights.layout, "growing L2");
    shares.upload(borne(masks!));
  };
  return {
    name: "growing-l2",
    get masks() {
      return masks;
    },
    async start({ state, graphs: [graph] }) {
      masks = await chooseMasks(options, graph, await state.download());
      press(state);
    },
    beforeBatch(_training, step) {
      strength = growingStrength(step, { by, every, most });
    },
    afterBackward(_step, { gpu, state: { gradients, weights } }) {
      addPenalty(gpu, "l2", strength, { gradients, weights, shares: shares! });
    },
    afterEpoch: () => Promise.resolve({ lambdaL2: strength }),
    snapshot: () => ({ tensors: masks! }),
    restore({ tensors }, { state }) {
      masks = tensors as Masks;
      press(state);
    },
    close: () => shares?.dispose(),
  };
}

/** λ at a step from 0: by · (1 + ⌊step/every⌋), at most `most`. */
export function growingStrength(
  step: number,
  { by, every, most }: { readonly by: number; readonly every: number; readonly most: number },
): number {
  return Math.min(most, by * (1 + Math.floor(step / every)));
}

/** 1 where a mask is 0. */
function borne(masks: Masks): Params {
  return new Map([...masks].map(([name, { shape, data }]): [string, HostTensor] => [
    name,
    { shape, data: data.map((bit) => 1 - bit) },
  ]));
}
