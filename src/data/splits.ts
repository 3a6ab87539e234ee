import { UserError } from "../errors.ts";
import { stratify } from "./stratify.ts";
import type { Dataset, Normalization, Split, SplitOptions, Splits } from "./types.ts";

export interface Published {
  /** What was published for training; validation is taken from it where it wasn't published. */
  readonly train: Dataset;
  readonly validation?: Dataset;
  /** What was published for testing. */
  readonly test: Dataset;
  /** Indices that samples of `train` and `test` bear in the published files, where these are parts of one file. */
  readonly source?: { readonly train: Uint32Array<ArrayBuffer>; readonly test: Uint32Array<ArrayBuffer> };
  /** Keys the choice of what validates; default: the set's name, which doesn't do where that is a path. */
  readonly key?: string;
}

/**
 * Fixed, stratified training, validation and test parts. `fraction` is the default for `options.validation`. Without
 * `fixed` constants the normalisation is measured on the training part, before `limit` shrinks it. Throws UserError on
 * options out of range.
 */
export function makeSplits(
  published: Published,
  fraction: number,
  options: SplitOptions = {},
  fixed?: Normalization,
): Splits {
  const { train: all, test } = published;
  const { name, classes, classNames, shape } = all;
  const { key = name } = published;
  const { validation = fraction, limit } = options;
  if (!(validation > 0 && validation < 1)) {
    throw new UserError(
      `data set "${name}": found validation ${validation}, expected a fraction between 0 and 1 such as ${
        fraction.toFixed(2)
      }`,
    );
  }
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) {
    throw new UserError(`data set "${name}": found limit ${limit}, expected a whole number of training images above 0`);
  }
  const given = published.validation;
  const held = heldOut(published, validation);
  if ((given ?? { count: held }).count === 0 || held === all.count || test.count === 0) {
    throw new UserError(
      `data set "${name}": found ${all.count} training and ${test.count} test images, expected enough that ` +
        `training, validation (${validation} of the former) and test get at least one each`,
    );
  }
  const { taken, rest } = stratify(all.labels, classes, held, `data.split.${key}.validation`);
  const normalization = fixed ?? measure(all, rest);
  const make = (data: Dataset, indices: Uint32Array<ArrayBuffer>, source?: Uint32Array<ArrayBuffer>): Split => ({
    ...pick(data, indices),
    normalization,
    source: source ? indices.map((i) => source[i]) : indices,
  });
  const ratio = limit === undefined ? 1 : Math.min(1, limit / rest.length);
  const part = (role: string, split: Split) =>
    shrink(split, role === "train" ? limit : split.count * ratio, `data.limit.${key}.${role}`);
  const whole = (data: Dataset) => Uint32Array.from(data.labels.keys());
  return {
    name,
    classes,
    classNames,
    shape,
    train: part("train", make(all, rest, published.source?.train)),
    validation: part(
      "validation",
      given ? make(given, whole(given)) : make(all, taken, published.source?.train),
    ),
    test: part("test", make(test, whole(test), published.source?.test)),
  };
}

/** How many training images validate. */
function heldOut({ train, validation }: Pick<Published, "train" | "validation">, fraction: number): number {
  return validation ? 0 : Math.round(train.count * fraction);
}

/** What `makeSplits` measures on the training part, or on all of it where it is too small to be divided. */
export function measureTraining(published: Omit<Published, "test">, fraction: number): Normalization {
  const { train, key = train.name } = published;
  const { rest } = stratify(
    train.labels,
    train.classes,
    heldOut(published, fraction),
    `data.split.${key}.validation`,
  );
  return measure(train, rest.length > 0 ? rest : Uint32Array.from(train.labels.keys()));
}

/** The samples `indices` of a data set, copied; labels only where it has them. */
export function pick<D extends MaybeLabelled>(data: D, indices: Uint32Array): D {
  const size = data.shape[0] * data.shape[1] * data.shape[2];
  const images = new Uint8Array(indices.length * size);
  indices.forEach((from, to) => images.set(data.images.subarray(from * size, (from + 1) * size), to * size));
  const { labels } = data;
  return {
    ...data,
    count: indices.length,
    images,
    ...labels && { labels: Uint16Array.from(indices, (from) => labels[from]) },
  };
}

/** At most `count` samples, spread evenly over a data set, which may be sorted by classes. */
export function spread<D extends MaybeLabelled>(data: D, count: number): D {
  const taken = Math.min(count, data.count);
  return pick(data, Uint32Array.from({ length: taken }, (_, i) => Math.floor(i * data.count / taken)));
}

type MaybeLabelled = Omit<Dataset, "labels"> & Partial<Pick<Dataset, "labels">>;

/** At most `limit` samples, stratified; where there are any, never fewer than one. */
function shrink(split: Split, limit: number | undefined, stream: string): Split {
  const take = Math.max(1, Math.round(limit ?? split.count));
  if (take >= split.count) return split;
  const { taken } = stratify(split.labels, split.classes, take, stream);
  return { ...pick(split, taken), source: taken.map((i) => split.source[i]) };
}

/** Mean and standard deviation per channel of pixel / scale over the samples `indices`. */
function measure(data: Dataset, indices: Uint32Array): Normalization {
  const [channels, height, width] = data.shape;
  const plane = height * width;
  const scale = data.normalization.scale;
  const mean: number[] = [];
  const std: number[] = [];
  for (let c = 0; c < channels; c++) {
    // Exact integer sums of bytes and of their squares.
    let sum = 0;
    let squares = 0;
    for (const i of indices) {
      const from = (i * channels + c) * plane;
      for (let j = from; j < from + plane; j++) {
        sum += data.images[j];
        squares += data.images[j] * data.images[j];
      }
    }
    const n = indices.length * plane;
    mean.push(sum / n / scale);
    std.push(Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2)) / scale || 1);
  }
  return { scale, mean, std };
}
