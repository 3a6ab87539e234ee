/**
 * Keeps tuned plans within a run in its folder, so that going on with it replays them, and on the device for the next
 * run.
 */
import { UserError } from "../errors.ts";
import { sha256 } from "../formats/sha256.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Model } from "../graph/types.ts";
import { joinPath } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import { Interrupted } from "../train/errors.ts";
import type { Ui } from "../ui.ts";
import { emptyPlans, type Plans, plansCache, plansName, readPlans, writePlans } from "./plans.ts";
import type { Tuned, TuneOptions } from "./tune.ts";
import { createTuner } from "./tuner.ts";

/** Tunes what a stage is about to run; what is known already costs a moment. */
export interface RunTuner {
  training(model: Model, batch: number): Promise<void>;
  inference(model: Model, batch: number): Promise<void>;
  /** Marks the plans in use, for the checkpoint. */
  mark(): Promise<PlansMark>;
}

/**
 * Says which plans a checkpoint was computed with: so many, and their SHA-256 in hexadecimal, or "untuned" for
 * planners' defaults.
 */
export type PlansMark = "untuned" | { readonly classes: number; readonly sha256: string };

export interface TuningOptions {
  readonly gpu: Gpu;
  readonly store: Store;
  readonly dir: string;
  /**
   * Devices' plans are kept in this folder between runs; null keeps them nowhere. Undefined takes planners' defaults.
   */
  readonly plansFolder: string | null | undefined;
  /** This is what the checkpoint says that the run goes on from; it is undefined where the run begins. */
  readonly saved: PlansMark | undefined;
  readonly ui: Ui;
  readonly signal: AbortSignal | undefined;
}

/**
 * Plans are in the run's folder before anything is computed with them. A resumed run goes on as it began: with those
 * plans, or with defaults.
 * @throws UserError where the plans that the checkpoint was computed with are missing or changed
 */
export async function openTuner(options: TuningOptions): Promise<RunTuner> {
  const { gpu, store, dir, plansFolder, saved, ui, signal } = options;
  const kept = `${dir}/plans.json`;
  if (plansFolder === undefined && saved !== undefined && saved !== "untuned") {
    ui.warn(`${dir} was begun with tuned plans and goes on without: its bits will be others than if it never stopped`);
  }
  if (plansFolder === undefined || saved === "untuned") {
    createTuner(gpu, emptyPlans(gpu.info));
    return { training: nothing, inference: nothing, mark: () => Promise.resolve("untuned") };
  }
  const shared = plansFolder === null ? undefined : plansCache(store, joinPath(plansFolder, plansName(gpu.info)), ui);
  const known = saved ? await keptPlans(options, kept, saved) : await shared?.read(gpu.info) ?? emptyPlans(gpu.info);
  const tuner = createTuner(gpu, known);
  if (!saved) await writePlans(store, kept, tuner.plans);

  const measure = async (what: string, work: (options: TuneOptions) => Promise<Tuned[]>) => {
    let stage: ReturnType<Ui["stage"]> | undefined;
    const tuned = await work({
      signal,
      onProgress(done, total, shapeClass) {
        if (total === 0) return;
        stage ??= ui.stage(`tune ${what}`, total);
        stage.update(done, { text: shapeClass });
      },
    });
    const better = tuned.filter(({ winner, untuned }) => winner !== untuned).length;
    stage?.done(`${tuned.length} kernels measured, ${better} found faster`);
    if (tuned.length > 0) {
      await writePlans(store, kept, tuner.plans);
      await shared?.write(tuner.plans);
    }
    // What is not measured yet would be computed by default plans, and by others when the run goes on.
    if (signal?.aborted) throw new Interrupted("stopped");
  };
  return {
    training: (model, batch) => measure("training", (options) => tuner.training(model, batch, options)),
    inference: (model, batch) => measure("inference", (options) => tuner.inference(model, batch, options)),
    mark: () => markOf(tuner.plans, Object.keys(tuner.plans.plans).length),
  };
}

function nothing(): Promise<void> {
  return Promise.resolve();
}

/** Gives the run's own plans. There may be more than the checkpoint knows: found after it was written. */
async function keptPlans(
  { gpu, store }: TuningOptions,
  file: string,
  saved: Exclude<PlansMark, "untuned">,
): Promise<Plans> {
  const refuse = (why: string) =>
    new UserError(
      `${file}: ${why}, and the run's numbers depend on it: restore the file as it was, go on with default plans and ` +
        `other bits (--no-tune), or start a new run`,
    );
  if (await store.size(file) === undefined) throw refuse("is missing");
  const plans = await readPlans(store, file, gpu.info, (reason) => {
    throw refuse(reason.replace(/^ignored the tuned plans in .*?: /, "can't be used: "));
  });
  const found = await markOf(plans, saved.classes);
  if (found === "untuned" || found.sha256 !== saved.sha256) throw refuse("isn't what the checkpoint was computed with");
  return plans;
}

/** Marks the first `classes` plans; new ones are added at the end. */
async function markOf({ plans }: Plans, classes: number): Promise<PlansMark> {
  const winners = Object.entries(plans).slice(0, classes).map(([shapeClass, { winner }]) => [shapeClass, winner]);
  return { classes, sha256: await sha256(new TextEncoder().encode(JSON.stringify(winners))) };
}
