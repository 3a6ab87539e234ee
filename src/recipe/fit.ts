/**
 * Trains the run's network for some epochs, in a way that can be stopped anywhere: a checkpoint after each epoch (and at
 * an interruption, within one), from which the same bits follow.
 */
import "../disposable.ts";
import { batchCount } from "../data/loader.ts";
import type { HostTensor, Model, Params } from "../graph/types.ts";
import { createOptimizer, type Optimizer as Updater, type OptimizerOptions } from "../tensor/optimizer.ts";
import { diverged, Interrupted } from "../train/errors.ts";
import { EPOCH_START, type EpochProgress, trainEpoch } from "../train/epoch.ts";
import { evaluate } from "../train/evaluate.ts";
import { learningRate } from "../train/schedule.ts";
import { createTrainState, setMask, type TrainState } from "../train/state.ts";
import type { RunContext } from "./context.ts";
import type { StageProgress } from "./run.ts";
import type { Optimizer, Schedule } from "./training.ts";

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
  /** Epochs after which the schedule starts anew; default: all of them. */
  readonly period?: number;
  /** Names this phase within its stage in the checkpoint. */
  readonly phase: Phase;
  /** Also keep the epoch that validates best. */
  readonly selectBest?: boolean;
  /** What else happens beside training (ADMM). */
  readonly companion?: (state: TrainState, optimizer: Updater) => Companion;
}

/** Something that goes along with training and has state of its own. */
export interface Companion {
  /** Before the first epoch of a phase that isn't resumed. */
  start(): Promise<void>;
  /** After epoch `epoch` (from 0). */
  afterEpoch(epoch: number): Promise<Readonly<Record<string, unknown>>>;
  /** After the last epoch, when the result has been read. */
  finish(): Promise<void>;
  snapshot(): Promise<ReadonlyMap<string, HostTensor>>;
  /** Takes a snapshot back that was made after `epochs` epochs. */
  restore(tensors: Params, epochs: number): void;
  dispose(): void;
}

export interface Fitted {
  /** After the last epoch. */
  readonly model: Model;
  /** After the epoch with the highest validation accuracy, the first of equals; where it was asked for. */
  readonly best?: BestEpoch;
}

export interface BestEpoch {
  /** From 1. */
  readonly epoch: number;
  readonly model: Model;
}

export type Phase = Readonly<Record<string, number | string>>;

interface Cursor {
  readonly phase: Phase;
  readonly epoch: number;
  /** The run's count of epochs when this one began. */
  readonly number?: number;
  readonly progress: EpochProgress;
  readonly steps: number;
  readonly best?: { readonly epoch: number; readonly accuracy: number };
}

type Best = BestEpoch & { readonly accuracy: number };

/** The phase that a saved stage was in, if it was training. */
export function savedPhase(progress: StageProgress | undefined): Phase | undefined {
  return (progress?.cursor as Cursor | undefined)?.phase;
}

/** Trains `options.model` under its masks and gives the new parameters. `saved` is this phase's own progress. */
export async function fit(ctx: RunContext, options: FitOptions, saved?: StageProgress): Promise<Fitted> {
  const { gpu, recipe, data } = ctx;
  const { graph } = options.model;
  await ctx.tuner.training(options.model, recipe.batch);
  using owned = new DisposableStack();
  const state = owned.adopt(createTrainState(gpu, options.model), (state) => state.dispose());
  if (options.masks.size > 0) setMask(state, options.masks);
  const optimizer = owned.use(createOptimizer(gpu, state.weights.layout, optimizerOptions(options.optimizer)));
  const treat = (name: string) => ({
    weightDecay: graph.params[name].role === "weight" ? options.optimizer.weightDecay : 0,
  });
  optimizer.setSegments(treat);
  const companion = options.companion?.(state, optimizer);
  owned.defer(() => companion?.dispose());
  const ui = ctx.ui.stage(options.label, options.epochs * 1000);
  try {
    let cursor = saved && saved.tensors.size > 0 ? restore(saved, state, optimizer, companion) : undefined;
    let best = cursor?.best && { ...cursor.best, model: { graph, params: part(saved!, "best") } };
    if (!cursor) await companion?.start();
    const period = options.period ?? options.epochs;
    let accuracy: number | undefined;
    const batches = batchCount(data.train, { batch: recipe.batch, images: recipe.data.perEpoch });
    const divergedAt = (epoch: number, lr: number) =>
      diverged({
        stage: options.label,
        epoch,
        epochs: options.epochs,
        lr,
        base: options.optimizer.lr,
        pulled: companion !== undefined,
      });
    for (let epoch = cursor?.epoch ?? 0; epoch < options.epochs; epoch++) {
      const number = cursor?.number ?? ctx.state.epoch++;
      const lr = (fraction: number) =>
        learningRate(options.optimizer.lr, options.schedule, epoch % period + fraction, period);
      const saveAt = async (epochAt: number, numberAt: number | undefined, progress: EpochProgress) =>
        await ctx.save(
          ...await snapshot(state, optimizer, companion, best, {
            phase: options.phase,
            epoch: epochAt,
            number: numberAt,
            progress,
          }),
        );
      try {
        const result = await trainEpoch(state, optimizer, {
          data: data.train,
          batch: recipe.batch,
          seed: recipe.seed,
          epoch: number,
          augment: recipe.data.augment,
          images: recipe.data.perEpoch,
          labelSmoothing: options.labelSmoothing,
          lr,
          from: cursor?.progress,
          signal: ctx.signal,
          onProgress: (p) =>
            ui.update(Math.floor((epoch + p.batch / batches) * 1000), {
              loss: p.lossSum / p.samples,
              accuracy,
              text: `epoch ${epoch + 1}/${options.epochs}`,
            }),
        });
        if (!result.finite) throw divergedAt(epoch, lr((result.batch - 1) / batches));
        cursor = undefined;
        const more = await companion?.afterEpoch(epoch);
        const validation = await evaluate(gpu, state.graph, state.params, data.validation);
        // The last steps can blow the weights up without any training loss telling.
        if (!Number.isFinite(validation.loss)) throw divergedAt(epoch, lr(1 - 1 / batches));
        accuracy = validation.accuracy;
        if (options.selectBest && !(best && best.accuracy >= accuracy)) {
          best = { epoch: epoch + 1, accuracy, model: { graph, params: await state.download() } };
        }
        ui.update((epoch + 1) * 1000, {
          loss: result.lossSum / result.samples,
          accuracy,
          text: `epoch ${epoch + 1}/${options.epochs}`,
        });
        await ctx.log({
          phase: options.label,
          epoch: epoch + 1,
          loss: result.lossSum / result.samples,
          trainAccuracy: result.correct / result.samples,
          validationLoss: validation.loss,
          validationAccuracy: validation.accuracy,
          ...more,
        });
        await saveAt(epoch + 1, undefined, EPOCH_START);
        if (ctx.signal?.aborted) throw new Interrupted("stopped");
      } catch (error) {
        if (error instanceof Interrupted && error.cause) {
          const reached = error.cause as EpochProgress;
          if (!Number.isFinite(reached.lossSum)) throw divergedAt(epoch, lr(0));
          await saveAt(epoch, number, reached);
        }
        throw error;
      }
    }
    const trained = { graph, params: await state.download() };
    await companion?.finish();
    ui.done(accuracy === undefined ? undefined : `validation accuracy ${(100 * accuracy).toFixed(2)} %`);
    return { model: trained, best };
  } catch (error) {
    ui.done();
    throw error;
  }
}

/** The recipe's optimizer in the words of the tensor library. */
function optimizerOptions(optimizer: Optimizer): OptimizerOptions {
  if (optimizer.kind !== "sgd") return optimizer;
  return { kind: "sgd", momentum: optimizer.momentum, form: optimizer.nesterov ? "nesterov" : "heavy-ball" };
}

async function snapshot(
  state: TrainState,
  optimizer: Updater,
  companion: Companion | undefined,
  best: Best | undefined,
  at: { phase: Phase; epoch: number; number: number | undefined; progress: EpochProgress },
): Promise<[unknown, Map<string, HostTensor>]> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, tensor] of await state.download()) tensors.set(`param/${name}`, tensor);
  for (const [role, arena] of optimizer.state) {
    for (const [name, tensor] of await arena.download()) tensors.set(`${role}/${name}`, tensor);
  }
  for (const [name, tensor] of await companion?.snapshot() ?? []) tensors.set(`companion/${name}`, tensor);
  if (!best) return [{ ...at, steps: optimizer.steps }, tensors];
  for (const [name, tensor] of best.model.params) tensors.set(`best/${name}`, tensor);
  return [{ ...at, steps: optimizer.steps, best: { epoch: best.epoch, accuracy: best.accuracy } }, tensors];
}

function restore(
  saved: StageProgress,
  state: TrainState,
  optimizer: Updater,
  companion: Companion | undefined,
): Cursor {
  const cursor = saved.cursor as Cursor;
  for (const [name, { data }] of part(saved, "param")) state.gpu.write(state.params.get(name)!, data);
  for (const [role, arena] of optimizer.state) arena.upload(part(saved, role));
  optimizer.steps = cursor.steps;
  companion?.restore(part(saved, "companion"), cursor.epoch);
  return cursor;
}

/** The saved tensors called `prefix`/…, by the rest of their names. */
function part({ tensors }: StageProgress, prefix: string): Params {
  const found = [...tensors].filter(([name]) => name.startsWith(`${prefix}/`));
  return new Map(found.map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]));
}
