/** The way of a trial through its recipe: where jobs end. Pure. */
import type { PartEnd } from "../run/pipeline.ts";
import { tailOf } from "../run/tail.ts";
import { isPruning, type Stage } from "../recipe/registry.ts";
import type { Recipe } from "../recipe/schema.ts";
import type { Pruner } from "./pruner.ts";

/** Where a trial stands: the stage that is next, and the epochs trained over all stages. */
export interface Reached {
  readonly stage: number;
  readonly epochs: number;
}

/** What is the same for all trials of a sweep. */
export interface Course {
  /** Index of the first stage that varies. */
  readonly firstVaried: number;
  readonly pruner: Pick<Pruner, "epochsOf">;
}

/**
 * The first stage that a choice changes: trials share what comes before, if they have the same seed and nothing outside of the
 * stages varies. 0 where no path lies in a stage.
 * @param paths in the recipe: "stages.1.keep"
 */
export function firstVaried(paths: readonly string[]): number {
  const stages = paths.map((path) => /^stages\.(\d+)(\.|$)/.exec(path)?.[1]).filter((stage) => stage !== undefined);
  return stages.length === paths.length && paths.length > 0 ? Math.min(...stages.map(Number)) : 0;
}

/**
 * Where the next job of a trial ends. A job is what lies between two stages that take long: what is shared with other trials ends
 * a job, what measures time has a job of its own, and behind the shared part the pruner's rungs may end jobs within a stage.
 * @param rung how many rungs the trial has finished
 * @param shared epochs of the stages before the first that varies
 */
export function nextEnd({ stages }: Pick<Recipe, "stages">, course: Course, at: Reached & Rungs): PartEnd {
  const tail = tailOf({ stages });
  if (at.stage >= course.firstVaried && at.stage < tail) {
    for (let rung = at.rung;; rung++) {
      const epochs = course.pruner.epochsOf(rung, at.shared);
      if (epochs === undefined) break;
      if (epochs > at.epochs) return { stage: tail, epochs };
    }
  }
  return { stage: boundaries(stages, course.firstVaried).find((end) => end > at.stage) ?? stages.length };
}

export interface Rungs {
  readonly rung: number;
  readonly shared: number;
}

/** Indices of stages before which a job ends, and their number. */
export function boundaries(stages: readonly Stage[], firstVaried: number): number[] {
  const inside = stages.map((_, i) => i).filter((i) => i > 0 && (i === firstVaried || isLong(stages[i])));
  return [...inside, stages.length];
}

/** The epochs that the stages from `first` on train for at most, before the last ones, which only measure and compare. */
export function mostEpochs({ stages }: Pick<Recipe, "stages">, first: number): number {
  return stages.slice(first, Math.max(first, tailOf({ stages }))).reduce((sum, stage) => sum + epochsOf(stage), 0);
}

function epochsOf(stage: Stage): number {
  if (stage.kind === "purify") return stage.retrain?.epochs ?? 0;
  if (!isPruning(stage)) return "epochs" in stage ? stage.epochs ?? 0 : 0;
  const retrained = stage.retrain?.epochs ?? 0;
  const grown = stage.kind === "prune" ? stage.gradual?.epochs ?? 0 : 0;
  const updated = stage.kind === "admm" ? stage.updates * stage.epochsPerUpdate : 0;
  // How often steps are taken back and tried again isn't known before.
  const isOpen = stage.floor !== undefined || (stage.kind === "prune" && stage.until !== undefined);
  return isOpen ? Infinity : grown + stage.steps * (updated + retrained);
}

function isLong(stage: Stage): boolean {
  return stage.kind === "measure" || stage.kind === "controls" || isPruning(stage) ||
    ("epochs" in stage && stage.kind !== "subnet");
}

/** Whether the job measures time, and so needs its adapter alone. */
export function measuresTime({ stages }: Pick<Recipe, "stages">, from: number, { stage: end }: PartEnd): boolean {
  return stages.slice(from, end).some(({ kind }) => kind === "measure");
}
