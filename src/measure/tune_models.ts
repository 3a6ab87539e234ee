/** Tunes this device for networks, apart from any run. */
import { adapterName } from "../gpu/adapter.ts";
import { chosenGpu, type GpuChoice } from "../gpu/gpu_choice.ts";
import type { Model } from "../graph/types.ts";
import { joinPath } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import { Interrupted } from "../train/errors.ts";
import type { Ui } from "../ui.ts";
import { emptyPlans, plansName, readPlans, writePlans } from "./plans.ts";
import type { Tuned } from "./tune.ts";
import { createTuner } from "./tuner.ts";

export interface TuneModelsOptions extends GpuChoice {
  readonly networks: readonly { readonly name: string; readonly model: Model }[];
  readonly batches: readonly number[];
  /** True measures again what is known already. */
  readonly fresh: boolean;
  readonly store: Store;
  readonly plansFolder: string;
  readonly signal: AbortSignal;
  readonly ui: Ui;
}

export interface TuneReport {
  readonly adapter: string;
  /** The plans of this device are in this file. */
  readonly file: string;
  /** These were measured now; shapes that were known are left out. */
  readonly tuned: readonly Tuned[];
}

/** Measures inference and, for batches above 1, training. Each network's plans are kept as soon as they are found. */
export async function tuneModels(options: TuneModelsOptions): Promise<TuneReport> {
  const { networks, batches, fresh, store, signal, ui } = options;
  using device = await chosenGpu(options);
  const { gpu } = device;
  const file = joinPath(options.plansFolder, plansName(gpu.info));
  const tuner = createTuner(gpu, fresh ? emptyPlans(gpu.info) : await readPlans(store, file, gpu.info, ui.note));
  const found: Tuned[] = [];
  for (const { name, model } of networks) {
    for (const batch of batches) {
      for (const kind of batch > 1 ? ["inference", "training"] as const : ["inference"] as const) {
        const stage = ui.stage(`${name}, ${kind}, batch ${batch}`, 1);
        const tuned = await tuner[kind](model, batch, {
          signal,
          onProgress: (done, total, text) => stage.update(total === 0 ? 1 : done / total, { text }),
        });
        stage.done(`${tuned.length} kernels measured`);
        found.push(...tuned);
        if (tuned.length > 0) await writePlans(store, file, tuner.plans);
        if (signal.aborted) throw new Interrupted("stopped");
      }
    }
  }
  return { adapter: adapterName(gpu.info), file, tuned: found };
}
