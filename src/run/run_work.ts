/**
 * How much work the stages of a run are, before any of it is done: what the time that is left is estimated by. Work counts
 * in forward passes of one image through the dense network. Pure.
 */
import type { ConstraintOptions } from "../prune/structures/constraints.ts";
import { optionsOf } from "../recipe/constraints.ts";
import { controlTraining } from "../recipe/control_training.ts";
import { controlRuns, isPruning, type PruneStage, SCRATCH, type Stage, type StageOf } from "../recipe/registry.ts";
import type { Recipe } from "../recipe/schema.ts";
import type { ImageCounts } from "../report/types.ts";
import { EXAMINED_SHARE, examinedSeconds, isExamined } from "./doctor_time.ts";

/** Something that is shown under one label while it goes on. */
export interface WorkPart {
  /** Index in the recipe's stages. */
  readonly stage: number;
  /** What it is called while it goes on; further tries at the same have more behind a comma. */
  readonly label: string;
  /** Forward passes, for all of its tries. */
  readonly passes: number;
  /** Time that the recipe itself sets. */
  readonly seconds: number;
  /** It takes less than `seconds` in a short run: this part of what all other parts take, and `least` at least. */
  readonly share?: { readonly of: number; readonly least: number };
  /** It is expected to go on so many times. */
  readonly tries: number;
}

/** A step of training takes as long as so many forward passes: the forward one, and the gradients of inputs and weights. */
const TRAINED = 3;
/** Networks that a stage with `until` tries, and purification looks at; nobody knows before. */
const UNTIL_TRIES = 6;
const PURIFY_TRIALS = 16;
/** Passes over its images that a layer's fit takes, and the layers of a usual network. */
const FITTED_PASSES = 60;
/** Genes that a search evaluates. */
const GENES = 64;
/** What warming up and finding the length of samples adds to a measurement. */
const MEASURED = 2;

/** What one stage is made of: `share` is how long the network takes, as it is then, against the dense one. */
interface StageWork {
  readonly recipe: Recipe;
  readonly before: readonly Stage[];
  readonly images: ImageCounts;
  readonly share: number;
}

type Part = Pick<WorkPart, "label"> & Partial<WorkPart>;

/** Every part of a run that takes time, in order. */
export function workOf(recipe: Recipe, images: ImageCounts): WorkPart[] {
  let share = 1;
  return recipe.stages.flatMap((stage, i) => {
    const before = recipe.stages.slice(0, i);
    const parts = partsOf(stage, { recipe, before, images, share });
    share *= shrinks(stage, before);
    return parts.map((part) => ({ stage: i, passes: 0, seconds: 0, tries: 1, ...part }));
  });
}

function partsOf(stage: Stage, work: StageWork): Part[] {
  switch (stage.kind) {
    case "train":
      return [training("train", stage.epochs, work)];
    case "admm":
    case "prune":
    case "magnitude":
    case "random":
      return pruningParts(stage, work);
    case "purify": {
      const trials = { label: "purify", passes: PURIFY_TRIALS * work.images.validation * work.share };
      return [trials, ...stage.retrain ? [training("purify retrain", stage.retrain.epochs, work)] : []];
    }
    case "oneshot":
    case "linearize":
      return [{ label: stage.kind, passes: FITTED_PASSES * stage.images * work.share }];
    case "supernet":
      return [training("supernet", stage.epochs * (2 + stage.random), work)];
    case "search":
      return stage.gene ? [] : [{ label: "search", passes: GENES * work.images.validation * work.share }];
    case "subnet":
      return [training("subnet", stage.epochs, work)];
    case "controls":
      return controlParts(stage, work);
    case "measure": {
      const seconds = MEASURED * stage.seconds * stage.batches.length * stage.variants.length;
      const examined = isExamined(stage)
        ? [{ label: "doctor", seconds: examinedSeconds(stage), share: EXAMINED_SHARE }]
        : [];
      return [{ label: "measure", seconds }, ...examined];
    }
    case "unused":
    case "merge":
    case "reparameterise":
    case "compact":
      return [];
  }
}

function pruningParts(stage: PruneStage, work: StageWork): Part[] {
  const parts: Part[] = [];
  const tries = stage.kind === "prune" && stage.until ? UNTIL_TRIES : 1;
  for (let step = 1; step <= stage.steps; step++) {
    const label = (what: string) => what + (stage.steps > 1 ? ` ${step}/${stage.steps}` : "");
    if (stage.kind === "admm") parts.push(training(label("admm"), stage.updates * stage.epochsPerUpdate, work));
    if (stage.kind === "prune" && stage.gradual) parts.push(training("gradual", stage.gradual.epochs, work));
    if (stage.retrain) parts.push({ ...training(label("retrain"), tries * stage.retrain.epochs, work), tries });
  }
  return parts;
}

function controlParts(stage: StageOf<"controls">, work: StageWork): Part[] {
  return controlRuns(stage, work.before).map((run) => {
    const { epochs } = controlTraining(work.before, run.method === SCRATCH ? "scratch" : "changed");
    // They are as small as what was pruned can be, whether or not it is yet.
    const share = work.before.filter(isPruning).reduce((product, { constraints }) => product * widthOf(constraints), 1);
    return training(`control: ${run.name}`, run.epochs ?? stage.epochs ?? epochs, { ...work, share });
  });
}

/** Epochs with a validation after each, and the accuracy on both held-out sets in the end. */
function training(label: string, epochs: number, { recipe, images, share }: StageWork): Part {
  const { train, validation, test } = images;
  const each = TRAINED * Math.min(train, recipe.data.perEpoch ?? Infinity) + validation;
  return { label, passes: share * (epochs * each + validation + test) };
}

/** How much faster a network becomes by a stage that makes it smaller. */
function shrinks(stage: Stage, before: readonly Stage[]): number {
  if (stage.kind === "oneshot") return stage.keep ?? Math.sqrt(stage.budget?.macs ?? stage.budget?.params ?? 1);
  if (isPruning(stage)) return stage.compact ? widthOf(stage.constraints, stage.budget) : 1;
  if (stage.kind !== "compact") return 1;
  const masked = before.filter(isPruning).filter(({ compact }) => !compact);
  return masked.reduce((product, { constraints, budget }) => product * widthOf(constraints, budget), 1);
}

/**
 * The mean width that is left. Small networks take about as long as they are wide, since launches cost what they did: a
 * network of half the width has a quarter of the multiply-adds.
 */
function widthOf(
  constraints: PruneStage["constraints"],
  budget?: { readonly macs?: number; readonly params?: number },
): number {
  const asked = budget?.macs ?? budget?.params;
  if (asked !== undefined) return Math.sqrt(asked);
  const keeps = constraints.map(optionsOf).map((options: ConstraintOptions) =>
    options.granularity === "filter" ? options.keep : 1
  );
  return keeps.reduce((sum, keep) => sum + keep, 0) / Math.max(1, keeps.length);
}
