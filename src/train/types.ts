/** What a training is made of: losses that are minimised, callbacks that go along, and what both are shown. */
import type { Gpu, Slice } from "../gpu/gpu.ts";
import type { Graph, HostTensor, Model } from "../graph/types.ts";
import type { Optimizer } from "../tensor/optimizer.ts";
import type { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { OptimizerSettings } from "./optimizers.ts";
import type { TrainState } from "./state.ts";

/** How far an epoch got: where it goes on after an interruption. Sums over the samples seen. */
export interface EpochProgress {
  /** Batches done. */
  readonly batch: number;
  /** Images in them. */
  readonly samples: number;
  /** The loss times the images, summed. */
  readonly lossSum: number;
  /** Of `scored` samples, how many had their label's logit largest. */
  readonly correct: number;
  /** Samples with a label whose step ran the first graph. */
  readonly scored: number;
}

/**
 * One step of training, as a loss sees it. Everything that ops make through `tape` is freed when the step is done.
 */
export interface Step {
  /** Of this step. */
  readonly tape: Tape;
  /** Parameters and statistics of all graphs by name, for a loss that runs `execute` itself. */
  readonly params: ReadonlyMap<string, Tensor>;
  /** [count, C, H, W] */
  readonly images: Tensor;
  /** u32 [count]. Reading it throws a UserError where the data have no labels. */
  readonly labels: Tensor;
  /** Images of this batch. */
  readonly count: number;
  /** Epochs of this training done so far, with the fraction of the one in progress. */
  readonly epoch: number;
  /** λ of every Mix, in 0…1, for passes that have yet to run; 1 at first. A callback sets it before the step. */
  mix: number;
  /** All outputs of a graph (default: the first) for `images`, in training mode. It runs once, however many ask. */
  outputs(graph?: Graph): readonly Tensor[];
  /** The first of them. */
  forward(graph?: Graph): Tensor;
  /** All outputs of a network that isn't trained, in evaluation mode and without gradients. It runs once as well. */
  frozen(model: Model): readonly Tensor[];
}

/**
 * Value of a graph -> who looks at it when a forward pass has made it. Nothing is fused across such a value. Whoever wants
 * its gradient calls `step.tape.watch(value)` then, and `step.tape.gradient(value)` when the backward pass is done.
 */
export type Watchers = ReadonlyMap<string, (value: Tensor, step: Step) => void>;

/**
 * What is minimised: a scalar (shape []) for each batch, a mean over its images. It may change with `step.epoch`:
 * factors and temperatures are uniforms, so nothing is compiled again.
 */
export type Loss = (step: Step) => Tensor;

/** A training in progress, as a callback sees it. */
export interface Training {
  /** What messages call it: "train", "admm 1/2". */
  readonly name: string;
  /** The device. */
  readonly gpu: Gpu;
  /** As they were given. */
  readonly graphs: readonly Graph[];
  /** Weights, gradients, statistics, mask and target on the device. */
  readonly state: TrainState;
  /** Its segments may be set anew. */
  readonly optimizer: Optimizer;
  /** As they were given. */
  readonly settings: OptimizerSettings;
  /** Epochs in all. */
  readonly epochs: number;
  /** Steps of an epoch. */
  readonly batches: number;
  /** Epochs finished: in `afterEpoch` this counts the one that has just ended. */
  readonly epoch: number;
  /** Within the epoch in progress. */
  readonly progress: EpochProgress;
  /** Learning rate of the last step. */
  readonly lr: number;
  /** Makes the epoch in progress, or the one that has just ended, the last one. */
  stop(): void;
  /** Everything from which `train` goes on to the same bits. */
  snapshot(): Promise<Snapshot>;
}

/** Numbers that a log is made of. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What an epoch came to; callbacks' own fields stand behind. */
export interface EpochRecord extends LogFields {
  /** From 1. */
  readonly epoch: number;
  /** Mean over the epoch's samples. */
  readonly loss: number;
  /** Fraction in 0…1; undefined where nothing could be counted. */
  readonly trainAccuracy: number | undefined;
  /** Of the validation set, where there is one. */
  readonly validationLoss: number | undefined;
  /** Fraction in 0…1, of the validation set where there is one. */
  readonly validationAccuracy: number | undefined;
}

/** What a callback keeps in a snapshot. */
export interface CallbackState {
  /** Plain JSON data. */
  readonly values?: unknown;
  /** By names of the callback's own. */
  readonly tensors?: ReadonlyMap<string, HostTensor>;
}

/**
 * Something that goes along with training: it looks at it, writes about it or steers it. Every part is optional; those of
 * several callbacks run in the order of the list. One object serves one training.
 */
export interface Callback {
  /** Unique in a training: names its state in a snapshot. */
  readonly name: string;
  /** Before everything else, whether the training is resumed or not: what the callback needs on the device. */
  open?(training: Training): void;
  /** Before the first epoch of a training that isn't resumed. */
  start?(training: Training): Promise<void> | void;
  /** Values of the first graph that it looks at in every step; its values are refused that the graph doesn't have. */
  readonly watchers?: Watchers;
  /**
   * Before a step, and before its tape is open: it may wait for the device, which a step itself may not. `step` counts from 0 over
   * all epochs of the training. Where a training was stopped, the step that it goes on with is told. What it waits for must not be stopped by the
   * training's signal: between two steps there is nothing to go on from.
   */
  beforeBatch?(training: Training, step: number): Promise<void> | void;
  /** Before a step's forward pass, when its tape is open. */
  beforeStep?(step: Step, training: Training): void;
  /** After a step's backward pass: gradients are in `training.state.gradients`, the optimizer has yet to use them. */
  afterBackward?(step: Step, training: Training): void;
  /** When the optimizer's update has been recorded; `training.lr` is the rate that it took. */
  afterStep?(step: Step, training: Training): void;
  /** Before sums are read, a few times a second at most: records, and gives, what is to be read along with them. */
  beforeRead?(training: Training): readonly Slice[];
  /** When `training.progress` has been read, with the bytes of what `beforeRead` gave. */
  afterRead?(training: Training, bytes: readonly ArrayBuffer[]): Promise<void> | void;
  /** After an epoch's last step and before validation; may still change weights. What it gives is logged. */
  afterEpoch?(training: Training): Promise<LogFields | void>;
  /** When the epoch has been validated: to look, to choose and to keep. */
  afterValidation?(training: Training, record: EpochRecord): Promise<void> | void;
  /** When the signal has stopped the training within an epoch, at `training.progress`. */
  interrupted?(training: Training): Promise<void> | void;
  /** After the last epoch, when the result has been read. */
  finish?(training: Training): Promise<void> | void;
  /** What it takes to go on from here, for `restore`. */
  snapshot?(training: Training): Promise<CallbackState> | CallbackState;
  /** Takes back what `snapshot` gave, `training.epoch` epochs having been finished then; after `open`. */
  restore?(saved: CallbackState, training: Training): void;
  /** Frees what `open` took, also when training has failed. */
  close?(): void;
}

/** Where a training stood. The same options with `from: snapshot` end in the same bits. */
export interface Snapshot {
  /** Plain JSON data. */
  readonly cursor: unknown;
  /** Parameters, optimizer state and callbacks' tensors. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}
