/** The schema of a recipe, version 1: a model, data, and a list of stages. */
import * as v from "valibot";
import type { InputOptions } from "../data/input.ts";
import { UserError } from "../errors.ts";
import { describeIssues } from "../validation/problems.ts";
import { count, inside, positive, record, some, text, word } from "../validation/values.ts";
import { stage } from "./registry.ts";
import { fillRestarts } from "./restarts.ts";

const name = v.pipe(
  v.string("expected a name"),
  v.regex(/^[A-Za-z0-9][\w.-]*$/, "expected a name of letters, digits, dots, dashes and underscores"),
);

const seed = v.pipe(count(0), v.maxValue(0xffff_ffff, "expected a whole number below 2^32"));

/** Options that a model doesn't have are refused by the model. */
const model = record({
  name: text(),
  /** Of residual nets: zero-padded identity (A), or a 1×1 convolution. */
  shortcut: v.optional(word("A", "projection")),
  /** Factor on the width of every hidden layer. */
  width: v.optional(positive()),
  /** Outputs; default: as many as the data have classes. */
  classes: v.optional(count(2)),
  /** Of a file of several outputs: which of them counts. */
  output: v.optional(text()),
  /** Of a file of several inputs: those that are the same for all samples, and .npy files of their numbers. */
  inputs: v.optional(v.record(v.string(), text(), "expected a map from names of inputs to .npy files")),
});

const data = record({
  name: text(),
  /** Fraction of the training images, of every class alike, that validates. */
  validation: v.optional(inside(), 0.15),
  /** Training images used at most; validation and test shrink in proportion. */
  limit: v.optional(count(1)),
  /** Whether to look at what the folders say the images show; default: where they say it. */
  labels: v.optional(word("use", "ignore")),
  /** Images of a training epoch, drawn anew for each; default: all. */
  perEpoch: v.optional(count(1)),
  augment: v.optional(record({
    /** Pixels of zero padding from which a window of the image's size is cut at random. */
    crop: v.optional(count(0), 0),
    /** Mirror left to right with probability ½. */
    flip: v.optional(v.boolean(), false),
  })),
});

const perChannel = (number: v.GenericSchema<number>) => v.optional(some(number));

/** What the model expects of its input; what is left out is asked of the model's file, then of the data. */
const preprocess = record({
  /** Of pixels in 0…1, a number for each channel. */
  mean: perChannel(v.pipe(v.number("expected a number"), v.finite("expected a number"))),
  std: perChannel(positive()),
  /** Image files are resized to it on their shorter side and cropped in the middle. */
  size: v.optional(count(1)),
});

export const recipe = record({
  version: v.literal(1, "expected 1, the version of recipes that this Secateur reads"),
  name,
  description: v.optional(text()),
  seed: v.optional(seed, 1),
  model,
  /** File of the model's weights; without it, and without a file as model, weights are drawn at random. */
  weights: v.optional(text()),
  data,
  /**
   * Of a network that was exported with its batch norms folded away: put them back for training and fold them again at the
   * end, or take it as it is. Default: put back where a trained network of three convolutions or more has none.
   */
  norms: v.optional(word("restore", "keep")),
  preprocess: v.optional(preprocess),
  /** A device's record with latency tables, for budgets in ms. */
  device: v.optional(text()),
  batch: v.optional(count(1), 64),
  /** How the written ONNX file takes its images; default: as the model's file does. */
  layout: v.optional(word("nchw", "nhwc")),
  stages: v.pipe(some(stage), v.transform((given) => fillRestarts(given))),
});

export type Recipe = v.InferOutput<typeof recipe>;
export type DataOptions = v.InferOutput<typeof data>;
/** What a run asks of whoever loads data. */
export type DataRequest = DataOptions & InputOptions;

/**
 * A recipe with all defaults filled in.
 * @param where what the value is called in errors: a file or a named recipe
 * @throws UserError naming the first key that is wrong
 */
export function parseRecipe(value: unknown, where: string): Recipe {
  const result = v.safeParse(recipe, value);
  if (!result.success) throw new UserError(`${where}: ${describeIssues(result.issues)}`);
  return result.output;
}
