import { show, UserError } from "../errors.ts";
import type { Dataset } from "./types.ts";

/**
 * Refuses a data set whose arrays are too short for what it says of itself, whose labels are no classes of it, or which
 * doesn't say how pixels become inputs: a network would be fed NaN. One pass over the labels; no pass over the pixels.
 *
 * @throws UserError that names the data set, what was found and what was expected
 */
export function checkDataset(data: Omit<Dataset, "labels"> & Partial<Pick<Dataset, "labels">>): void {
  const { count, shape, images, labels, classes } = data;
  const refuse = (found: string, expected: string) => {
    throw new UserError(`data set "${data.name}": found ${found}, expected ${expected}`);
  };
  if (!Number.isInteger(count) || count < 0) refuse(`count ${show(count)}`, "a whole number of images");
  if (!Array.isArray(shape) || shape.length !== 3) refuse(`shape ${show(shape)}`, "[C, H, W]");
  const [channels, height, width] = shape;
  const values = count * channels * height * width;
  if (!(images?.length >= values)) {
    refuse(`${images?.length ?? 0} values of images`, `${values}: ${[count, ...shape].join(" · ")}`);
  }
  checkNormalization(data, refuse);
  if (!labels) return;
  if (!(labels.length >= count)) refuse(`${labels.length} labels`, `${count}, one for each image`);
  for (let i = 0; i < count; i++) {
    if (!(labels[i] < classes)) {
      refuse(`label ${labels[i]} of image ${i}`, `labels below ${show(classes)}, its classes`);
    }
  }
}

function checkNormalization(
  { normalization, shape: [channels] }: Pick<Dataset, "normalization" | "shape">,
  refuse: (found: string, expected: string) => void,
): void {
  if (!normalization) refuse("no normalization", "{ scale, mean, std } such as { scale: 255, mean: [0], std: [1] }");
  const { scale, mean, std } = normalization;
  const number = (value: number) => Number.isFinite(value);
  const positive = (value: number) => Number.isFinite(value) && value > 0;
  if (!positive(scale)) refuse(`normalization.scale ${show(scale)}`, "a number above 0");
  const ofEachChannel = (list: readonly number[], fits: (value: number) => boolean) =>
    Array.isArray(list) && list.length === channels && list.every(fits);
  if (!ofEachChannel(mean, number)) refuse(`normalization.mean ${show(mean)}`, `${channels} numbers, one a channel`);
  if (!ofEachChannel(std, positive)) {
    refuse(`normalization.std ${show(std)}`, `${channels} numbers above 0, one a channel`);
  }
}
