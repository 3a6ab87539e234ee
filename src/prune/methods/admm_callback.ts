import type { Params } from "../../graph/types.ts";
import type { Callback, Training } from "../../train/types.ts";
import { weightDecayOf } from "../../train/optimizers.ts";
import type { Constraint } from "../structures/types.ts";
import { type Admm, createAdmm } from "./admm.ts";

/** What ADMM pulls the weights towards, and how hard. */
export interface AdmmOptions {
  /** In the order in which the hard prune applies them: as `constraintsOf` gives them. */
  readonly constraints: readonly Constraint[];
  /** ρ of each period, from `rhoSchedule`. */
  readonly rhos: readonly number[];
  /** "support" lets ρ rise between the first and the last of them by how many groups still change; default "schedule". */
  readonly rhoBy?: "schedule" | "support";
  /** Epochs of the W-step between two updates of Z and U. */
  readonly epochsPerUpdate: number;
  /**
   * Told of each update: its period from 0, ‖W−Z‖/‖W‖ per constrained weight, and the share of its groups that were chosen
   * otherwise than at the update before.
   */
  readonly onUpdate?: (
    period: number,
    residuals: ReadonlyMap<string, number>,
    support: ReadonlyMap<string, number>,
  ) => void;
}

/** A callback for one training; afterwards it has the masks. */
export interface AdmmCallback extends Callback {
  /** 0/1 per weight, other parameters left out: what the hard prune at the end has left. Undefined before. */
  readonly masks: Params | undefined;
}

/**
 * Makes training the W-steps of ADMM: pulls weights to Z − U, updates Z and U between periods, and prunes for good when
 * the last epoch is over and the weights have been read.
 */
export function admm(
  { constraints, rhos, rhoBy = "schedule", epochsPerUpdate, onUpdate }: AdmmOptions,
): AdmmCallback {
  let held: Admm;
  let masks: Params | undefined;
  return {
    name: "admm",
    get masks() {
      return masks;
    },
    open({ state }) {
      held = createAdmm(state, constraints, { rhos, by: rhoBy });
    },
    start(training) {
      held.start();
      pull(training, held);
    },
    async afterEpoch(training) {
      if (training.epoch % epochsPerUpdate !== 0) return;
      const period = training.epoch / epochsPerUpdate - 1;
      const { rho } = held;
      const { residuals, support } = await held.update(period);
      onUpdate?.(period, residuals, support);
      pull(training, held);
      return { rho, residuals: Object.fromEntries(residuals), support: Object.fromEntries(support) };
    },
    async finish({ state }) {
      await held.hardPrune();
      masks = await state.mask!.download();
    },
    snapshot: async () => ({ values: { rho: held.rho }, tensors: await held.snapshot() }),
    restore({ values, tensors }, training) {
      held.restore(tensors!, (values as { rho: number }).rho);
      pull(training, held);
    },
    close: () => held?.dispose(),
  };
}

function pull({ optimizer, settings, state }: Training, held: Admm): void {
  optimizer.setSegments((name) => {
    const rho = held.rhoOf(name);
    // Decay would keep pulling at what the projection wants to keep.
    const decayed = rho === 0 && state.specs[name].role === "weight";
    return { rho, weightDecay: decayed ? weightDecayOf(settings) : 0 };
  });
}
