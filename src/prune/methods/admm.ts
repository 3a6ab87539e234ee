/**
 * ADMM over structured sparsity (docs/pipeline.md): W-steps are ordinary training with the pull ρ(W − Z + U), which the
 * optimizer adds; here are the Z- and U-steps between them and the hard prune at the end. Weights never leave the device.
 */
import type { HostTensor, Params } from "../../graph/types.ts";
import { type Arena, createArena } from "../../tensor/arena.ts";
import {
  addGroups,
  checkStatus,
  decodeResiduals,
  expandMask,
  groupNorms,
  keepTaps,
  patternScores,
  projectUpdate,
  pullTarget,
  rescaleDual,
  selectRuns,
  selectTopK,
  selectWeights,
  takeGroups,
} from "../../tensor/project.ts";
import { applyMask } from "../../tensor/optimizer.ts";
import { readTensors, Tensor } from "../../tensor/tensor.ts";
import type { TrainState } from "../../train/state.ts";
import type { Constraint, Member } from "../structures/structures.ts";

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
  const parts = constraints.flatMap(({ name, members }, c) =>
    members.map((member) => ({ ...member, constraint: c, key: `${name}/${member.param}` }))
  );
  const specs = parts.map(({ key, param }) => ({ name: key, shape: weights.tensor(param).shape }));
  const z = createArena(gpu, specs, "Z");
  const u = createArena(gpu, specs, "U");
  const scores = createArena(gpu, constraints.map(({ name, groups }) => ({ name, shape: [groups] })), "group norms");
  const kept = createArena(gpu, scores.layout, "kept groups");
  const target = createArena(gpu, weights.layout, "ADMM target");
  const alive = createArena(gpu, weights.layout, "alive");
  const residuals = Tensor.zeros(gpu, [Math.max(1, parts.length), 4]);
  const selections = constraints.map(({ groups, keep }, c) => ({
    offset: scores.layout.slots[c].offset,
    groups,
    k: keep,
  }));
  const steps = [...Map.groupBy(constraints.keys(), (c) => `${constraints[c].kind} ${wayOf(constraints[c])}`).values()]
    .map((members) => ({
      members,
      status: Tensor.zeros(gpu, [members.length]),
    }));
  const checked = ([norms, ...statuses]: Float32Array[]) => {
    statuses.forEach((status, i) => checkStatus(status, steps[i].members.map((c) => constraints[c].name)));
    return [norms];
  };
  const byParam = new Map<string, typeof parts>();
  for (const part of parts) byParam.set(part.param, [...(byParam.get(part.param) ?? []), part]);
  let rho = rhos[0];
  state.target = target;

  const frozen = (param: string) => state.mask?.tensor(param);

  /** The joint energy of a group is the sum over all its tensors: only so is top-k the Euclidean projection. */
  function score({ name, members, groups }: Constraint, dual: "with U" | "W alone"): void {
    const total = scores.tensor(name);
    gpu.clear(total);
    for (const { param, layout, offset } of members) {
      const w = weights.tensor(param);
      const other = dual === "with U" ? u.tensor(`${name}/${param}`) : undefined;
      const options = { frozen: alive.tensor(param) };
      if (aligned({ layout, offset }, groups)) {
        groupNorms(gpu, w, other, layout, total, { ...options, accumulate: true });
      } else {
        using part = Tensor.empty(gpu, [layout.groups]);
        groupNorms(gpu, w, other, layout, part, options);
        addGroups(gpu, part, offset, total);
      }
    }
  }

  /**
   * Chooses the groups that each constraint keeps, kind after kind in the given order: what reads a filter that is going
   * does nothing, so a column of it must not take the place of one that does. At the hard prune the filters' own rows
   * don't count any more either.
   */
  function select(dual: "with U" | "W alone"): void {
    if (state.mask) gpu.copy(state.mask, alive);
    else alive.fill(1);
    for (const { members, status } of steps) {
      choose(members, dual, status);
      for (const constraint of members.map((c) => constraints[c])) {
        const gone = dual === "W alone" ? [...constraint.members, ...constraint.readers] : constraint.readers;
        for (const member of gone) {
          withKept(
            constraint,
            member,
            (keep) => expandMask(gpu, keep, member.layout, alive.tensor(member.param), keptAs(constraint)),
          );
        }
      }
    }
  }

  /** Leaves the kept groups of these constraints, all chosen in one way, in `kept`. */
  function choose(chosen: readonly number[], dual: "with U" | "W alone", status: Tensor): void {
    const inputs = ({ name, members: [{ param }] }: Constraint) => ({
      w: weights.tensor(param),
      u: dual === "with U" ? u.tensor(`${name}/${param}`) : undefined,
      frozen: alive.tensor(param),
    });
    const patterns: { name: string; taps: Tensor }[] = [];
    chosen.forEach((c, slot) => {
      const constraint = constraints[c];
      const { name, rule, keep, groups } = constraint;
      if (rule?.kind === "runs") {
        selectRuns(gpu, { ...inputs(constraint), ...rule }, kept.tensor(name), status, slot);
      } else if (rule?.kind === "pattern") {
        const taps = Tensor.empty(gpu, [groups]);
        patternScores(gpu, inputs(constraint), rule.patterns, scores.tensor(name), taps);
        patterns.push({ name, taps });
      } else if (wayOf(constraint) === "whole") {
        selectWeights(gpu, { ...inputs(constraint), k: keep }, kept.tensor(name), status, slot);
      } else score(constraint, dual);
    });
    if (wayOf(constraints[chosen[0]]) === "scores") {
      selectTopK(gpu, scores, chosen.map((c) => selections[c]), kept, status);
    }
    for (const { name, taps } of patterns) {
      keepTaps(gpu, taps, kept.tensor(name));
      taps.dispose();
    }
  }

  /** Calls `use` with the kept groups as this member numbers them. */
  function withKept({ name, groups }: Constraint, { layout, offset }: Member, use: (keep: Tensor) => void): void {
    if (aligned({ layout, offset }, groups)) return use(kept.tensor(name));
    using part = Tensor.empty(gpu, [layout.groups]);
    takeGroups(gpu, kept.tensor(name), offset, part);
    use(part);
  }

  function project(dual: "hold" | "update"): void {
    select("with U");
    parts.forEach((part, slot) =>
      withKept(constraints[part.constraint], part, (keep) =>
        projectUpdate(gpu, {
          layout: part.layout,
          ...keptAs(constraints[part.constraint]),
          w: weights.tensor(part.param),
          u: u.tensor(part.key),
          z: z.tensor(part.key),
          keep,
          frozen: frozen(part.param),
          dual,
          residuals,
          slot,
        }))
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
      const [norms] = await readTensors([residuals, ...steps.map(({ status }) => status)]).then(checked);
      const next = rhos[Math.min(period + 1, rhos.length - 1)];
      if (next !== rho) rescaleDual(gpu, u, rho, next);
      rho = next;
      aim();
      return relativeResiduals(state, parts, norms);
    },
    rhoOf: (param) => rho * (byParam.get(param)?.length ?? 0),
    async hardPrune() {
      state.mask ??= filled(createArena(gpu, weights.layout, "mask"));
      const mask = state.mask;
      select("W alone");
      for (const constraint of constraints) {
        for (const member of constraint.members) {
          withKept(
            constraint,
            member,
            (keep) => expandMask(gpu, keep, member.layout, mask.tensor(member.param), keptAs(constraint)),
          );
        }
      }
      applyMask(gpu, weights, mask);
      checked([new Float32Array(), ...await readTensors(steps.map(({ status }) => status))]);
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
      for (const arena of [z, u, scores, kept, alive]) arena.dispose();
      for (const { status } of steps) status.dispose();
      residuals.dispose();
      // The target belongs to the training state from here on, and goes with it.
    },
  };
}

/** From here on single weights are ranked as they are, without scores: several dispatches for each layer, few bytes. */
const MANY_WEIGHTS = 2 ** 16;

/** By scores, many constraints of a kind together; or each from its whole tensor, where it needs none. */
function wayOf({ kind, groups, rule }: Constraint): "scores" | "whole" {
  return rule?.kind === "runs" || (kind === "weight" && groups >= MANY_WEIGHTS) ? "whole" : "scores";
}

/** How the vector of kept groups is to be read. */
function keptAs({ rule }: Constraint): { readonly kept: "groups" | "taps" } {
  return { kept: rule?.kind === "pattern" ? "taps" : "groups" };
}

/** Whether a member numbers its groups exactly as its constraint does. */
function aligned({ layout, offset }: Pick<Member, "layout" | "offset">, groups: number): boolean {
  return offset === 0 && layout.groups === groups;
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
