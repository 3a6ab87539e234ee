/** One pass over the training data: forward, backward, optimizer, with few reads and a bounded queue. */
import "../disposable.ts";
import { type Augment, batchCount, batches } from "../data/loader.ts";
import type { Dataset } from "../data/types.ts";
import type { Slice } from "../gpu/gpu.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Interrupted } from "./errors.ts";
import { type StepContext, trainStep } from "./step.ts";
import type { EpochProgress } from "./types.ts";

export const EPOCH_START: EpochProgress = { batch: 0, samples: 0, lossSum: 0, correct: 0, scored: 0 };

export interface EpochOptions {
  readonly data: Dataset;
  readonly batch: number;
  readonly seed: number;
  /** Number of this epoch in the whole run: keys shuffling, augmentation and dropout. */
  readonly epoch: number;
  /** Number of this epoch in its training, which losses see; default 0. */
  readonly trained?: number;
  readonly augment?: Augment;
  /** Images of the epoch, drawn anew for each; default: all. */
  readonly images?: number;
  /** Learning rate at a fraction 0…1 of this epoch. */
  readonly lr: (fraction: number) => number;
  readonly from?: EpochProgress;
  readonly signal?: AbortSignal;
  /** Before the step of this number within the epoch is recorded: may wait for the device. */
  readonly beforeBatch?: (number: number) => Promise<void>;
  /** Just before sums are read: what to read along with them. */
  readonly beforeRead?: () => readonly Slice[];
  /** When sums have been read, a few times a second at most, with the bytes of what `beforeRead` gave. */
  readonly afterRead?: (progress: EpochProgress, bytes: readonly ArrayBuffer[]) => Promise<void> | void;
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
export async function trainEpoch(context: StepContext, options: EpochOptions): Promise<EpochProgress> {
  const { gpu } = context.state;
  const { data, batch, seed, epoch, trained = 0, from = EPOCH_START } = options;
  const total = batchCount(data, options);
  using loss = Tensor.from(gpu, Float32Array.of(from.lossSum), []);
  using correct = Tensor.from(gpu, Uint32Array.of(from.correct), [1]);
  let { samples, scored } = from;
  let lastRead = { batch: from.batch, at: performance.now() };
  let nextRead = from.batch + FIRST_READ;

  const read = async (done: number): Promise<EpochProgress> => {
    const along = options.beforeRead?.() ?? [];
    const [sum, hits, ...bytes] = await gpu.readMany([loss, correct, ...along]);
    const now = performance.now();
    const batchMs = (now - lastRead.at) / Math.max(1, done - lastRead.batch);
    lastRead = { batch: done, at: now };
    nextRead = done + Math.max(1, Math.round(READ_EVERY_MS / batchMs));
    const progress = {
      batch: done,
      samples,
      lossSum: new Float32Array(sum)[0],
      correct: new Uint32Array(hits)[0],
      scored,
    };
    await options.afterRead?.(progress, bytes);
    return progress;
  };

  const { augment, images } = options;
  const loader = batches(data, { batch, seed, epoch, shuffle: true, augment, images, from: from.batch });
  for await (const loaded of loader) {
    const { number, count } = loaded;
    await options.beforeBatch?.(number);
    const counted = trainStep(context, loaded, { loss, correct }, {
      shape: data.shape,
      seed,
      number: epoch * total + number,
      epoch: trained + number / total,
      lr: options.lr(number / total),
    });
    samples += count;
    if (counted) scored += count;
    const done = number + 1;
    if (options.signal?.aborted) throw new Interrupted("stopped", { cause: await read(done) });
    if (done < total && done >= nextRead) await read(done);
  }
  return await read(total);
}
