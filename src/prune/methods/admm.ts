/**
 * ADMM over structured sparsity (docs/pipeline.md): W-steps are ordinary training with the pull ρ(W − Z + U), which the
 * optimizer adds; here are the Z- and U-steps between them and the hard prune at the end. Weights never leave the device.
 */
import type { HostTensor, Params } from "../../graph/types.ts";
import { type Arena, createArena } from "../../tensor/arena.ts";
import { applyMask } from "../../tensor/optimizer.ts";
import {
  decodeResiduals,
  expandMask,
  type ProjectUpdate,
  projectUpdates,
  pullTargets,
  rescaleDual,
} from "../../tensor/project.ts";
import { readTensors, Tensor } from "../../tensor/tensor.ts";
import type { TrainState } from "../../train/state.ts";
import type { Constraint, Member } from "../structures/types.ts";
import { rhoBySupport } from "./rho.ts";
import { createSelection, type GroupSelection } from "./admm_selection.ts";

export interface Admm {
  /** Z = Π(W), U = 0, and the first pull. */
  start(): void;
  /**
   * Z ← Π(W+U), U ← U+W−Z at the end of period `period` (from 0); then the next period's ρ, with U rescaled so that the
   * dual ρU doesn't jump. Throws UserError when weights have diverged.
   */
  update(period: number): Promise<AdmmUpdate>;
  /** Of the current period. */
  readonly rho: number;
  /** Σρ over the constraints on this parameter, in the current period; 0 for one that isn't constrained. */
  rhoOf(param: string): number;
  /** W ← Π(W), constraint after constraint in the given order; leaves the element masks in `state.mask`. */
  hardPrune(): Promise<void>;
  snapshot(): Promise<Map<string, HostTensor>>;
  /** @param rho of the period that goes on */
  restore(tensors: Params, rho: number): void;
  dispose(): void;
}

/** What an update of Z and U has found, by the names of constrained weights. */
export interface AdmmUpdate {
  /** ‖W−Z‖/‖W‖, the largest over a weight's constraints. */
  readonly residuals: ReadonlyMap<string, number>;
  /** Share of the groups that were chosen otherwise than at the update before, the largest over a weight's constraints. */
  readonly support: ReadonlyMap<string, number>;
}

export interface AdmmRhos {
  /** Of each period, from `rhoSchedule`. */
  readonly rhos: readonly number[];
  /** Whether ρ follows them, which is the default, or rises by the change of support between the first and the last (`rhoBySupport`). */
  readonly by?: "schedule" | "support";
}

export function createAdmm(
  state: TrainState,
  constraints: readonly Constraint[],
  { rhos, by = "schedule" }: AdmmRhos,
): Admm {
  const { gpu, weights } = state;
  const parts = partsOf(constraints);
  const specs = parts.map(({ key, param }) => ({ name: key, shape: weights.tensor(param).shape }));
  const z = createArena(gpu, specs, "Z");
  const u = createArena(gpu, specs, "U");
  const target = createArena(gpu, weights.layout, "ADMM target");
  const residuals = Tensor.zeros(gpu, [Math.max(1, parts.length), 4]);
  const selection = createSelection(state, constraints, u);
  const before = createArena(gpu, selection.kept.layout, "kept groups before");
  const buffers: Buffers = { state, z, u, residuals, selection, parts };
  const byParam = Map.groupBy(parts, ({ param }) => param);
  let rho = rhos[0];
  state.target = target;

  function aim(): void {
    pullTargets(
      gpu,
      [...byParam].map(([param, list]) => ({
        constraints: list.map(({ key }) => ({ z: z.tensor(key), u: u.tensor(key), rho })),
        target: target.tensor(param),
      })),
    );
  }

  return {
    start() {
      rho = rhos[0];
      u.zero();
      project(buffers, "hold");
      aim();
    },
    get rho() {
      return rho;
    },
    async update(period) {
      gpu.copy(selection.kept, before);
      project(buffers, "update");
      const [norms, ...statuses] = await readTensors([residuals, ...selection.statuses]);
      selection.check(statuses);
      const changed = changedGroups(await before.download(), await selection.kept.download());
      const share = sum(changed.values()) / sum(constraints.map(({ groups }) => groups));
      const next = by === "support"
        ? rhoBySupport(rhos, period, rho, share)
        : rhos[Math.min(period + 1, rhos.length - 1)];
      if (next !== rho) rescaleDual(gpu, u, rho, next);
      rho = next;
      aim();
      const shares = parts.map(({ constraint: { name, groups } }) => changed.get(name)! / groups);
      return { residuals: relativeResiduals(state, parts, norms), support: largestByWeight(state, parts, shares) };
    },
    rhoOf: (param) => rho * (byParam.get(param)?.length ?? 0),
    hardPrune: () => hardPrune(state, constraints, selection),
    async snapshot() {
      const tensors = new Map<string, HostTensor>();
      for (const [name, tensor] of await z.download()) tensors.set(`z/${name}`, tensor);
      for (const [name, tensor] of await u.download()) tensors.set(`u/${name}`, tensor);
      for (const [name, tensor] of await selection.kept.download()) tensors.set(`kept/${name}`, tensor);
      return tensors;
    },
    restore(tensors, saved) {
      selection.kept.upload(new Map(constraints.map(({ name }) => [name, tensors.get(`kept/${name}`)!])));
      for (const { name } of z.layout.slots) {
        z.upload(new Map([[name, tensors.get(`z/${name}`)!]]));
        u.upload(new Map([[name, tensors.get(`u/${name}`)!]]));
      }
      rho = saved;
      aim();
    },
    dispose() {
      for (const held of [z, u, residuals, selection, before]) held.dispose();
      // The target belongs to the training state from here on, and goes with it.
    },
  };
}

/** One tensor under one constraint: it has a Z and a U of its own, called `key`. */
interface Part extends Member {
  readonly member: Member;
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
    constraint.members.map((member) => ({ ...member, member, constraint, key: `${constraint.name}/${member.param}` }))
  );
}

/** Z ← Π(W+U), and with "update" U ← U + W − Z. */
function project({ state, z, u, residuals, selection, parts }: Buffers, dual: "hold" | "update"): void {
  const { gpu, weights, mask } = state;
  selection.select("with U");
  const updates = parts.map((part): ProjectUpdate => ({
    layout: part.layout,
    ...selection.keptOf(part.constraint, part.member),
    w: weights.tensor(part.param),
    u: u.tensor(part.key),
    z: z.tensor(part.key),
    frozen: mask?.tensor(part.param),
    dual,
  }));
  projectUpdates(gpu, updates, residuals);
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
      const { keep, kept } = selection.keptOf(constraint, member);
      expandMask(gpu, keep, member.layout, mask.tensor(member.param), { kept });
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
  return largestByWeight(state, parts, decodeResiduals(data).map(({ gap, weight }) => weight > 0 ? gap / weight : 0));
}

/** @param values one for each part */
function largestByWeight(state: TrainState, parts: readonly Part[], values: readonly number[]): Map<string, number> {
  const result = new Map<string, number>();
  parts.forEach(({ param }, slot) => {
    if (state.specs[param].role === "weight") result.set(param, Math.max(result.get(param) ?? 0, values[slot]));
  });
  return result;
}

/** How many of each constraint's groups are kept otherwise: come, gone, or with other taps. */
function changedGroups(before: Params, now: Params): Map<string, number> {
  return new Map([...now].map(([name, { data }]) => {
    const old = before.get(name)!.data;
    return [name, data.reduce((count, kept, g) => count + Number(kept !== old[g]), 0)];
  }));
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
