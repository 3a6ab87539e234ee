/** Data as a network wants them: its channels and its normalisation. */
import { UserError } from "../errors.ts";
import type { Dataset } from "./types.ts";

/** What a network expects of its input; what is undefined is left to the data. */
export interface InputOptions {
  /** Subtracted from pixels in 0…1, then divided by `std`: a number for each channel. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** Side of the square that image files are resized and cropped to. */
  readonly size?: number;
  /** Who wants that size: an option or a key that was given (default), or the network, which can't be told otherwise. */
  readonly sizeFrom?: "given" | "network";
  readonly channels?: number;
}

/** Greyscale is repeated where more channels are wanted. Throws UserError where data and wishes don't fit. */
export function adaptInput<D extends Dataset>(data: D, { mean, std, channels }: InputOptions): D {
  const wide = channels === undefined ? data : withChannels(data, channels);
  const { normalization, shape } = wide;
  for (const [name, values] of [["mean", mean], ["std", std]] as const) {
    if (values && values.length !== shape[0]) {
      throw new UserError(
        `data set "${data.name}": ${name} has ${values.length} numbers (${values.join(", ")}), the images have ` +
          `${shape[0]} channel${shape[0] > 1 ? "s" : ""}: give one number for each`,
      );
    }
    const bad = values?.find((value) => !Number.isFinite(value) || (name === "std" && value <= 0));
    if (bad !== undefined) {
      throw new UserError(
        `data set "${data.name}": ${name} has the number ${bad}, expected ${
          name === "std" ? "finite numbers above 0, since it divides the pixels" : "finite numbers"
        }`,
      );
    }
  }
  return { ...wide, normalization: { ...normalization, ...mean ? { mean } : {}, ...std ? { std } : {} } };
}

function withChannels<D extends Dataset>(data: D, channels: number): D {
  const [found, height, width] = data.shape;
  if (found === channels) return data;
  if (found !== 1) {
    throw new UserError(
      `data set "${data.name}": its images have ${found} channels, the model takes ${channels}: choose another pair`,
    );
  }
  const plane = height * width;
  const images = new Uint8Array(data.count * channels * plane);
  for (let i = 0; i < data.count; i++) {
    const grey = data.images.subarray(i * plane, (i + 1) * plane);
    for (let c = 0; c < channels; c++) images.set(grey, (i * channels + c) * plane);
  }
  const { scale, mean, std } = data.normalization;
  const repeat = ([value]: readonly number[]) => new Array<number>(channels).fill(value);
  return {
    ...data,
    shape: [channels, height, width],
    images,
    normalization: { scale, mean: repeat(mean), std: repeat(std) },
  };
}
