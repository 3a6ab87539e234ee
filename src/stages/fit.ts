/** A stage's call of `train`: the run's device, data, screen, log and checkpoint given to it as callbacks. */
import { batchCount } from "../data/loader.ts";
import type { Model, Params } from "../graph/types.ts";
import { pointName } from "../measure/run_tuner.ts";
import type { Loss, Optimizer, Schedule } from "../recipe/training.ts";
import { checkpoint } from "../train/callbacks/checkpoint.ts";
import { log } from "../train/callbacks/log.ts";
import { mask } from "../train/callbacks/mask.ts";
import { nanGuard } from "../train/callbacks/nan_guard.ts";
import { patience } from "../train/callbacks/patience.ts";
import { progress, type ShownProgress } from "../train/callbacks/progress.ts";
import { steadyNorms } from "../train/callbacks/steady_norms.ts";
import { train, type TrainOptions } from "../train/train.ts";
import type { Callback, Snapshot } from "../train/types.ts";
import type { StageUi } from "../ui.ts";
import type { RunContext } from "./context.ts";
import { Paused, pausing } from "./pause.ts";
import { lossSettings } from "./loss.ts";
import type { StageProgress } from "./run_state.ts";

export interface FitOptions {
  readonly model: Model;
  /** 0/1 per element; a parameter without an entry is not masked. */
  readonly masks: Params;
  /** Shown and logged: "train", "admm 1/2". */
  readonly label: string;
  readonly epochs: number;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly labelSmoothing: number;
  /** Default: cross-entropy. */
  readonly loss?: Loss;
  /** Epochs after which the schedule starts anew; default: all of them. */
  readonly period?: number;
  /** Epochs without a higher validation accuracy after which training ends; default: all epochs are trained. */
  readonly patience?: number;
  /** Names this phase within its stage in the checkpoint. */
  readonly phase: Phase;
  /** Networks over the parameters of `model` that are trained together; default: `model` alone. */
  readonly family?: Pick<TrainOptions, "graphs" | "loss" | "statistics">;
  /** What goes along beside the mask, the NaN guard, the log and the checkpoint. */
  readonly callbacks?: readonly Callback[];
}

export type Phase = Readonly<Record<string, number | string>>;

/** What the checkpoint says of a stage that trains; without `training` the phase is about to begin. */
interface Cursor {
  readonly phase: Phase;
  readonly training?: unknown;
}

/** The phase that a saved stage was in, if it was training. */
export function savedPhase(progress: StageProgress | undefined): Phase | undefined {
  return (progress?.cursor as Cursor | undefined)?.phase;
}

/**
 * Trains `options.model` under its masks; the network after the last epoch, with the parameters of the whole family. `saved` is this
 * phase's own progress.
 */
export async function fit(ctx: RunContext, options: FitOptions, saved?: StageProgress): Promise<Model> {
  const { gpu, recipe, data, state } = ctx;
  const { model, label, epochs, masks, optimizer, schedule, period, phase } = options;
  const family = options.family ?? {
    graphs: [model.graph],
    loss: lossSettings(options.loss, options.labelSmoothing, state.dense),
  };
  const from = snapshotOf(saved);
  // Within a phase the plans stay as they are.
  if (!from && epochs > 0) {
    const models = family.graphs.map((graph) => ({ graph, params: model.params }));
    const steps = epochs * batchCount(data.train, { batch: recipe.batch, images: recipe.data.perEpoch });
    await ctx.tuner.training(pointName(state.stage, phase), models, recipe.batch, steps / models.length);
  }
  const firstEpoch = state.epoch;
  if (!from) state.epoch += epochs;
  const before = state.epoch - epochs;
  const { pauseAt } = ctx;
  if (from && pauseAt !== undefined && before + epochsDone(from) >= pauseAt && isWhole(from)) {
    throw new Paused(before + epochsDone(from));
  }
  const ui = ctx.ui.stage(label, epochs * 1000, 1000 * epochsDone(from));
  let summary: string | undefined;
  try {
    const { params } = await train({
      gpu,
      ...family,
      params: model.params,
      data: data.train,
      validation: data.validation,
      batch: recipe.batch,
      epochs,
      optimizer,
      schedule,
      period,
      seed: recipe.seed,
      firstEpoch,
      augment: recipe.data.augment,
      images: recipe.data.perEpoch,
      signal: ctx.signal,
      name: label,
      from,
      callbacks: [
        nanGuard(),
        mask(masks),
        // With patience any epoch may be the one that the run goes on with.
        steadyNorms(data.train, recipe.batch, options.patience === undefined ? undefined : "all"),
        ...options.callbacks ?? [],
        ...options.patience === undefined ? [] : [patience(options.patience)],
        progress((shown) => summary = show(ui, shown)),
        log((record) => ctx.log(record)),
        checkpoint(({ cursor, tensors }) => ctx.save({ phase, training: cursor } satisfies Cursor, tensors)),
        ...pausing({ epochs: pauseAt, before }),
      ],
    });
    ui.done(summary);
    return { graph: model.graph, params };
  } catch (error) {
    ui.abandon();
    throw error;
  }
}

/** Shows how far training has got, and gives what there is to say in the end. */
function show(ui: StageUi, { done, epochs, epoch, loss, accuracy }: ShownProgress): string | undefined {
  ui.update(Math.floor(done * 1000), { loss, accuracy, text: `epoch ${epoch}/${epochs}` });
  return accuracy === undefined ? undefined : `validation accuracy ${(100 * accuracy).toFixed(2)} %`;
}

/** How many epochs a training had when it was stopped. */
function epochsDone(from: Snapshot | undefined): number {
  return (from?.cursor as { readonly epoch: number } | undefined)?.epoch ?? 0;
}

/** Whether it was stopped between two epochs. */
function isWhole(from: Snapshot): boolean {
  return (from.cursor as { readonly progress: { readonly batch: number } }).progress.batch === 0;
}

/** A phase that has been trained in: one that was only announced has nothing to go on from. */
function snapshotOf(saved: StageProgress | undefined): Snapshot | undefined {
  const { training } = (saved?.cursor ?? {}) as Partial<Cursor>;
  return training === undefined ? undefined : { cursor: training, tensors: saved!.tensors };
}
