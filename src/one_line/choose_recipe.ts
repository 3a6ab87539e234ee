/** From a network, its data and a wish to the recipe that somebody would have written, and why it is as it is. */
import { count, duration, percent, plain, points, short } from "../report/format.ts";
import type { Wish } from "./asked.ts";
import { type SearchedNetwork, searchedReason, searchedStages } from "./searched_network.ts";
import {
  batchFor,
  type ChosenTraining,
  type Grounds,
  type Knowledge,
  knowledgeOf,
  rateFor,
  trainingFor,
} from "./training_choice.ts";

/** What was found out of a network and its data before anything is chosen. */
export interface Survey extends Grounds {
  /** The network's file, and the data, as they were named. */
  readonly model: string;
  readonly data: string;
  readonly params: number;
  /** Per sample. */
  readonly macs: number;
  readonly validation: number;
  readonly test: number;
  /** One forward pass here, for one of a batch's images. */
  readonly imageMs: number;
}

export interface ChosenRecipe {
  /** The recipe's keys as somebody would write them: paths as they were named, no defaults spelt out. */
  readonly recipe: Readonly<Record<string, unknown>>;
  /** Five lines: where it starts, epochs, rate, budget, time. */
  readonly reasons: readonly string[];
}

/** What else was said on the command line that stands in a recipe. */
export interface Also {
  /** Keys of `model` and of the recipe beside its stages: output, inputs, weights, layout, seed, limit. */
  readonly model?: Readonly<Record<string, unknown>>;
  readonly recipe?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, unknown>>;
  /** Multiples that widths are kept at. */
  readonly round?: number;
  /** What a search has found, in place of what the wish would be pruned to. */
  readonly searched?: SearchedNetwork;
}

/** Pure: the same survey and wish give the same recipe. */
export function chooseRecipe(survey: Survey, wish: Wish, also: Also = {}): ChosenRecipe {
  const knowledge = knowledgeOf(survey);
  const before = beforeStages(survey, knowledge);
  const { searched } = also;
  const pruning = searched
    ? searchedStages(searched, { ...progressive(wish), retrain: trainingFor("retrain", survey, wish.epochs) })
    : STAGES[wish.method](survey, wish, also);
  const recipe = {
    version: 1,
    name: recipeName(survey.model),
    description: `${survey.model} on ${survey.data}: ${goalWords(wish)} by ${wish.method}`,
    ...also.recipe,
    model: { name: survey.model, ...also.model },
    data: { name: survey.data, ...also.data },
    // Widths that were found need no table any more.
    ...wish.device !== undefined && !searched && { device: wish.device },
    batch: batchFor(survey.images),
    stages: [
      ...before.map((training) => ({ kind: "train", ...training })),
      ...pruning,
      { kind: "compact" },
      { kind: "measure", batches: [1, 32], seconds: 0.5 },
    ],
  };
  return { recipe, reasons: reasonsOf(survey, wish, { knowledge, before, pruning, searched }) };
}

type Stage = Readonly<Record<string, unknown>>;

/** Training that the file's weights lack. */
function beforeStages(survey: Survey, knowledge: Knowledge): ChosenTraining[] {
  const purpose = { nothing: "scratch", little: "tune", trained: undefined } as const;
  const wanted = purpose[knowledge];
  return wanted ? [trainingFor(wanted, survey)] : [];
}

/** Steps of progressive pruning: each keeps two fifths of what there was at least, so that training can follow. */
export function stepsFor(fraction: number): number {
  return Math.max(1, Math.ceil(Math.log(fraction) / Math.log(0.4) - 1e-9));
}

/** A filter constraint keeps four filters in each layer: a layer of fewer is hardly faster, and easily cut off. */
const MIN_KEEP = 4;

/** An ADMM period has about as many steps as the digits' recipe. */
const PERIOD_STEPS = 16;

const STAGES: Readonly<Record<Wish["method"], (survey: Survey, wish: Wish, also: Also) => Stage[]>> = {
  prune: (survey, wish, also) => [{
    kind: "prune",
    criterion: wish.criterion ?? "l2",
    constraints: [filters(wish, also)],
    ...amountOf(wish),
    ...progressive(wish),
    retrain: { ...trainingFor("retrain", survey, wish.epochs), ...patienceOf(survey, wish) },
  }],
  admm(survey, wish, also) {
    const { images, norms } = survey;
    const batch = batchFor(images);
    const retrain = trainingFor("retrain", survey, wish.epochs);
    const lr = rateFor("retrain", survey, batch);
    return [{
      kind: "admm",
      constraints: [filters(wish, also)],
      ...amountOf(wish),
      steps: 1,
      ...progressive(wish),
      updates: 8,
      epochsPerUpdate: Math.max(1, Math.round(PERIOD_STEPS / Math.ceil(images / batch))),
      optimizer: norms === "layer" ? { kind: "adamw", lr } : { kind: "sgd", lr, momentum: 0.8, nesterov: true },
      schedule: { kind: "constant" },
      retrain,
    }];
  },
  oneshot: (survey, wish, also) => [{
    kind: "oneshot",
    ...exclusion(wish),
    minKeep: MIN_KEEP,
    ...rounding(also),
    ...amountOf(wish),
    images: Math.min(1000, survey.images),
    ...wish.criterion !== undefined && { select: wish.criterion },
  }],
  depth: (survey, wish) => [
    { kind: "search", forms: ["linear"], method: "knapsack", ...amountOf(wish) },
    { kind: "subnet", ...trainingFor("retrain", survey, wish.epochs) },
  ],
};

function filters(wish: Wish, also: Also): Stage {
  return { kind: "filter", ...exclusion(wish), minKeep: MIN_KEEP, ...rounding(also) };
}

function exclusion({ exclude }: Wish): Stage {
  return exclude === undefined ? {} : { exclude };
}

function rounding({ round }: Also): Stage {
  return round === undefined ? {} : { round };
}

function amountOf({ goal: { kind, amount } }: Wish): Stage {
  return kind === "drop" ? { until: { drop: amount } } : { budget: { [kind]: amount } };
}

/** A time and a drop don't tell which fraction will stay. */
function progressive({ goal: { kind, amount } }: Wish): Stage {
  if (kind === "drop") return {};
  const steps = kind === "ms" ? 2 : stepsFor(amount);
  return steps > 1 ? { steps } : {};
}

/** Of the many networks that a drop has tried, each is trained as long as that helps: a quarter of its epochs without is the end. */
function patienceOf(survey: Survey, { goal, epochs }: Wish): Stage {
  if (goal.kind !== "drop") return {};
  return { patience: Math.max(1, Math.round(trainingFor("retrain", survey, epochs).epochs / 4)) };
}

interface Chosen {
  readonly knowledge: Knowledge;
  readonly before: readonly ChosenTraining[];
  readonly pruning: readonly Stage[];
  readonly searched: SearchedNetwork | undefined;
}

function reasonsOf(survey: Survey, wish: Wish, chosen: Chosen): string[] {
  return [
    startReason(survey, wish, chosen),
    epochsReason(survey, wish, chosen),
    rateReason(survey, chosen),
    chosen.searched ? searchedReason(chosen.searched, wish.goal.amount) : budgetReason(survey, wish),
    timeReason(survey, wish, chosen),
  ];
}

function startReason({ model, data, known, params, macs }: Survey, wish: Wish, { knowledge, before }: Chosen): string {
  const size = `${model}: ${count(params)} parameters, ${short(macs)} MACs`;
  if (!known) return `start: ${size}; no labels are looked at, so its weights are taken for trained`;
  const worth = `${percent(known.accuracy, 1)} of ${count(known.scored)} training images right, where ` +
    `${percent(known.chance, 1)} takes no knowledge`;
  const [training] = before;
  const told: Record<Knowledge, string> = {
    nothing: `its weights know nothing of ${data}, so that it is trained first, ${training?.epochs} epochs`,
    little: `its weights know little of ${data}, so that it is tuned first, ${training?.epochs} epochs`,
    trained: wish.method === "oneshot" ? "it is pruned as it is" : "it is pruned as it is and trained on afterwards",
  };
  return `start: ${size}; ${worth}: ${told[knowledge]}`;
}

/** The training that follows what goes, where some does. */
function trainingAfter({ pruning }: Chosen): ChosenTraining | undefined {
  const last = pruning.at(-1) as { readonly retrain?: ChosenTraining; readonly optimizer?: unknown };
  return last.retrain ?? ("epochs" in last ? last as unknown as ChosenTraining : undefined);
}

function epochsReason({ images }: Survey, { epochs }: Wish, chosen: Chosen): string {
  const batch = batchFor(images);
  const perEpoch = Math.ceil(images / batch);
  const after = trainingAfter(chosen);
  const steps = `${count(images)} training images in batches of ${batch} make ${count(perEpoch)} steps an epoch`;
  if (!after) {
    return `epochs: ${steps}; oneshot trains nothing, it fits layers to ${count(Math.min(1000, images))} images`;
  }
  const length = `${after.epochs} epochs after pruning are ${count(after.epochs * perEpoch)} steps`;
  return `epochs: ${steps}; ${length}${epochs === undefined ? "" : ", as was asked"}`;
}

function rateReason({ images, norms, shortcuts }: Survey, chosen: Chosen): string {
  const after = trainingAfter(chosen);
  const [training] = [...chosen.before, ...after ? [after] : []];
  if (!training) return "rate: none, for nothing is trained";
  const { kind, lr } = training.optimizer;
  const plain = chosen.before.length > 0 && norms === "batch" && shortcuts === "none" ? " but no shortcuts" : "";
  const held = { batch: "with batch norms" + plain, none: "without batch norms", layer: "with layer norms" }[norms];
  const root = batchFor(images) === 64 ? "" : ", less by the root of the batch than for one of 64";
  const half = chosen.before.length > 0 && after
    ? `, and ${after.optimizer.lr} after pruning, when weights know something`
    : "";
  return `rate: ${kind} from ${lr} down a cosine, ${held}${root}${half}`;
}

function budgetReason({ macs, params }: Survey, wish: Wish): string {
  const { goal: { kind, amount }, chosen, method, criterion = "l2" } = wish;
  const reached = kind === "macs"
    ? `, ${short(amount * macs)} of ${short(macs)}`
    : kind === "params"
    ? `, ${count(Math.round(amount * params))} of ${count(params)}`
    : "";
  const how: Record<Wish["method"], string> = {
    prune: kind === "drop"
      ? `the smallest network that holds it is looked for, by ${criterion}`
      : `filters go by ${criterion} for what they cost, coupled ones together`,
    admm: "training pulls filters to 0, those of least norm for what they cost",
    oneshot: `filters go and their readers are fitted anew, nothing is trained${
      criterion === "l2" ? "" : `; chosen by ${criterion}`
    }`,
    depth: "blocks go that a linear layer stands for best",
  };
  const unasked = chosen.goal ? " (nothing was asked for)" : "";
  return `budget: ${goalWords(wish)}${reached}${unasked}; ${how[method]}`;
}

function goalWords({ goal: { kind, amount } }: Wish): string {
  const words: Record<Wish["goal"]["kind"], string> = {
    macs: `${plain(100 * amount)} % of the MACs stay`,
    params: `${plain(100 * amount)} % of the parameters stay`,
    ms: `${plain(amount)} ms on the device`,
    drop: `at most ${points(amount, 1).slice(1)} of validation accuracy lost`,
  };
  return words[kind];
}

/** A step of training takes about as long as so many forward passes. */
const TRAINING_PASSES = 5;
/** Networks that `until` trains, where it isn't known. */
const TRIES = 6;
/** Beside training: six for reading, checking, proving and timing, and five that the doctor takes at least. */
const OTHER_SECONDS = 11;

/** epochs · (images · 5 + validation images) forward passes, and some seconds for all that isn't training. */
export function estimateSeconds(
  { images, validation, imageMs }: Pick<Survey, "images" | "validation" | "imageMs">,
  epochs: number,
): number {
  return OTHER_SECONDS + epochs * (images * TRAINING_PASSES + validation) * imageMs / 1000;
}

function timeReason(survey: Survey, { goal, method }: Wish, chosen: Chosen): string {
  const { images, test } = survey;
  const [last] = chosen.pruning.slice(-1);
  const after = trainingAfter(chosen)?.epochs ?? 0;
  const networks = goal.kind === "drop" ? TRIES : Number(last.steps ?? 1);
  const pulled = method === "admm" ? Number(last.updates) * Number(last.epochsPerUpdate) : 0;
  const first = chosen.before.reduce((sum, { epochs }) => sum + epochs, 0);
  const epochs = first + networks * (after + pulled);
  const seconds = estimateSeconds(survey, epochs);
  const of = epochs > 0 ? `${count(epochs)} epochs of ${count(images)} images` : `${count(images)} images`;
  const told = test > 0 ? `; of ${count(test)} test images one is ${points(1 / test).slice(1)}` : "";
  return `time: about ${duration(seconds)} here for ${of}, and what finding fast kernels takes${told}`;
}

/** "nets/My net.v2.onnx" -> "My-net.v2" */
export function recipeName(model: string): string {
  const file = model.slice(Math.max(model.lastIndexOf("/"), model.lastIndexOf("\\")) + 1).replace(/\.[^.]+$/, "");
  return file.replace(/[^\w.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "") || "network";
}
