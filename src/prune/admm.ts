/**
 * ADMM over structured sparsity (ALGORITHMS.md 1.2): W-steps are ordinary training with the pull ρ(W − Z + U), which the
 * optimizer adds; here are the Z- and U-steps between them and the hard prune at the end. Weights never leave the device.
 */
import type { HostTensor, Params } from "../graph/types.ts";
import { type Arena, createArena } from "../tensor/arena.ts";
import {
  checkStatus,
  decodeResiduals,
  expandMask,
  type GroupLayout,
  groupNorms,
  projectUpdate,
  pullTarget,
  rescaleDual,
  selectTopK,
} from "../tensor/project.ts";
import { applyMask } from "../tensor/optimizer.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { TrainState } from "../train/state.ts";

/** At most `keep` of `groups` groups are non-zero; a group spans all members (a filter's weights, bias, γ and β). */
export interface GroupConstraint {
  readonly name: string;
  readonly members: readonly { readonly param: string; readonly layout: GroupLayout }[];
  readonly groups: number;
  readonly keep: number;
}

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
export function createAdmm(state: TrainState, constraints: readonly GroupConstraint[], rhos: readonly number[]): Admm {
  const { gpu, weights } = state;
  const parts = constraints.flatMap(({ name, members }, c) =>
    members.map(({ param, layout }) => ({ constraint: c, param, layout, key: `${name}/${param}` }))
  );
  const specs = parts.map(({ key, param }) => ({ name: key, shape: weights.tensor(param).shape }));
  const z = createArena(gpu, specs, "Z");
  const u = createArena(gpu, specs, "U");
  const scores = createArena(gpu, constraints.map(({ name, groups }) => ({ name, shape: [groups] })), "group norms");
  const kept = createArena(gpu, scores.layout, "kept groups");
  const target = createArena(gpu, weights.layout, "ADMM target");
  const status = Tensor.zeros(gpu, [Math.max(1, constraints.length)]);
  const residuals = Tensor.zeros(gpu, [Math.max(1, parts.length), 4]);
  const selections = constraints.map(({ groups, keep }, c) => ({
    offset: scores.layout.slots[c].offset,
    groups,
    k: keep,
  }));
  const byParam = new Map<string, typeof parts>();
  for (const part of parts) byParam.set(part.param, [...(byParam.get(part.param) ?? []), part]);
  let rho = rhos[0];
  state.target = target;

  const frozen = (param: string) => state.mask?.tensor(param);

  function project(dual: "hold" | "update"): void {
    const seen = new Set<number>();
    for (const { constraint, param, layout, key } of parts) {
      groupNorms(gpu, weights.tensor(param), u.tensor(key), layout, scores.tensor(constraints[constraint].name), {
        accumulate: seen.has(constraint),
        frozen: frozen(param),
      });
      seen.add(constraint);
    }
    selectTopK(gpu, scores, selections, kept, status);
    parts.forEach(({ constraint, param, layout, key }, slot) =>
      projectUpdate(gpu, {
        layout,
        w: weights.tensor(param),
        u: u.tensor(key),
        z: z.tensor(key),
        keep: kept.tensor(constraints[constraint].name),
        frozen: frozen(param),
        dual,
        residuals,
        slot,
      })
    );
  }

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
      project("hold");
      aim();
    },
    async update(period) {
      project("update");
      const [statusBytes, residualBytes] = await gpu.readMany([status, residuals]);
      checkStatus(new Float32Array(statusBytes), constraints.map((c) => c.name));
      const next = rhos[Math.min(period + 1, rhos.length - 1)];
      if (next !== rho) rescaleDual(gpu, u, rho, next);
      rho = next;
      aim();
      return relativeResiduals(state, parts, new Float32Array(residualBytes));
    },
    rhoOf: (param) => rho * (byParam.get(param)?.length ?? 0),
    async hardPrune() {
      state.mask ??= filled(createArena(gpu, weights.layout, "mask"));
      for (const [c, { name, members }] of constraints.entries()) {
        members.forEach(({ param, layout }, i) =>
          groupNorms(gpu, weights.tensor(param), undefined, layout, scores.tensor(name), {
            accumulate: i > 0,
            frozen: frozen(param),
          })
        );
        selectTopK(gpu, scores, [selections[c]], kept, status);
        for (const { param, layout } of members) {
          expandMask(gpu, kept.tensor(name), layout, state.mask.tensor(param));
        }
      }
      applyMask(gpu, weights, state.mask);
      await gpu.sync();
    },
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
      for (const arena of [z, u, scores, kept]) arena.dispose();
      status.dispose();
      residuals.dispose();
      // The target belongs to the training state from here on, and goes with it.
    },
  };
}

function filled(arena: Arena): Arena {
  arena.fill(1);
  return arena;
}

/** Per weight parameter the largest ‖W−Z‖/‖W‖ over its constraints. Vectors (bias, γ, β) go with their filters. */
function relativeResiduals(
  state: TrainState,
  parts: readonly { readonly param: string }[],
  data: Float32Array,
): Map<string, number> {
  const result = new Map<string, number>();
  const norms = decodeResiduals(data);
  parts.forEach(({ param }, slot) => {
    if (state.graph.params[param].role !== "weight") return;
    const { gap, weight } = norms[slot];
    const relative = weight > 0 ? gap / weight : 0;
    result.set(param, Math.max(result.get(param) ?? 0, relative));
  });
  return result;
}
