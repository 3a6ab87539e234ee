/** What a stage works with: the device, the data, the run's state, and ways to show, log and keep what it does. */
import type { Splits } from "../data/types.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { HostTensor } from "../graph/types.ts";
import type { LatencyTable } from "../measure/latency/types.ts";
import type { RunTuner } from "../measure/run_tuner.ts";
import type { ImageLayout } from "../models/given.ts";
import type { Sensitivity } from "../prune/sensitivity/types.ts";
import type { Recipe } from "../recipe/schema.ts";
import type { Store } from "../store/types.ts";
import type { Ui } from "../ui.ts";
import type { RunState, StageProgress } from "./run_state.ts";

export interface RunContext {
  readonly gpu: Gpu;
  readonly recipe: Recipe;
  readonly data: Splits;
  readonly store: Store;
  readonly dir: string;
  readonly ui: Ui;
  readonly signal: AbortSignal | undefined;
  readonly state: RunState;
  readonly tuner: RunTuner;
  /** How the model's file has its images, and the ONNX file will unless the recipe says otherwise. */
  readonly layout: ImageLayout;
  /** Of the device that is pruned for; none where nothing is chosen by what it takes there. */
  readonly tables: readonly LatencyTable[];
  /** What networks lose by each layer, by the file that a budget names. */
  readonly curves: ReadonlyMap<string, Sensitivity>;
  /** The run pauses after so many epochs over all stages; undefined: nowhere. */
  readonly pauseAt: number | undefined;
  /** Adds a line to log.jsonl. */
  log(event: Readonly<Record<string, unknown>>): Promise<void>;
  /** Adds the time since the last call, or since the run began, to what the stage in progress has taken. */
  spend(): void;
  /** Writes the checkpoint, with how far the stage in progress has got. */
  save(cursor: unknown, tensors: ReadonlyMap<string, HostTensor>): Promise<void>;
  /** Where an earlier process left this stage; only the first call gives it. */
  takeProgress(): StageProgress | undefined;
}
