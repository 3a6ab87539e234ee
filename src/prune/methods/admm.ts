/**
 * ADMM over structured sparsity (docs/pipeline.md): W-steps are ordinary training with the pull ρ(W − Z + U), which the
 * optimizer adds; here are the Z- and U-steps between them and the hard prune at the end. Weights never leave the device.
 */
import type { HostTensor, Params } from "../../graph/types.ts";
import { type Arena, createArena } from "../../tensor/arena.ts";
import { applyMask } from "../../tensor/optimizer.ts";
import { decodeResiduals, expandMask, projectUpdate, pullTarget, rescaleDual } from "../../tensor/project.ts";
import { readTensors, Tensor } from "../../tensor/tensor.ts";
import type { TrainState } from "../../train/state.ts";
import type { Constraint, Member } from "../structures/types.ts";
import { createSelection, type GroupSelection } from "./admm_selection.ts";

export interface Admm {
  /** Z = Π(W), U = 0, and the first pull. */
  start(): void;
  /**
   * Z ← Π(W+U), U ← U+W−Z at the end of period `period` (from 0); then the next period's ρ, with U rescaled so that the
   * dual ρU doesn't jump. Gives ‖W−Z‖/‖W‖ per constrained weight. Throws UserError when weights have diverged.
   */
  update(period: number): Promise<Map<string, number>>;
  /** Σρ over the constraints on this parameter, in the current period; 0 for one that isn't constrained. */
  rhoOf(param: string): number;
  /** W ← Π(W), constraint after constraint in the given order; leaves the element masks in `state.mask`. */
  hardPrune(): Promise<void>;
  snapshot(): Promise<Map<string, HostTensor>>;
  restore(tensors: Params, period: number): void;
  dispose(): void;
}

/** @param rhos ρ of each period, from `rhoSchedule` */
export function createAdmm(state: TrainState, constraints: readonly Constraint[], rhos: readonly number[]): Admm {
  const { gpu, weights } = state;
  const parts = partsOf(constraints);
  const specs = parts.map(({ key, param }) => ({ name: key, shape: weights.tensor(param).shape }));
  const z = createArena(gpu, specs, "Z");
  const u = createArena(gpu, specs, "U");
  const target = createArena(gpu, weights.layout, "ADMM target");
  const residuals = Tensor.zeros(gpu, [Math.max(1, parts.length), 4]);
  const selection = createSelection(state, constraints, u);
  const buffers: Buffers = { state, z, u, residuals, selection, parts };
  const byParam = Map.groupBy(parts, ({ param }) => param);
  let rho = rhos[0];
  state.target = target;

  function aim(): void {
    for (const [param, list] of byParam) {
      const pulls = list.map(({ key }) => ({ z: z.tensor(key), u: u.tensor(key), rho }));
      pullTarget(gpu, pulls, target.tensor(param));
    }
  }

  return {
    start() {
      rho = rhos[0];
      u.zero();
      project(buffers, "hold");
      aim();
    },
    async update(period) {
      project(buffers, "update");
      const [norms, ...statuses] = await readTensors([residuals, ...selection.statuses]);
      selection.check(statuses);
      const next = rhos[Math.min(period + 1, rhos.length - 1)];
      if (next !== rho) rescaleDual(gpu, u, rho, next);
      rho = next;
      aim();
      return relativeResiduals(state, parts, norms);
    },
    rhoOf: (param) => rho * (byParam.get(param)?.length ?? 0),
    hardPrune: () => hardPrune(state, constraints, selection),
    async snapshot() {
      const tensors = new Map<string, HostTensor>();
      for (const [name, tensor] of await z.download()) tensors.set(`z/${name}`, tensor);
      for (const [name, tensor] of await u.download()) tensors.set(`u/${name}`, tensor);
      return tensors;
    },
    restore(tensors, period) {
      for (const { name } of z.layout.slots) {
        z.upload(new Map([[name, tensors.get(`z/${name}`)!]]));
        u.upload(new Map([[name, tensors.get(`u/${name}`)!]]));
      }
      rho = rhos[Math.min(period, rhos.length - 1)];
      aim();
    },
    dispose() {
      for (const held of [z, u, residuals, selection]) held.dispose();
      // The target belongs to the training state from here on, and goes with it.
    },
  };
}

/** One tensor under one constraint: it has a Z and a U of its own, called `key`. */
interface Part extends Member {
  readonly constraint: Constraint;
  readonly key: string;
}

interface Buffers {
  readonly state: TrainState;
  readonly z: Arena;
  readonly u: Arena;
  /** [parts, 4] */
  readonly residuals: Tensor;
  readonly selection: GroupSelection;
  readonly parts: readonly Part[];
}

function partsOf(constraints: readonly Constraint[]): Part[] {
  return constraints.flatMap((constraint) =>
    constraint.members.map((member) => ({ ...member, constraint, key: `${constraint.name}/${member.param}` }))
  );
}

/** Z ← Π(W+U), and with "update" U ← U + W − Z. */
function project({ state, z, u, residuals, selection, parts }: Buffers, dual: "hold" | "update"): void {
  const { gpu, weights, mask } = state;
  selection.select("with U");
  parts.forEach((part, slot) => {
    selection.withKept(part.constraint, part, (keep, keptAs) => {
      projectUpdate(gpu, {
        layout: part.layout,
        ...keptAs,
        w: weights.tensor(part.param),
        u: u.tensor(part.key),
        z: z.tensor(part.key),
        keep,
        frozen: mask?.tensor(part.param),
        dual,
        residuals,
        slot,
      });
    });
  });
}

async function hardPrune(
  state: TrainState,
  constraints: readonly Constraint[],
  selection: GroupSelection,
): Promise<void> {
  const { gpu, weights } = state;
  state.mask ??= filled(createArena(gpu, weights.layout, "mask"));
  const { mask } = state;
  selection.select("W alone");
  for (const constraint of constraints) {
    for (const member of constraint.members) {
      selection.withKept(constraint, member, (keep, keptAs) => {
        expandMask(gpu, keep, member.layout, mask.tensor(member.param), keptAs);
      });
    }
  }
  applyMask(gpu, weights, mask);
  selection.check(await readTensors(selection.statuses));
}

function filled(arena: Arena): Arena {
  arena.fill(1);
  return arena;
}

/** Per weight parameter the largest ‖W−Z‖/‖W‖ over its constraints. Vectors (bias, γ, β) go with their filters. */
function relativeResiduals(state: TrainState, parts: readonly Part[], data: Float32Array): Map<string, number> {
  const result = new Map<string, number>();
  const norms = decodeResiduals(data);
  parts.forEach(({ param }, slot) => {
    if (state.specs[param].role !== "weight") return;
    const { gap, weight } = norms[slot];
    const relative = weight > 0 ? gap / weight : 0;
    result.set(param, Math.max(result.get(param) ?? 0, relative));
  });
  return result;
}
