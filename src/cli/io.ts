import type { PartName } from "../data/images/arrange.ts";
import type { DebugLevel } from "../gpu/trace.ts";
import type { Graph } from "../graph/types.ts";
import type { AskKernelOptions, KernelAnswer } from "../measure/ask_kernel.ts";
import type { LatencyTable } from "../measure/latency/types.ts";
import type { TuneMode } from "../measure/run_tuner.ts";
import type { TuneModelsOptions, TuneReport } from "../measure/tune_models.ts";
import type { NetworkOptions } from "../models/given.ts";
import type { Explanation } from "../prune/explain.ts";
import type { LayersAsked } from "../prune/sensitivity/pruned_layers.ts";
import type { Diagnosis } from "../doctor/diagnose.ts";
import type { Survey } from "../one_line/choose_recipe.ts";
import type { DataRequest, Recipe } from "../recipe/schema.ts";
import type { Check } from "../report/checks.ts";
import type { DeviceRecord } from "../report/devices/record.ts";
import type { MeasureTableOptions, TimeOptions } from "../report/devices/time_networks.ts";
import type { PruneOptions as Prune } from "../prune/prune_model.ts";
import type { SensitivityFile } from "../report/sensitivity/sensitivity_file.ts";
import type { Report } from "../report/types.ts";
import type { Store } from "../store/types.ts";
import type { Score } from "../train/evaluate_network.ts";
import type { DeviceSearchOptions, DeviceSearchResult } from "../sweep/device_search/run_device_search.ts";
import type { Ui } from "../ui.ts";
import type { PageFiles } from "./page/bundle.ts";
import type { Listening, ListenOptions } from "./server/listen.ts";
import type { TerminalUi } from "./ui.ts";

/** Everything that a command touches besides its arguments, so that tests can stand in for it. */
export interface Io {
  readonly store: Store;
  /** Results, a line or several at once. */
  out(text: string): void;
  /** Errors. */
  err(text: string): void;
  ui(): TerminalUi;
  /** Aborts at the first SIGINT or SIGTERM; the reason is an `StopSignal`. */
  readonly signal: AbortSignal;
  /**
   * What $SECATEUR_DEBUG asks to be told; from 1 on errors come with their stack.
   * @throws UserError where it is no level
   */
  debug(): DebugLevel;
  /** Columns of the terminal. */
  readonly width: number;
  removeEmptyFolder(path: string): Promise<void>;
  /** Takes a run's folder for this process, until it is disposed of. Throws UserError naming the process that has it. */
  lockFolder(path: string): Promise<AsyncDisposable>;
  /** Of this Secateur: 0.1.0 */
  version(): string;
  /** The commit it was checked out from. */
  commit(): Promise<string>;
  /** Loaded only by commands that need a GPU: `recipes` and `--help` shall not wait for it. */
  engine(): Promise<Engine>;
  /** Loaded only by `serve` and `build`: the bundler and the certificate maker are large. */
  serving(): Promise<Serving>;
  /** Asks at the terminal; false where nobody sits there. */
  confirm(question: string): boolean;
}

/** What `serve` and `build` ask of bundler and network. */
export interface Serving {
  bundle(tool: string): Promise<PageFiles>;
  /** The library as a package for npm, and packed. */
  packLibrary(): Promise<PageFiles>;
  listen(options: ListenOptions): Promise<Listening>;
  /** Of this machine in its networks. */
  lanAddresses(): readonly string[];
  /** Where certificate and token are kept. */
  folder(): string;
  /** The text as a code of block characters. */
  qr(text: string): string;
}

/** What the command line asks of `recipe/`. */
export interface Engine {
  runPrune(options: PruneOptions): Promise<Report>;
  verifyRun(options: VerifyOptions): Promise<readonly Check[]>;
  evaluateNetwork(options: EvalOptions): Promise<Score>;
  surveyNetwork(options: NetworkSurveyOptions): Promise<Survey>;
  searchDevice(options: SearchDeviceOptions): Promise<DeviceSearchResult>;
  explainRun(options: ExplainRunOptions): Promise<Explanation>;
  explainOnData(options: ExplainOnDataOptions): Promise<Explanation>;
  measureSensitivity(options: SensitivityOptions): Promise<SensitivityFile>;
  askKernel(options: Omit<AskKernelOptions, "plansFolder">): Promise<KernelAnswer>;
  tuneModels(options: Omit<TuneModelsOptions, "plansFolder">): Promise<TuneReport>;
  timeNetworks(options: Omit<TimeOptions, "runtime">): Promise<DeviceRecord>;
  measureTable(options: MeasureTableOptions): Promise<LatencyTable>;
  diagnose(options: DiagnoseOptions): Promise<Diagnosis>;
}

export interface PruneOptions {
  readonly recipe: Recipe;
  /** The run's folder; holds recipe.yaml already. */
  readonly dir: string;
  readonly store: Store;
  readonly dataDir?: string;
  /** Go on from the checkpoint in `dir`, if there is one. */
  readonly resume: boolean;
  /** How much is measured of which kernels are fastest on this device. */
  readonly tune: TuneMode | "none";
  readonly signal: AbortSignal;
  readonly ui: Ui;
  /** For the report: "secateur 0.1.0", its commit, the command line. */
  readonly tool: string;
  readonly commit: string;
  readonly command: string;
  /** Times the final network on the device that it was searched for, in ms. */
  readonly timeFinal?: (graph: Graph) => Promise<number | undefined>;
}

export type SearchDeviceOptions =
  & Omit<DeviceSearchOptions, "loadData" | "open" | "gpu">
  & { readonly dataDir?: string };

export interface VerifyOptions {
  readonly dir: string;
  readonly store: Store;
  readonly data?: string;
  readonly dataDir?: string;
  readonly signal: AbortSignal;
  readonly ui: Ui;
}

export interface ExplainRunOptions {
  readonly dir: string;
  readonly stage: number;
  /** A layer, or one of its groups. */
  readonly name: string;
  readonly store: Store;
  readonly dataDir?: string;
  readonly signal: AbortSignal;
  readonly ui: Ui;
}

export interface ExplainOnDataOptions extends EvalOptions {
  /** A layer, or one of its groups. */
  readonly name: string;
  readonly prune: Prune;
  readonly images: number;
  readonly signal: AbortSignal;
}

export interface EvalOptions {
  readonly network: NetworkOptions;
  readonly data: { readonly name: string; readonly part: PartName | "all" | undefined };
  readonly dataDir?: string;
  readonly store: Store;
  readonly ui: Ui;
}

export interface NetworkSurveyOptions {
  readonly network: NetworkOptions;
  readonly data: DataRequest;
  readonly dataDir?: string;
  readonly store: Store;
  readonly ui: Ui;
}

export interface SensitivityOptions extends EvalOptions, LayersAsked {
  readonly limit?: number;
  readonly labels: "use" | "ignore";
  readonly criterion: string;
  readonly seed: number;
  readonly batch: number;
  /** The file that is written, and gone on with. */
  readonly out: string;
  readonly signal: AbortSignal;
  readonly tool: string;
  readonly commit: string;
  readonly command: string;
}

export interface DiagnoseOptions {
  /** A run's folder, or a network's file. */
  readonly target: string;
  readonly batches?: readonly number[];
  readonly seconds?: number;
  readonly images?: number;
  /** Of a file's network, or in place of the recipe's. */
  readonly data?: string;
  readonly part?: PartName | "all";
  readonly dataDir?: string;
  readonly store: Store;
  readonly ui: Ui;
  readonly signal: AbortSignal;
}

/** The reason of an abort by signal; `exitCode` is 128 + the signal's number. */
export class StopSignal extends Error {
  override readonly name = "StopSignal";
  constructor(readonly exitCode: number) {
    super("interrupted");
  }
}
