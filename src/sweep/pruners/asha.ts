/**
 * Asynchronous successive halving by promotion (Li, Jamieson, Rostamizadeh, Gonina, Hardt, Recht, Talwalkar, "A System
 * for Massively Parallel Hyperparameter Tuning", 2020; the rule as in Optuna and Ray): whenever a trial has come to a
 * rung, of the n that have come there so far the best ⌊n/η⌋ are promoted, if they aren't yet.
 *
 * "So far" is where the published rule depends on which job came back first. Here it doesn't: trials count in a fixed
 * order, and a result that came early waits until those before it are in. On the first rung that is the order of
 * proposals, on a later one the order of promotions to it, which is settled by results alone. So what is promoted never
 * depends on the number of workers, or on which of them was killed; decisions are made as early as in the published rule
 * but for a trial that is slower than those behind it, and no rung waits for all of its trials, as in synchronous halving.
 *
 * A sweep of few trials would end with none that is trained to its end: ⌊3/4⌋ is 0. So when nothing more will come to a
 * rung and none of it was promoted, its best one is.
 */
import { crowdingDistance } from "../pareto/crowding.ts";
import { dominates, type Point } from "../pareto/dominance.ts";
import { type Aims, pointOf } from "../pareto/trial_points.ts";
import type { Decision, Pruner } from "../pruner.ts";
import { isOver, type Metrics, type Trial } from "../trial.ts";

export interface AshaOptions extends Aims {
  /** η: of so many one is promoted. Default 4. */
  readonly reduction?: number;
  /** Epochs that every trial is trained for; the next rungs are at η, η² … times as many. Default 1. */
  readonly grace?: number;
}

/**
 * Trials are compared by all objectives that the first one on a rung has a number for: those that fewer others dominate are better (Fonseca and Fleming 1993), of
 * equals those in a less crowded part of the front, and then those that came first. With one objective that is its order.
 */
export function ashaPruner(options: AshaOptions): Pruner {
  const { reduction = 4, grace = 1 } = options;
  const rungs: RungState[] = [emptyRung()];
  let known = 0;

  /** Takes in what has come back, in the fixed order. */
  const advance = (trials: readonly Trial[], ended: "more" | "ended") => {
    for (; known < trials.length; known++) rungs[0].coming.push(known);
    for (let r = 0; r < rungs.length; r++) {
      const rung = rungs[r];
      for (; rung.seen < rung.coming.length; rung.seen++) {
        const index = rung.coming[rung.seen];
        const trial = trials[index];
        const result = trial.rungs.find((own) => own.rung === r);
        if (!result && isOver(trial)) continue;
        if (!result) break;
        rung.aims ??= knownAims(options, result.metrics);
        arrive(rung, index, pointOf(result.metrics, rung.aims));
        promote(r, Math.floor(rung.arrived.length / reduction));
      }
      // Nobody will come any more, since nobody will to the rungs below.
      if (ended === "more" || rung.seen < rung.coming.length || (r > 0 && !rungs[r - 1].closed)) continue;
      rung.closed = true;
      if (rung.promoted.size === 0) promote(r, Math.min(1, rung.arrived.length));
    }
  };
  const promote = (r: number, count: number) => {
    const rung = rungs[r];
    for (const index of promotable(rung, count)) {
      rung.promoted.add(index);
      rungs[r + 1] ??= emptyRung();
      rungs[r + 1].coming.push(index);
    }
  };

  return {
    epochsOf: (rung, before) => before + grace * reduction ** rung,
    decide(trials, ended) {
      advance(trials, ended);
      const decisions = new Map<string, Decision>();
      trials.forEach((trial, index) => {
        if (trial.state !== "waiting") return;
        const r = trial.rungs.length - 1;
        const promoted = r < 0 || rungs[r].promoted.has(index);
        decisions.set(trial.id, promoted ? "promote" : rungs[r].closed ? "stop" : "wait");
      });
      return decisions;
    },
  };
}

/** Trials by their numbers in the order of proposals. */
interface RungState {
  /** What its trials are compared by; undefined before the first one is here. */
  aims?: Aims;
  /** Those that will be here, in the fixed order. */
  readonly coming: number[];
  /** How many of them have been looked at. */
  seen: number;
  /** Those whose results are in, and at the same places their points and how many others dominate each. */
  readonly arrived: number[];
  readonly points: Point[];
  readonly dominators: number[];
  readonly promoted: Set<number>;
  /** Whether all of them are in, and nobody else will come. */
  closed: boolean;
}

/** What a rung's trials can be compared by: what is measured at the end alone, such as times, isn't known there. */
function knownAims({ objectives, constraints }: Aims, metrics: Metrics): Aims {
  const known = ({ metric }: { readonly metric: string }) => metrics[metric] !== undefined;
  return { objectives: objectives.filter(known), constraints: constraints.filter(known) };
}

function emptyRung(): RungState {
  return { coming: [], seen: 0, arrived: [], points: [], dominators: [], promoted: new Set(), closed: false };
}

function arrive({ arrived, points, dominators }: RungState, index: number, point: Point): void {
  let above = 0;
  points.forEach((other, i) => {
    if (dominates(other, point)) above++;
    else if (dominates(point, other)) dominators[i]++;
  });
  arrived.push(index);
  points.push(point);
  dominators.push(above);
}

/** Of the best `count` that have arrived those that aren't promoted yet, best first. */
function promotable({ arrived, points, dominators, promoted }: RungState, count: number): number[] {
  if (count === 0) return [];
  const most = smallest(dominators, count);
  const sure: number[] = [];
  const equals: number[] = [];
  let above = 0;
  for (let i = 0; i < dominators.length; i++) {
    if (dominators[i] === most) equals.push(i);
    if (dominators[i] >= most) continue;
    above++;
    if (!promoted.has(arrived[i])) sure.push(i);
  }
  const crowding = crowdingDistance(equals.map((i) => points[i].values));
  const chosen = equals.map((i, at) => ({ i, crowding: crowding[at] }))
    .sort((a, b) => a.crowding === b.crowding ? a.i - b.i : b.crowding - a.crowding)
    .slice(0, count - above).map(({ i }) => i).filter((i) => !promoted.has(arrived[i]));
  return [...sure.sort((a, b) => dominators[a] - dominators[b] || a - b), ...chosen].map((i) => arrived[i]);
}

/** The value at place `count` − 1 of the sorted numbers, which are 0 … their number − 1. */
function smallest(values: readonly number[], count: number): number {
  const having = new Uint32Array(values.length);
  for (const value of values) having[value]++;
  let value = 0;
  for (let left = count; left > having[value]; value++) left -= having[value];
  return value;
}
