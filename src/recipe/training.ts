/** How weights are trained: optimizer, schedule and the stretch of epochs that follows a prune. */
import * as v from "valibot";
import {
  belowOne,
  byKind,
  count,
  fraction,
  inside,
  nonNegative,
  positive,
  record,
  some,
} from "../validation/values.ts";

/** `weightDecay` of sgd and adam is added to the gradient, that of adamw shrinks the weights directly. */
export const optimizer = byKind([
  record({
    kind: v.literal("sgd"),
    lr: positive(),
    momentum: v.optional(belowOne(), 0.9),
    weightDecay: v.optional(nonNegative(), 0),
    nesterov: v.optional(v.boolean(), false),
  }),
  record({
    kind: v.literal("adam"),
    lr: positive(),
    beta1: v.optional(belowOne(), 0.9),
    beta2: v.optional(belowOne(), 0.999),
    epsilon: v.optional(positive(), 1e-8),
    weightDecay: v.optional(nonNegative(), 0),
  }),
  record({
    kind: v.literal("adamw"),
    lr: positive(),
    beta1: v.optional(belowOne(), 0.9),
    beta2: v.optional(belowOne(), 0.999),
    epsilon: v.optional(positive(), 1e-8),
    weightDecay: v.optional(nonNegative(), 0.01),
  }),
], ["sgd", "adam", "adamw"]);

const milestones = v.pipe(
  some(inside()),
  v.checkItems((at, index, all) => index === 0 || at > all[index - 1], "expected rising fractions of the period"),
);

/**
 * Warm-up counts epochs. Milestones are fractions of the period, after each of which the learning rate is multiplied by
 * `gamma`. The period is the stage, or in the W-step of ADMM the time between two updates.
 */
export const schedule = byKind([
  record({ kind: v.literal("cosine"), warmup: v.optional(nonNegative(), 0) }),
  record({
    kind: v.literal("restart"),
    /** Default: that of the last train stage before. */
    rate: v.optional(positive()),
    warmup: v.optional(nonNegative(), 0),
  }),
  record({
    kind: v.literal("step"),
    milestones,
    gamma: v.optional(positive(), 0.1),
    warmup: v.optional(nonNegative(), 0),
  }),
  record({ kind: v.literal("constant"), warmup: v.optional(nonNegative(), 0) }),
], ["cosine", "restart", "step", "constant"]);

const defaultOptimizer = { kind: "sgd", lr: 0.01 } as const;
const defaultSchedule = { kind: "cosine" } as const;

const losses = ["cross-entropy", "distill", "outputs"] as const;

/**
 * What is minimised. `distill` and `outputs` learn from the network before anything was pruned: `distill` by `weight` of
 * its softened classes and the rest of the labels, `outputs` by its outputs' mean squared error alone.
 */
export const loss = byKind([
  record({ kind: v.literal("cross-entropy") }),
  record({
    kind: v.literal("distill"),
    temperature: v.optional(positive(), 4),
    weight: v.optional(fraction(), 0.5),
  }),
  record({ kind: v.literal("outputs") }),
], losses);

/** Keys of whatever trains; defaults are SGD at 0.01 and one cosine descent. */
export const training = {
  optimizer: v.optional(optimizer, defaultOptimizer),
  schedule: v.optional(schedule, defaultSchedule),
  labelSmoothing: v.optional(belowOne(), 0),
  /** Default: cross-entropy with the labels. */
  loss: v.optional(loss),
};

export const retrain = record({
  epochs: count(1),
  /** Epochs without a higher validation accuracy after which it ends, with the network of the best one; default: never. */
  patience: v.optional(count(1)),
  ...training,
});

export type Loss = v.InferOutput<typeof loss>;
export type Optimizer = v.InferOutput<typeof optimizer>;
export type Schedule = v.InferOutput<typeof schedule>;
export type Retrain = v.InferOutput<typeof retrain>;
