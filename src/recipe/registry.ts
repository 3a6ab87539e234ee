/** Every kind of stage with its schema. A stage reads the network as the one before left it and hands on its own. */
import * as v from "valibot";
import { DEPTH_CONTROL_NAMES } from "../depth/depth_controls.ts";
import { CRITERIA } from "../prune/criteria/criteria.ts";
import { NORMALISATIONS, type Normalise } from "../prune/criteria/normalise.ts";
import type { ConstraintOptions } from "../prune/structures/constraints.ts";
import { PLAIN_GRANULARITIES } from "../prune/structures/structures.ts";
import {
  byKind,
  count,
  distinct,
  fraction,
  nameOf,
  nonNegative,
  positive,
  record,
  some,
  word,
} from "../validation/values.ts";
import { optionsOf, pruning, settleKeep } from "./constraints.ts";
import { depthStages } from "./depth_stages.ts";
import { oneshot } from "./oneshot_stage.ts";
import { prepare } from "./prepare.ts";
import { oneSchedule, pruneSchedules } from "./prune_schedules.ts";
import { retrain, training } from "./training.ts";

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

const train = record({ kind: v.literal("train"), epochs: count(1), ...training, prepare: v.optional(prepare) });

const admm = record({
  kind: v.literal("admm"),
  ...pruning,
  ...progressive,
  steps: v.optional(count(1), 2),
  /** ADMM iterations (Z and U updates) per step, and epochs of the W-step before each. */
  updates: v.optional(count(1), 8),
  epochsPerUpdate: v.optional(count(1), 1),
  /** Final penalty coefficient; it starts at a hundredth of it. With `support` it rises as the choice of groups settles. */
  rho: v.optional(
    v.union([v.literal("auto"), v.literal("support"), positive()], "expected auto, support or a number above 0"),
    "auto",
  ),
  /** Of the W-step; its schedule spans one update period. */
  ...training,
});

const prune = record({
  kind: v.literal("prune"),
  /** What a group is worth. */
  criterion: v.optional(nameOf(CRITERIA), "l2"),
  /** By what each tensor's part of a coupled group's score is divided; none where nothing is said. */
  normalise: v.optional(word(...NORMALISATIONS as [Normalise, ...Normalise[]])),
  /** Training images, spread evenly over them, for a criterion that looks at more than weights; default 512. */
  images: v.optional(count(1)),
  ...pruning,
  ...progressive,
  ...pruneSchedules,
});
/** Older names for `prune` by l2 and at random. */
const magnitude = record({ kind: v.literal("magnitude"), ...pruning, ...progressive });
const random = record({ kind: v.literal("random"), ...pruning, ...progressive });

const purify = record({
  kind: v.literal("purify"),
  /** Rise of the validation loss that is accepted. */
  tolerance: v.optional(nonNegative(), 0.01),
  /** What a group is that may go; default filter, channel and column. */
  kinds: v.optional(distinct(word(...PLAIN_GRANULARITIES))),
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

/** The control that trains the small network anew, whatever made it small. */
export const SCRATCH = "scratch";
/** Controls as recipes named them before any criterion could be one. */
const OLD_METHODS = { magnitude: "l2", random: "random", scratch: SCRATCH } as const;
const oldMethods = ["magnitude", "random", "scratch"] as const;

function oldRuns(methods: readonly (keyof typeof OLD_METHODS)[]): ControlRun[] {
  return methods.map((name) => ({ name, method: OLD_METHODS[name] }));
}

const method = () => nameOf(CRITERIA, ...DEPTH_CONTROL_NAMES, SCRATCH);

/** A criterion, a control of depth or `scratch`, under its own name or another, which the report has it by. */
const control = v.lazy((given) =>
  typeof given === "object" && given !== null
    ? record({ name: runName(), method: method(), epochs: v.optional(count(1)) })
    : v.pipe(method(), v.transform((name): ControlRun => ({ name, method: name })))
) as v.GenericSchema<unknown, ControlRun>;

/** One control: a network of the same size that was reached in another way. */
export interface ControlRun {
  readonly name: string;
  readonly method: string;
  readonly epochs?: number;
}

const variants = ["dense", "masked", "compact"] as const;

const controls = v.pipe(
  record({
    kind: v.literal("controls"),
    runs: v.optional(v.pipe(
      some(control),
      v.checkItems(({ name }, i, all) => all.findIndex((run) => run.name === name) === i, "expected each name once"),
    )),
    /** The older form of `runs`. */
    methods: v.optional(distinct(word(...oldMethods))),
    /** Epochs of retraining in place of those that the pruned network had. */
    epochs: v.optional(count(1)),
  }),
  v.check(({ runs, methods }) => !(runs && methods), "methods is the older form of runs: leave it out"),
  v.transform(({ methods, ...stage }) => ({ ...stage, runs: stage.runs ?? (methods && oldRuns(methods)) })),
);

function runName() {
  const message = "expected a name that begins with a letter";
  return v.pipe(v.string(message), v.regex(/^[A-Za-z]/, message));
}

const measure = record({
  kind: v.literal("measure"),
  batches: v.optional(distinct(count(1)), [1, 256]),
  /** Time per variant and batch. */
  seconds: v.optional(positive(), 1),
  variants: v.optional(distinct(word(...variants)), [...variants]),
  /** Whether the report is to say what keeping the network's numbers in f16 changes. */
  f16: v.optional(v.boolean("expected true or false"), false),
});

/** kind -> schema. */
export const stages = {
  train,
  admm: settleKeep(admm),
  prune: settleKeep(oneSchedule(prune)),
  magnitude: settleKeep(magnitude),
  random: settleKeep(random),
  oneshot,
  purify,
  unused,
  ...depthStages,
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
/** A stage that takes groups of weights away, with training or without. */
export type PruneStage = AdmmStage | StageOf<"prune"> | StageOf<"magnitude"> | StageOf<"random">;
export type OneshotStage = StageOf<"oneshot">;
export type PurifyStage = StageOf<"purify">;
export type LinearizeStage = StageOf<"linearize">;
export type SupernetStage = StageOf<"supernet">;
export type SearchStage = StageOf<"search">;
export type SubnetStage = StageOf<"subnet">;
export type MergeStage = StageOf<"merge">;
export type ReparameteriseStage = StageOf<"reparameterise">;
export type CompactStage = StageOf<"compact">;
export type ControlsStage = StageOf<"controls">;
export type MeasureStage = StageOf<"measure">;

export const stage = byKind(Object.values(stages) as never, stageKinds) as unknown as v.GenericSchema<unknown, Stage>;

/** The controls of a stage, behind the stages `before`. */
export function controlRuns({ runs }: ControlsStage, before: readonly Stage[]): readonly ControlRun[] {
  if (runs) return runs;
  return before.some(isPruning)
    ? oldRuns(oldMethods)
    : [...DEPTH_CONTROL_NAMES, SCRATCH].map((name) => ({ name, method: name }));
}

export function isPruning(stage: Stage): stage is PruneStage {
  return "constraints" in stage;
}

/** What a stage prunes, as the rooms below take it; [] where it prunes no weights. */
export function constraintsOfStage(stage: Stage): ConstraintOptions[] {
  if (isPruning(stage)) return stage.constraints.map(optionsOf);
  if (stage.kind !== "oneshot") return [];
  const { layers, exclude, minKeep, round, keep = 1, structure = "filter" } = stage;
  return [{ granularity: structure, layers, exclude, minKeep, round, keep }];
}
