/** What a sweep came to: sweep.json in its folder, the same whoever carried it out, and in the order of its trials. */
import * as v from "valibot";
import { show, UserError } from "../errors.ts";
import type { Store } from "../store/types.ts";
import { firstDifference } from "../validation/difference.ts";
import type { DataMark } from "./job.ts";
import type { Identity } from "./queue/queue.ts";
import type { Constraint, Objective } from "./objective.ts";
import type { Difference } from "./results.ts";
import type { Space } from "./space.ts";
import type { SweepFile } from "./sweep_file.ts";
import type { Trial } from "./trial.ts";

export const SWEEP_REPORT = "sweep.json";
/** The sweep's file and its recipe, as they were when the sweep began. */
export const SWEEP_FILE = "sweep.yaml";
export const SWEEP_RECIPE = "recipe.yaml";

export interface SweepReport {
  readonly version: 1;
  readonly sweep: string;
  readonly tool: string;
  readonly commit: string;
  readonly adapter: string;
  /** "default", or SHA-256 of the kernel plans that every job ran with. */
  readonly plans: string;
  readonly recipe: string;
  readonly space: Space;
  readonly objectives: readonly Objective[];
  readonly constraints: readonly Constraint[];
  /** Whether nothing more will come. */
  readonly ended: boolean;
  /** Different jobs that the trials went through; those of two trials that are the same count once. */
  readonly jobs: number;
  /** Training epochs of these jobs. */
  readonly epochs: number;
  readonly trials: readonly Trial[];
  /** Jobs that were done twice on one adapter and came to something else. */
  readonly differences: readonly Difference[];
}

const reportShape = v.object({
  version: v.literal(1),
  space: v.object({}),
  objectives: v.array(v.object({ metric: v.string() })),
  constraints: v.array(v.object({ metric: v.string() })),
  trials: v.array(v.object({
    id: v.string(),
    choices: v.object({}),
    state: v.string(),
    rungs: v.array(v.object({ metrics: v.object({}) })),
  })),
});

/**
 * Undefined where no trial has begun yet.
 * @throws UserError where the file is something else
 */
export async function readReport(store: Store, dir: string): Promise<SweepReport | undefined> {
  const path = `${dir}/${SWEEP_REPORT}`;
  const bytes = await store.read(path);
  if (!bytes) return undefined;
  try {
    const report: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (v.is(reportShape, report)) return report as unknown as SweepReport;
  } catch { /* said below */ }
  throw new UserError(`${path}: is no sweep's report: go on with the sweep by --resume ${dir}, which writes it anew`);
}

/** What was fixed when the sweep began, in ground.json: going on with it takes the same. */
export interface SweepGround {
  readonly version: 1;
  readonly asked: Asked;
  readonly identity: Identity;
  readonly adapter: string;
  readonly data: DataMark;
  readonly plans: string;
  /** Where results and checkpoints are kept. */
  readonly store: string;
}

/** What the files of a sweep's folder say, but for what trials don't depend on. */
export interface Asked {
  /** Without description and budget: a sweep may be given more of that. */
  readonly file: Partial<SweepFile>;
  /** Paths in it are seen from the sweep's folder. */
  readonly recipe: unknown;
}

export function askedBy({ description: _description, budget: _budget, ...file }: SweepFile, recipe: unknown): Asked {
  return { file, recipe };
}

/**
 * Trials that are done keep their folders and their numbers, so a sweep that goes on has to propose them again.
 * @throws UserError naming the first key that was changed since the sweep began
 */
export function requireSameAsked(dir: string, before: Asked, { file, recipe }: Asked): void {
  // As the file of the sweep's beginning has it, without what JSON leaves out.
  const now: Asked = JSON.parse(JSON.stringify({ file, recipe }));
  const changed = firstDifference(before.file, now.file);
  const inRecipe = changed ? undefined : firstDifference(before.recipe, now.recipe);
  const { path, left, right } = changed ?? inRecipe ?? {};
  if (path === undefined) return;
  throw new UserError(
    `${dir}/${changed ? SWEEP_FILE : SWEEP_RECIPE} was changed since the sweep began: ${
      path.replace(/^space\b/, "vary")
    } was ${show(left)} and is ` +
      `${
        show(right)
      }: put it back (of ${SWEEP_FILE}, budget and description may change), or begin a new sweep, which finds in the ` +
      "store what is done",
  );
}

export const SWEEP_GROUND = "ground.json";

const groundShape = v.object({
  version: v.literal(1),
  asked: v.object({ file: v.object({}), recipe: v.unknown() }),
  identity: v.object({ tool: v.string(), commit: v.string(), source: v.string() }),
  adapter: v.string(),
  data: v.object({ request: v.string(), sha256: v.string() }),
  plans: v.string(),
  store: v.string(),
});

/** @throws UserError where the folder holds no sweep, or one that never began */
export async function readGround(store: Store, dir: string): Promise<SweepGround> {
  const path = `${dir}/${SWEEP_GROUND}`;
  const bytes = await store.read(path);
  if (!bytes) throw new UserError(`${dir} holds no sweep: ${path} is missing; name the folder of an earlier sweep`);
  try {
    const ground: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (v.is(groundShape, ground)) return ground as unknown as SweepGround;
  } catch { /* said below */ }
  throw new UserError(`${path}: is not what a sweep of this Secateur wrote: restore it, or begin a new sweep`);
}

/** A trial's folder, which is a run's folder. */
export function trialFolder(dir: string, id: string): string {
  return `${dir}/trials/${id}`;
}
