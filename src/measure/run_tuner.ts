/** Tuned plans within a run: kept in its folder, so that going on with it replays them, and on the device for the next run. */
import type { Gpu } from "../gpu/gpu.ts";
import type { Model } from "../graph/types.ts";
import { joinPath } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import type { Ui } from "../ui.ts";
import { emptyPlans, plansName, readPlans, writePlans } from "./plans.ts";
import type { Tuned, TuneOptions } from "./tune.ts";
import { createTuner } from "./tuner.ts";

/** Tunes what a stage is about to run; what is known already costs a moment. */
export interface RunTuner {
  training(model: Model, batch: number): Promise<void>;
  inference(model: Model, batch: number): Promise<void>;
}

export interface TuningOptions {
  readonly gpu: Gpu;
  readonly store: Store;
  readonly dir: string;
  /** Folder where devices' plans are kept between runs. Undefined: planners' defaults. */
  readonly plansFolder: string | undefined;
  readonly resume: boolean;
  readonly ui: Ui;
  readonly signal: AbortSignal | undefined;
}

/** A resumed run goes on as it began: with the plans in its folder, or with defaults where it has none. */
export async function openTuner(
  { gpu, store, dir, plansFolder, resume, ui, signal }: TuningOptions,
): Promise<RunTuner> {
  const shared = plansFolder === undefined ? undefined : joinPath(plansFolder, plansName(gpu.info));
  const kept = `${dir}/plans.json`;
  const began = await store.size(kept) !== undefined;
  if (resume ? !began : shared === undefined) {
    createTuner(gpu, emptyPlans(gpu.info));
    return { training: () => Promise.resolve(), inference: () => Promise.resolve() };
  }
  const tuner = createTuner(gpu, await readPlans(store, resume ? kept : shared!, gpu.info, ui.note));
  await writePlans(store, kept, tuner.plans);

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
    if (tuned.length === 0) return;
    await writePlans(store, kept, tuner.plans);
    if (shared !== undefined) await writePlans(store, shared, tuner.plans);
  };
  return {
    training: (model, batch) => measure("training", (options) => tuner.training(model, batch, options)),
    inference: (model, batch) => measure("inference", (options) => tuner.inference(model, batch, options)),
  };
}
