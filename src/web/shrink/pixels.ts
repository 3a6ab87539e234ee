/** How pixels become what a network takes: its file seldom says. */
import { adaptInput } from "../../data/input.ts";
import { measureTraining } from "../../data/splits.ts";
import type { Dataset } from "../../data/types.ts";
import type { ModelMetadata } from "../../formats/metadata.ts";
import type { PixelName } from "./types.ts";

/** Subtracted from pixels in 0…1, and what they are divided by then, for each of so many channels; undefined: those of the images. */
type Preparation = (channels: number) => Required<Pick<ModelMetadata, "mean" | "std">> | undefined;

const each = (mean: number, std: number): Preparation => (channels) => ({
  mean: new Array(channels).fill(mean),
  std: new Array(channels).fill(std),
});

/** In the order in which they are offered. */
const PIXELS: Readonly<Record<Exclude<PixelName, "file">, Preparation>> = {
  measured: () => undefined,
  imagenet: () => ({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }),
  unit: each(0, 1),
  symmetric: each(0.5, 0.5),
};

/** Those that fit a network: its file's own first, where there is one. */
export function pixelsFor({ mean, std }: ModelMetadata, channels: number): readonly PixelName[] {
  const known = Object.keys(PIXELS) as (keyof typeof PIXELS)[];
  const fitting = known.filter((name) => (PIXELS[name](channels)?.mean.length ?? channels) === channels);
  return mean && std ? ["file", ...fitting] : fitting;
}

/** The images as the network takes them. @throws UserError where a file's own numbers don't fit its channels */
export function prepared(images: Dataset, name: PixelName, { mean, std }: ModelMetadata): Dataset {
  const numbers = name === "file" ? { mean, std } : PIXELS[name](images.shape[0]);
  if (numbers) return adaptInput(images, numbers);
  return { ...images, normalization: measureTraining({ train: images }, 0) };
}
