/**
 * Which groups each constraint of ADMM keeps: chosen on the device, and left there as vectors of 0 and 1 over the groups.
 */
import { type Arena, createArena } from "../../tensor/arena.ts";
import {
  addGroups,
  checkStatus,
  expandMask,
  groupNorms,
  keepTaps,
  patternScores,
  selectRuns,
  selectTopK,
  selectWeights,
  takeGroups,
} from "../../tensor/project.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { TrainState } from "../../train/state.ts";
import { isAligned } from "../structures/elements.ts";
import { wholeKeep } from "../structures/selection.ts";
import type { Constraint, Member } from "../structures/types.ts";

/** What groups are ranked by: the norms of W + U at a Z-step, of W alone at the hard prune. */
export type Ranking = "with U" | "W alone";

export interface GroupSelection {
  /** Leaves the groups that each constraint keeps on the device. */
  select(ranking: Ranking): void;
  /** Gives the kept groups of a constraint as this member of it numbers them, and how to read them, until `select` is next. */
  keptOf(constraint: Constraint, member: Member): Kept;
  /** The groups that each constraint keeps, by its name, as `select` has left them. */
  readonly kept: Arena;
  /** How many scores were NaN or infinite, to be read and handed to `check`. */
  readonly statuses: readonly Tensor[];
  /** Throws UserError where weights have diverged. */
  check(statuses: readonly Float32Array[]): void;
  dispose(): void;
}

/** A vector of kept groups, and how it is to be read. */
export interface Kept {
  readonly keep: Tensor;
  readonly kept: "groups" | "taps";
}

/** What the steps below share. */
interface Buffers {
  readonly state: TrainState;
  readonly u: Arena;
  readonly scores: Arena;
  readonly kept: Arena;
  /** The kept groups as members number them whose numbers are others than the constraint's. */
  readonly views: Arena;
  readonly viewOf: ReadonlyMap<Member, Tensor>;
  /** 1 for each weight that can still be chosen. */
  readonly alive: Arena;
}

/** Constraints that are chosen for together, in the order of their kinds. */
interface Batch {
  readonly constraints: readonly Constraint[];
  readonly status: Tensor;
}

/** @param u the duals, called `<constraint>/<parameter>` */
export function createSelection(state: TrainState, constraints: readonly Constraint[], u: Arena): GroupSelection {
  const { gpu } = state;
  const scores = createArena(gpu, constraints.map(({ name, groups }) => ({ name, shape: [groups] })), "group norms");
  const kept = createArena(gpu, scores.layout, "kept groups");
  const alive = createArena(gpu, state.weights.layout, "alive");
  const others = constraints.flatMap(({ name, groups, members, readers }) =>
    [...members, ...readers].filter((member) => !isAligned(member, groups)).map((member) => ({ name, member }))
  );
  const views = createArena(
    gpu,
    others.map(({ name, member }, i) => ({ name: `${name}, view ${i}`, shape: [member.layout.groups] })),
    "kept groups of members",
  );
  const viewOf = new Map(others.map(({ member }, i) => [member, views.tensor(views.layout.slots[i].name)]));
  const buffers: Buffers = { state, u, scores, kept, views, viewOf, alive };
  const batches: Batch[] = [...Map.groupBy(constraints, (c) => `${c.kind} ${wayOf(c)}`).values()]
    .map((together) => ({ constraints: together, status: Tensor.zeros(gpu, [together.flatMap(runsOf).length]) }));
  return {
    select: (ranking) => select(buffers, batches, ranking),
    kept,
    keptOf: (constraint, member) => keptOf(buffers, constraint, member),
    statuses: batches.map(({ status }) => status),
    check(statuses) {
      statuses.forEach((status, i) =>
        checkStatus(status, batches[i].constraints.flatMap(runsOf).map(({ name }) => name))
      );
    },
    dispose() {
      for (const arena of [scores, kept, views, alive]) arena.dispose();
      for (const { status } of batches) status.dispose();
    },
  };
}

/**
 * Chooses the groups that each constraint keeps, kind after kind in the given order: what reads a filter that is going
 * does nothing, so a column of it must not take the place of one that does. At the hard prune the filters' own rows
 * don't count any more either.
 */
function select(buffers: Buffers, batches: readonly Batch[], ranking: Ranking): void {
  const { state: { gpu, mask }, alive } = buffers;
  if (mask) gpu.copy(mask, alive);
  else alive.fill(1);
  for (const batch of batches) {
    choose(buffers, batch, ranking);
    for (const constraint of batch.constraints) {
      const gone = ranking === "W alone" ? [...constraint.members, ...constraint.readers] : constraint.readers;
      for (const member of gone) {
        const { keep, kept } = keptOf(buffers, constraint, member);
        expandMask(gpu, keep, member.layout, alive.tensor(member.param), { kept });
      }
    }
  }
}

/** Leaves the kept groups of these constraints, all chosen in one way, in `kept`. */
function choose(buffers: Buffers, { constraints, status }: Batch, ranking: Ranking): void {
  const { state: { gpu, weights }, u, scores, kept, alive } = buffers;
  const inputs = ({ name, members: [{ param }] }: Constraint) => ({
    w: weights.tensor(param),
    u: ranking === "with U" ? u.tensor(`${name}/${param}`) : undefined,
    frozen: alive.tensor(param),
  });
  const patterns: { name: string; taps: Tensor }[] = [];
  constraints.forEach((constraint, slot) => {
    const { name, rule, keep, groups } = constraint;
    if (rule?.kind === "runs") {
      selectRuns(gpu, { ...inputs(constraint), ...rule }, kept.tensor(name), status, slot);
    } else if (rule?.kind === "pattern") {
      const taps = Tensor.empty(gpu, [groups]);
      patternScores(gpu, inputs(constraint), rule.patterns, scores.tensor(name), taps);
      patterns.push({ name, taps });
    } else if (wayOf(constraint) === "whole") {
      selectWeights(gpu, { ...inputs(constraint), k: keep }, kept.tensor(name), status, slot);
    } else score(buffers, constraint, ranking);
  });
  if (wayOf(constraints[0]) === "scores") {
    const offsets = new Map(scores.layout.slots.map(({ name, offset }) => [name, offset]));
    const selections = constraints.flatMap(runsOf).map(({ name, first, groups, keep }) => ({
      offset: offsets.get(name)! + first,
      groups,
      k: keep,
    }));
    selectTopK(gpu, scores, selections, kept, status);
  }
  for (const { name, taps } of patterns) {
    keepTaps(gpu, taps, kept.tensor(name));
    taps.dispose();
  }
}

/** What is chosen among by itself: all groups of a constraint, or each of the runs of which as many stay. */
function runsOf(
  { name, groups, keep, rule }: Constraint,
): { name: string; first: number; groups: number; keep: number }[] {
  const runs = rule?.kind === "even" ? rule.runs : 1;
  const length = groups / runs;
  return Array.from({ length: runs }, (_, run) => ({
    name,
    first: run * length,
    groups: length,
    keep: wholeKeep(rule, keep) / runs,
  }));
}

/** The joint energy of a group is the sum over all its tensors: only so is top-k the Euclidean projection. */
function score({ state, u, scores, alive }: Buffers, { name, members, groups }: Constraint, ranking: Ranking): void {
  const { gpu, weights } = state;
  const total = scores.tensor(name);
  gpu.clear(total);
  for (const { param, layout, places } of members) {
    const w = weights.tensor(param);
    const other = ranking === "with U" ? u.tensor(`${name}/${param}`) : undefined;
    const options = { frozen: alive.tensor(param) };
    if (isAligned({ layout, places }, groups)) {
      groupNorms(gpu, w, other, layout, total, { ...options, accumulate: true });
    } else {
      using part = Tensor.empty(gpu, [layout.groups]);
      groupNorms(gpu, w, other, layout, part, options);
      addGroups(gpu, part, places, total);
    }
  }
}

function keptOf({ state: { gpu }, kept, viewOf }: Buffers, { name, rule }: Constraint, member: Member): Kept {
  const how = rule?.kind === "pattern" ? "taps" : "groups", view = viewOf.get(member);
  if (!view) return { keep: kept.tensor(name), kept: how };
  takeGroups(gpu, kept.tensor(name), member.places, view);
  return { keep: view, kept: how };
}

/** From here on single weights are ranked as they are, without scores: several dispatches for each layer, few bytes. */
const MANY_WEIGHTS = 2 ** 16;

/** By scores, many constraints of a kind together; or each from its whole tensor, where it needs none. */
function wayOf({ kind, groups, rule }: Constraint): "scores" | "whole" {
  return rule?.kind === "runs" || (kind === "weight" && groups >= MANY_WEIGHTS) ? "whole" : "scores";
}
