import { random, type Rng } from "../../kernels/random/philox.ts";
import { UserError } from "../errors.ts";
import type { Dataset } from "./types.ts";

/** Normalised images with their labels. The arrays are reused: valid until the next batch is asked for. */
export interface Batch {
  /** Number of this batch within its epoch. */
  readonly number: number;
  /** Images in it: less than asked for in the last batch of an epoch. */
  readonly count: number;
  /** [count, C, H, W] */
  readonly images: Float32Array<ArrayBuffer>;
  /** [count] */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** [count], each sample's place in the data set. */
  readonly indices: Uint32Array<ArrayBuffer>;
}

/** Changes of the images of each epoch, drawn anew by (seed, epoch, image). */
export interface Augment {
  /** Shift by up to so many pixels each way, zeros (after normalisation) flowing in: the customary padded random crop. */
  readonly crop?: number;
  /** Mirror every other image left to right. */
  readonly flip?: boolean;
}

/** How a data set is gone through. */
export interface BatchOptions {
  /** Images per batch; the last one may have fewer. */
  readonly batch: number;
  /** Of shuffling and augmentation; default 0. */
  readonly seed?: number;
  /** Each epoch has an order and augmentations of its own; default 0. */
  readonly epoch?: number;
  /** Default false: in the data set's order. */
  readonly shuffle?: boolean;
  /** At most so many images; when shuffled, another choice in each epoch. Default: all. */
  readonly images?: number;
  /** Default: none. */
  readonly augment?: Augment;
  /** Number of the batch to begin with, for resuming within an epoch; default 0. */
  readonly from?: number;
}

/**
 * One pass over a data set. The next batch is prepared while the consumer waits for the GPU. What a batch holds
 * depends on (seed, epoch, number) only, never on timing. Throws UserError on options out of range.
 */
export function batches(data: Dataset, options: BatchOptions): AsyncIterableIterator<Batch> {
  const total = batchCount(data, options);
  const assemble = assembler(data, options);
  let number = options.from ?? 0;
  let ready: Batch | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const take = (): Batch => {
    clearTimeout(timer);
    const batch = ready ?? assemble(number);
    ready = undefined;
    number++;
    // A task, not a microtask: it runs when the consumer awaits the GPU, after it has submitted its work.
    if (number < total) timer = setTimeout(() => ready = assemble(number), 0);
    return batch;
  };
  const finish = (): Promise<IteratorResult<Batch>> => {
    clearTimeout(timer);
    number = total;
    return Promise.resolve({ done: true, value: undefined });
  };
  return {
    next: async () => number < total ? { done: false, value: take() } : await finish(),
    return: finish,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** How many batches one pass has. Throws UserError where there would be none, or `batch` is no positive integer. */
export function batchCount(data: Dataset, { batch, images }: Pick<BatchOptions, "batch" | "images">): number {
  if (!Number.isInteger(batch) || batch < 1) {
    throw new UserError(`data set "${data.name}": found batch ${batch}, expected a whole number of images above 0`);
  }
  if (data.count === 0) throw new UserError(`data set "${data.name}": found no images, expected at least one`);
  return Math.ceil(imageCount(data, images) / batch);
}

/** Images of one pass. */
export function imageCount(data: Dataset, images = Infinity): number {
  return Math.min(images, data.count);
}

/** The samples `indices` (default: all), normalised: images [n, C, H, W] and labels [n], in arrays of their own. */
export function gather(
  data: Dataset,
  indices: ArrayLike<number> = Uint32Array.from(data.labels.keys()),
): { images: Float32Array<ArrayBuffer>; labels: Uint32Array<ArrayBuffer> } {
  const size = imageSize(data);
  const table = shades(data);
  const images = new Float32Array(indices.length * size);
  const labels = new Uint32Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    copy(data, table, indices[i], images, i * size);
    labels[i] = data.labels[indices[i]];
  }
  return { images, labels };
}

/** A function from a batch's number to the batch, in one of two sets of arrays by turns. */
function assembler(data: Dataset, options: BatchOptions): (number: number) => Batch {
  const { batch, seed = 0, epoch = 0, shuffle = false, augment = {} } = options;
  const total = imageCount(data, options.images);
  const { crop = 0, flip = false } = augment;
  const nearest = Math.min(data.shape[1], data.shape[2]);
  if (!Number.isInteger(crop) || crop < 0 || crop >= nearest) {
    throw new UserError(
      `data set "${data.name}": found augment.crop ${crop}, expected whole pixels from 0 to ${nearest - 1}`,
    );
  }
  const size = imageSize(data);
  const table = shades(data);
  const order = shuffle ? random(seed, "data.shuffle").permutation(data.count, epoch) : undefined;
  const rng = crop > 0 || flip ? random(seed, "data.augment") : undefined;
  const room = Math.min(batch, total);
  const staging = [0, 1].map(() => ({
    images: new Float32Array(room * size),
    labels: new Uint32Array(room),
    indices: new Uint32Array(room),
  }));

  return (number) => {
    const { images, labels, indices } = staging[number % 2];
    const start = number * batch;
    const count = Math.min(batch, total - start);
    for (let i = 0; i < count; i++) {
      const sample = order ? order[start + i] : start + i;
      indices[i] = sample;
      labels[i] = data.labels[sample];
      if (rng) {
        copyMoved(data, table, sample, images, i * size, draw(rng, epoch, sample, augment));
      } else copy(data, table, sample, images, i * size);
    }
    return {
      number,
      count,
      images: images.subarray(0, count * size),
      labels: labels.subarray(0, count),
      indices: indices.subarray(0, count),
    };
  };
}

interface Move {
  readonly dy: number;
  readonly dx: number;
  readonly mirror: boolean;
}

/** One sample's augmentation: one Philox block, (step, index) = (epoch, 4 · sample + {0: dy, 1: dx, 2: mirror}). */
function draw(rng: Rng, epoch: number, sample: number, { crop = 0, flip = false }: Augment): Move {
  const index = 4 * sample;
  return {
    dy: rng.below(2 * crop + 1, epoch, index) - crop,
    dx: rng.below(2 * crop + 1, epoch, index + 1) - crop,
    mirror: flip && rng.below(2, epoch, index + 2) === 1,
  };
}

function imageSize(data: Dataset): number {
  return data.shape[0] * data.shape[1] * data.shape[2];
}

/** The normalised value of each byte, per channel: [C, 256]. */
function shades({ shape, normalization: { scale, mean, std } }: Dataset): Float32Array {
  return Float32Array.from(
    { length: shape[0] * 256 },
    (_, i) => ((i & 255) / scale - mean[i >> 8]) / std[i >> 8],
  );
}

function copy(data: Dataset, table: Float32Array, sample: number, out: Float32Array, to: number): void {
  const [channels, height, width] = data.shape;
  const plane = height * width;
  let from = sample * channels * plane;
  for (let c = 0; c < channels; c++) {
    const shade = c * 256;
    for (let i = 0; i < plane; i++) out[to++] = table[shade + data.images[from++]];
  }
}

/** out[y, x] = image[y + dy, x + dx], zero outside, then mirrored in x. */
function copyMoved(
  data: Dataset,
  table: Float32Array,
  sample: number,
  out: Float32Array,
  to: number,
  { dy, dx, mirror }: Move,
): void {
  const [channels, height, width] = data.shape;
  for (let c = 0; c < channels; c++) {
    const shade = c * 256;
    const plane = (sample * channels + c) * height * width;
    for (let y = 0; y < height; y++) {
      const sy = y + dy;
      const row = plane + sy * width;
      for (let x = 0; x < width; x++) {
        const sx = (mirror ? width - 1 - x : x) + dx;
        const inside = sy >= 0 && sy < height && sx >= 0 && sx < width;
        out[to++] = inside ? table[shade + data.images[row + sx]] : 0;
      }
    }
  }
}
