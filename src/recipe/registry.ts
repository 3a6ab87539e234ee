/** Every kind of stage with its schema. A stage reads the network as the one before left it and hands on its own. */
import * as v from "valibot";
import { pruning, settleKeep } from "./constraints.ts";
import { retrain, training } from "./training.ts";
import { byKind, count, distinct, fraction, nonNegative, positive, record, word } from "./values.ts";

const progressive = {
  /** Progressive steps T, step t keeping keep^(t/T). */
  steps: v.optional(count(1), 1),
  /** Train the physically smaller network between steps. */
  compact: v.optional(v.boolean(), true),
  /** Validation accuracy below which a step is taken back and tried again half-way, at most `backoffs` times. */
  floor: v.optional(fraction()),
  backoffs: v.optional(count(0), 2),
  /** Masked retraining after each step. */
  retrain: v.optional(retrain),
};

const train = record({ kind: v.literal("train"), epochs: count(1), ...training });

const admm = record({
  kind: v.literal("admm"),
  ...pruning,
  ...progressive,
  steps: v.optional(count(1), 2),
  /** ADMM iterations (Z and U updates) per step, and epochs of the W-step before each. */
  updates: v.optional(count(1), 8),
  epochsPerUpdate: v.optional(count(1), 1),
  /** Final penalty coefficient; it starts at a hundredth of it. */
  rho: v.optional(v.union([v.literal("auto"), positive()], "expected auto or a number above 0"), "auto"),
  /** Of the W-step; its schedule spans one update period. */
  ...training,
});

const magnitude = record({ kind: v.literal("magnitude"), ...pruning, ...progressive });
const random = record({ kind: v.literal("random"), ...pruning, ...progressive });

const purify = record({
  kind: v.literal("purify"),
  /** Rise of the validation loss that is accepted. */
  tolerance: v.optional(nonNegative(), 0.01),
  retrain: v.optional(retrain),
});

const unused = record({ kind: v.literal("unused") });

const compact = record({
  kind: v.literal("compact"),
  /** Do layers with all-zero columns keep a list of the others? */
  columns: v.optional(word("auto", "never"), "auto"),
  /** Constants that reach a zero-padded convolution: fold them into biases per region, or keep their channel. */
  border: v.optional(word("auto", "keep"), "auto"),
});

const methods = ["magnitude", "random", "scratch"] as const;
const variants = ["dense", "masked", "compact"] as const;

const controls = record({
  kind: v.literal("controls"),
  methods: v.optional(distinct(word(...methods)), [...methods]),
  /** Epochs of retraining in place of those that the pruned network had. */
  epochs: v.optional(count(1)),
});

const measure = record({
  kind: v.literal("measure"),
  batches: v.optional(distinct(count(1)), [1, 256]),
  /** Time per variant and batch. */
  seconds: v.optional(positive(), 1),
  variants: v.optional(distinct(word(...variants)), [...variants]),
});

/** kind -> schema. */
export const stages = {
  train,
  admm: settleKeep(admm),
  magnitude: settleKeep(magnitude),
  random: settleKeep(random),
  purify,
  unused,
  compact,
  controls,
  measure,
} as const;

export const stageKinds = Object.keys(stages) as StageKind[];

export type StageKind = keyof typeof stages;
/** A validated stage of one kind, defaults filled in. */
export type StageOf<Kind extends StageKind> = v.InferOutput<(typeof stages)[Kind]>;
export type Stage = { [Kind in StageKind]: StageOf<Kind> }[StageKind];
export type TrainStage = StageOf<"train">;
export type AdmmStage = StageOf<"admm">;
export type MagnitudeStage = StageOf<"magnitude">;
export type RandomStage = StageOf<"random">;
export type PurifyStage = StageOf<"purify">;
export type CompactStage = StageOf<"compact">;
export type ControlsStage = StageOf<"controls">;
export type MeasureStage = StageOf<"measure">;

export const stage = byKind(Object.values(stages) as never, stageKinds) as unknown as v.GenericSchema<unknown, Stage>;
