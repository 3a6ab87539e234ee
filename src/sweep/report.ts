/** What a sweep came to: sweep.json in its folder, the same whoever carried it out, and in the order of its trials. */
import { UserError } from "../errors.ts";
import type { Store } from "../store/types.ts";
import type { DataMark } from "./job.ts";
import type { Identity } from "./queue/queue.ts";
import type { Constraint, Objective } from "./objective.ts";
import type { Difference } from "./results.ts";
import type { Space } from "./space.ts";
import type { Trial } from "./trial.ts";

export const SWEEP_REPORT = "sweep.json";

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

/**
 * Undefined where no trial has begun yet.
 * @throws UserError where the file is something else
 */
export async function readReport(store: Store, dir: string): Promise<SweepReport | undefined> {
  const path = `${dir}/${SWEEP_REPORT}`;
  const bytes = await store.read(path);
  if (!bytes) return undefined;
  try {
    const report: SweepReport | null = JSON.parse(new TextDecoder().decode(bytes));
    if (report?.version === 1 && Array.isArray(report.trials)) return report;
  } catch { /* said below */ }
  throw new UserError(`${path}: is no sweep's report: go on with the sweep by --resume ${dir}, which writes it anew`);
}

/** What was fixed when the sweep began, in ground.json: going on with it takes the same. */
export interface SweepGround {
  readonly version: 1;
  readonly identity: Identity;
  readonly adapter: string;
  readonly data: DataMark;
  readonly plans: string;
  /** Where results and checkpoints are kept. */
  readonly store: string;
}

export const SWEEP_GROUND = "ground.json";

/** @throws UserError where the folder holds no sweep, or one that never began */
export async function readGround(store: Store, dir: string): Promise<SweepGround> {
  const path = `${dir}/${SWEEP_GROUND}`;
  const bytes = await store.read(path);
  if (!bytes) throw new UserError(`${dir} holds no sweep: ${path} is missing; name the folder of an earlier sweep`);
  try {
    const ground: SweepGround = JSON.parse(new TextDecoder().decode(bytes));
    if (ground.version === 1) return ground;
  } catch { /* said below */ }
  throw new UserError(`${path}: is not what a sweep of this Secateur wrote: restore it, or begin a new sweep`);
}

/** A trial's folder, which is a run's folder. */
export function trialFolder(dir: string, id: string): string {
  return `${dir}/trials/${id}`;
}
