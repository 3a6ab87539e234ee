/**
 * Training as one call: a loss over one graph, or over several that share their parameters, an optimizer, a schedule,
 * and callbacks for everything else. It can be stopped anywhere and taken up again to the same bits.
 */
import "../disposable.ts";
import { checkDataset } from "../data/check_dataset.ts";
import { type Augment, batchCount } from "../data/loader.ts";
import type { Dataset } from "../data/types.ts";
import { show, UserError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Graph, Params } from "../graph/types.ts";
import { createOptimizer } from "../tensor/optimizer.ts";
import { type KnownKeys, refuseMissingKeys, refuseUnknownKeys } from "../validation/choice.ts";
import { EPOCH_START, type EpochOptions, trainEpoch } from "./epoch.ts";
import { Interrupted } from "./errors.ts";
import { evaluate } from "./evaluate.ts";
import { lossOf, type LossSettings } from "./losses/losses.ts";
import { type CallbackName, callbacksOf } from "./callbacks/callbacks.ts";
import { optimizerOptions, type OptimizerSettings, weightDecayOf } from "./optimizers.ts";
import { checkSchedule, learningRate, type Schedule } from "./schedule.ts";
import type { StepContext } from "./step.ts";
import { createTrainState } from "./state.ts";
import { type Position, restoreSnapshot, takeSnapshot } from "./snapshot.ts";
import { combineWatchers } from "./watchers.ts";
import type { Callback, EpochRecord, LogFields, Loss, Snapshot, Step, Training } from "./types.ts";

/** Images to learn from; without labels for a loss that needs none. */
export type TrainData = Omit<Dataset, "labels"> & Partial<Pick<Dataset, "labels">>;

/** What is trained, on what, and how. */
export interface TrainOptions {
  /** The device, which stays open. */
  readonly gpu: Gpu;
  /** What losses may run, all over the one map of parameters. The first one is validated and its hits are counted. */
  readonly graphs: readonly Graph[];
  /** Every parameter of the graphs. Host tensors; they stay as they are. */
  readonly params: Params;
  /** Each epoch goes through them in an order of its own. */
  readonly data: TrainData;
  /** Images per step. */
  readonly batch: number;
  /** In all; 0 gives the parameters back as they are. */
  readonly epochs: number;
  /** A loss of one's own or one by name; default cross-entropy. */
  readonly loss?: Loss | LossSettings;
  /** Default SGD at 0.01 with momentum 0.9. */
  readonly optimizer?: OptimizerSettings;
  /** Default: one cosine descent. */
  readonly schedule?: Schedule;
  /** Epochs after which the schedule starts anew; default: all of them. */
  readonly period?: number;
  /** In the order in which they are called, some by name. Default: the NaN guard alone. */
  readonly callbacks?: readonly (Callback | CallbackName)[];
  /**
   * Whose passes move the running statistics of batch norms: every graph's, or the first one's alone, so that others that
   * share its norms don't spoil what it is validated with. Default "all".
   */
  readonly statistics?: "all" | "first";
  /** Evaluated after each epoch. */
  readonly validation?: Dataset;
  /** Of shuffling, augmentation and dropout; default 0. */
  readonly seed?: number;
  /** Epochs that this run of trainings has had before: each epoch shuffles and augments anew. Default 0. */
  readonly firstEpoch?: number;
  /** Default: none. */
  readonly augment?: Augment;
  /** Images of an epoch, drawn anew for each; default: all. */
  readonly images?: number;
  /** Stops within an epoch: `train` then throws Interrupted. */
  readonly signal?: AbortSignal;
  /** Where an earlier call with the same options stood. */
  readonly from?: Snapshot;
  /** What messages and logs call this training; default "train". */
  readonly name?: string;
}

/** What training has come to. */
export interface Trained {
  /** After the last epoch. */
  readonly params: Params;
}

/**
 * Trains and gives the new parameters.
 * @throws UserError for options that can't be, DivergedError (by the NaN guard) where training has left the finite
 * numbers, Interrupted when the signal is aborted
 */
export async function train(options: TrainOptions): Promise<Trained> {
  using owned = new DisposableStack();
  const run = open(options, owned);
  const { callbacks, training } = run;
  for (const callback of callbacks) {
    owned.defer(() => callback.close?.());
    callback.open?.(training);
  }
  if (options.from) restoreSnapshot(training, run.position, callbacks, options.from);
  else for (const callback of callbacks) await callback.start?.(training);
  while (training.epoch < options.epochs && !run.position.stopped) {
    await runEpoch(run);
    if (options.signal?.aborted) throw new Interrupted("stopped");
  }
  const params = await training.state.download();
  for (const callback of callbacks) await callback.finish?.(training);
  return { params };
}

const DEFAULT_OPTIMIZER: OptimizerSettings = { kind: "sgd", lr: 0.01 };
const DEFAULT_SCHEDULE: Schedule = { kind: "cosine" };

const KNOWN: KnownKeys<TrainOptions> = {
  gpu: true,
  graphs: true,
  params: true,
  data: true,
  batch: true,
  epochs: true,
  loss: true,
  optimizer: true,
  schedule: true,
  period: true,
  callbacks: true,
  statistics: true,
  validation: true,
  seed: true,
  firstEpoch: true,
  augment: true,
  images: true,
  signal: true,
  from: true,
  name: true,
};

const REQUIRED: readonly (keyof TrainOptions)[] = ["gpu", "graphs", "params", "data", "batch", "epochs"];

interface Run {
  readonly options: TrainOptions;
  readonly data: Dataset;
  readonly schedule: Schedule;
  readonly callbacks: readonly Callback[];
  readonly context: StepContext;
  readonly training: Training;
  readonly position: Position;
}

function open(options: TrainOptions, owned: DisposableStack): Run {
  refuseUnknownKeys("train", options, Object.keys(KNOWN));
  refuseMissingKeys("train", options, REQUIRED);
  const { gpu, graphs, params, batch, epochs, images, name = "train" } = options;
  const { optimizer: settings = DEFAULT_OPTIMIZER, schedule = DEFAULT_SCHEDULE } = options;
  if (graphs.length === 0) throw new UserError("train: graphs is empty, expected at least one");
  if (!(Number.isInteger(epochs) && epochs >= 0)) {
    throw new UserError(`train: epochs is ${show(epochs)}, expected a whole number`);
  }
  checkSchedule(schedule);
  const loss = lossOf(options.loss ?? { kind: "cross-entropy" });
  const callbacks = callbacksOf(options.callbacks ?? ["nan-guard"]);
  checkDataset(options.data);
  if (options.validation) checkDataset(options.validation);
  if (options.validation && !options.validation.labels) {
    throw new UserError(
      "train: validation has no labels, which its accuracy is counted by: give them, or leave it out",
    );
  }
  const labels = options.data.labels ? "present" : "absent";
  const data: Dataset = { ...options.data, labels: options.data.labels ?? new Uint16Array(options.data.count) };
  const batches = batchCount(data, { batch, images });
  const tensorOptions = optimizerOptions(settings);
  const state = owned.use(createTrainState(gpu, graphs, params));
  const optimizer = owned.use(createOptimizer(gpu, state.weights.layout, tensorOptions));
  const weightDecay = weightDecayOf(settings);
  optimizer.setSegments((param) => ({ weightDecay: state.specs[param].role === "weight" ? weightDecay : 0 }));
  const position: Position = {
    epoch: 0,
    progress: EPOCH_START,
    firstEpoch: options.firstEpoch ?? 0,
    lr: 0,
    stopped: false,
  };
  const training: Training = {
    name,
    gpu,
    graphs,
    state,
    optimizer,
    settings,
    epochs,
    batches,
    get epoch() {
      return position.epoch;
    },
    get progress() {
      return position.progress;
    },
    get lr() {
      return position.lr;
    },
    stop() {
      position.stopped = true;
    },
    snapshot: () => takeSnapshot(training, position, callbacks),
  };
  const tell = (part: "beforeStep" | "afterBackward" | "afterStep") => (step: Step) => {
    for (const callback of callbacks) callback[part]?.(step, training);
  };
  const context: StepContext = {
    state,
    optimizer,
    graphs,
    loss,
    labels,
    statistics: options.statistics,
    watchers: combineWatchers(callbacks.map(({ watchers }) => watchers)),
    beforeStep: tell("beforeStep"),
    afterBackward: tell("afterBackward"),
    afterStep: tell("afterStep"),
  };
  return { options, data, schedule, callbacks, context, training, position };
}

async function runEpoch(run: Run): Promise<void> {
  const { options, position, callbacks, training } = run;
  const { graphs, state } = training;
  try {
    position.progress = await trainEpoch(run.context, epochOptions(run));
  } catch (error) {
    if (error instanceof Interrupted) { for (const callback of callbacks) await callback.interrupted?.(training); }
    throw error;
  }
  const { lossSum, samples, correct, scored } = position.progress;
  position.epoch++;
  position.progress = EPOCH_START;
  let fields: LogFields = {};
  for (const callback of callbacks) fields = { ...fields, ...await callback.afterEpoch?.(training) };
  const validation = options.validation &&
    await evaluate(training.gpu, graphs[0], state.params, options.validation);
  const record: EpochRecord = {
    epoch: position.epoch,
    loss: lossSum / samples,
    trainAccuracy: scored > 0 ? correct / scored : undefined,
    validationLoss: validation?.loss,
    validationAccuracy: validation?.accuracy,
    ...fields,
  };
  for (const callback of callbacks) await callback.afterValidation?.(training, record);
}

function epochOptions({ options, data, schedule, callbacks, training, position }: Run): EpochOptions {
  const { batch, seed = 0, augment, images, signal, epochs } = options;
  const { settings: { lr }, epoch } = training;
  const period = options.period ?? epochs;
  const wanted: number[] = [];
  return {
    data,
    batch,
    seed,
    epoch: position.firstEpoch + epoch,
    trained: epoch,
    augment,
    images,
    lr: (fraction) => position.lr = learningRate(lr, schedule, epoch % period + fraction, period),
    from: position.progress,
    signal,
    async beforeBatch(number) {
      const step = epoch * training.batches + number;
      for (const callback of callbacks) await callback.beforeBatch?.(training, step);
    },
    beforeRead: () =>
      callbacks.flatMap((callback, i) => {
        const slices = callback.beforeRead?.(training) ?? [];
        wanted[i] = slices.length;
        return slices;
      }),
    async afterRead(progress, bytes) {
      position.progress = progress;
      let first = 0;
      for (const [i, callback] of callbacks.entries()) {
        await callback.afterRead?.(training, bytes.slice(first, first += wanted[i]));
      }
    },
  };
}
