/** One pass over the training data: forward, backward, optimizer, with few reads and a bounded queue. */
import { type Augment, batchCount, batches } from "../data/loader.ts";
import type { Split } from "../data/types.ts";
import { execute } from "../graph/execute.ts";
import { axpby } from "../tensor/ops/inplace.ts";
import { softmaxCrossEntropy } from "../tensor/ops/loss.ts";
import { countCorrect } from "../tensor/ops/reduce.ts";
import type { Optimizer } from "../tensor/optimizer.ts";
import { Tape } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Interrupted } from "./errors.ts";
import type { TrainState } from "./state.ts";

/** How far an epoch got: where it goes on after an interruption. Sums over the samples seen. */
export interface EpochProgress {
  readonly batch: number;
  readonly samples: number;
  readonly lossSum: number;
  readonly correct: number;
}

export const EPOCH_START: EpochProgress = { batch: 0, samples: 0, lossSum: 0, correct: 0 };

export interface EpochOptions {
  readonly data: Split;
  readonly batch: number;
  readonly seed: number;
  /** Number of this epoch in the whole run: keys shuffling, augmentation and dropout. */
  readonly epoch: number;
  readonly augment?: Augment;
  /** Images of the epoch, drawn anew for each; default: all. */
  readonly images?: number;
  readonly labelSmoothing?: number;
  /** Learning rate at a fraction 0…1 of this epoch. */
  readonly lr: (fraction: number) => number;
  readonly from?: EpochProgress;
  readonly signal?: AbortSignal;
  /** Called when sums have been read, a few times a second at most. A loss that isn't finite ends the epoch. */
  readonly onProgress?: (progress: EpochProgress, batches: number) => void;
}

export interface EpochResult extends EpochProgress {
  /** False if the epoch ended early because its loss was not finite. */
  readonly finite: boolean;
}

/**
 * About so much of the device's time is recorded ahead of it: more would only fill memory and delay an interruption.
 * Recording is faster than the device, so it is batches that are counted, and each read tells how long they took.
 */
const READ_EVERY_MS = 250;
/** Batches of an epoch before anything is known of their time. */
const FIRST_READ = 4;

/**
 * Trains for one epoch. Throws Interrupted, with the progress to resume from, when the signal is aborted: the state then
 * is that after the last finished batch.
 */
export async function trainEpoch(
  state: TrainState,
  optimizer: Optimizer,
  options: EpochOptions,
): Promise<EpochResult> {
  const { gpu } = state;
  const { data, batch, from = EPOCH_START } = options;
  const total = batchCount(data, options);
  using lossSum = Tensor.from(gpu, Float32Array.of(from.lossSum), []);
  using correct = Tensor.from(gpu, Uint32Array.of(from.correct), [1]);
  let { samples } = from;
  let lastRead = { batch: from.batch, at: performance.now() };
  let nextRead = from.batch + FIRST_READ;

  const read = async (done: number): Promise<EpochResult> => {
    const [loss, right] = await gpu.readMany([lossSum, correct]);
    const now = performance.now();
    const batchMs = (now - lastRead.at) / Math.max(1, done - lastRead.batch);
    lastRead = { batch: done, at: now };
    nextRead = done + Math.max(1, Math.round(READ_EVERY_MS / batchMs));
    const sum = new Float32Array(loss)[0];
    return {
      batch: done,
      samples,
      lossSum: sum,
      correct: new Uint32Array(right)[0],
      finite: Number.isFinite(sum),
    };
  };

  const loader = batches(data, {
    batch,
    seed: options.seed,
    epoch: options.epoch,
    shuffle: true,
    augment: options.augment,
    images: options.images,
    from: from.batch,
  });
  for await (const { number, count, images, labels } of loader) {
    using tape = new Tape(gpu, "train");
    const x = tape.own(Tensor.from(gpu, images, [count, ...data.shape]));
    const t = tape.own(Tensor.from(gpu, labels, [count]));
    for (const { name } of state.weights.layout.slots) {
      tape.watch(state.weights.tensor(name), state.gradients.tensor(name));
    }
    const logits = execute(tape, state.graph, state.params, x, {
      seed: options.seed,
      step: options.epoch * total + number,
    });
    const loss = softmaxCrossEntropy(tape, logits, t, { smoothing: options.labelSmoothing });
    countCorrect(gpu, logits, t, correct);
    axpby(gpu, count, loss, 1, lossSum);
    tape.backward(loss);
    optimizer.step({
      lr: options.lr(number / total),
      weights: state.weights,
      gradients: state.gradients,
      target: state.target,
      mask: state.mask,
    });
    samples += count;
    const done = number + 1;
    if (options.signal?.aborted) throw new Interrupted("stopped", { cause: await read(done) });
    if (done < total && done >= nextRead) {
      const progress = await read(done);
      options.onProgress?.(progress, total);
      if (!progress.finite) return progress;
    }
  }
  const result = await read(total);
  options.onProgress?.(result, total);
  return result;
}
