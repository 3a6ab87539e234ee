/** All of a recipe's stages, one after the other. The network is written as soon as nothing changes it any more. */
import { UserError } from "../errors.ts";
import { writeModel, writeOnnx } from "../formats/model_file.ts";
import { DeviceLostError } from "../gpu/errors.ts";
import { EquivalenceError } from "../graph/equivalence.ts";
import { channelsLast } from "../graph/rewrite/channels_first.ts";
import { metadataOf } from "../models/given.ts";
import type { Stage } from "../recipe/registry.ts";
import type { RunContext } from "../stages/context.ts";
import { writtenNetworks } from "../stages/restored_norms.ts";
import { Paused } from "../stages/pause.ts";
import { runStage } from "../stages/run_stage.ts";
import { Interrupted } from "../train/errors.ts";
import { isReported, isReporting, tailOf } from "./tail.ts";

/** How stages are carried out. */
interface Course {
  /** Before this stage, or after so many epochs over all stages, no further one begins. */
  readonly until: { readonly stage: number; readonly epochs?: number };
  /** Whether the run goes on within a stage. */
  readonly inside: boolean;
  /** Writes the checkpoint between two stages. */
  save(): Promise<void>;
  /** Is told of each stage that begins. */
  enter(stage: number): void;
}

/** Carries out what is left of the recipe, up to `until`. */
export async function runStages(ctx: RunContext, { until, inside, save, enter }: Course): Promise<void> {
  const { recipe, state, signal } = ctx;
  const tail = tailOf(recipe);
  const stages = Math.min(until.stage, recipe.stages.length);
  if (state.stage >= tail) await writeNetwork(ctx);
  // Within a training its last epochs are counted already.
  while (state.stage < stages && (inside || state.epoch < (until.epochs ?? Infinity))) {
    inside = false;
    const stage = recipe.stages[state.stage];
    enter(state.stage);
    if (state.stage >= tail) {
      state.trainedEpochs ??= state.epoch;
      state.current = JSON.stringify(stage);
    }
    if (!isReported(state, stage)) await runOrMark(ctx, stage);
    state.current = undefined;
    ctx.spend();
    state.stage++;
    await save();
    if (state.stage === tail) await writeNetwork(ctx);
    // Training stops within an epoch; whatever else a stage does is short, and ends first.
    if (signal?.aborted && state.stage < stages) throw new Interrupted("stopped");
  }
}

async function writeNetwork({ store, dir, state, data, recipe, layout }: RunContext): Promise<void> {
  const metadata = metadataOf(data);
  const written = writtenNetworks(state);
  await writeModel(store, dir, written, metadata);
  const last = (recipe.layout ?? layout) === "nhwc";
  await writeOnnx(store, dir, last ? channelsLast(written.model) : written.model, metadata);
}

/** One stage. Where it only makes smaller, measures or compares, a failure is told, and the network stays as it was. */
async function runOrMark(ctx: RunContext, stage: Stage): Promise<void> {
  const { state, ui } = ctx;
  const before = { ...state, points: [...state.points] };
  const name = `stages.${state.stage} (${stage.kind})`;
  try {
    await ctx.gpu.stage(`stages.${state.stage} ${stage.kind}`, () => runStage(ctx, stage));
    if (isReporting(stage)) state.reported.push(JSON.stringify(stage));
  } catch (error) {
    if (!isOptional(stage) || endsRun(error)) throw error instanceof EquivalenceError ? faultOf(error, name) : error;
    if (stage.kind === "compact") Object.assign(state, before);
    const reason = (error instanceof Error ? error.message : String(error)).trim().replace(/\s*\n\s*/g, " ");
    state.failed.push({ stage: state.stage, kind: stage.kind, reason });
    ui.warn(`${name} failed, and the run goes on without it: ${reason}`);
    await ctx.log({ phase: stage.kind, failed: reason });
  }
}

function isOptional(stage: Stage): boolean {
  return stage.kind === "compact" || isReporting(stage);
}

/** Going on makes no sense: it was asked to stop or pause, or there is no device any more. */
function endsRun(error: unknown): boolean {
  return error instanceof Interrupted || error instanceof Paused || error instanceof DeviceLostError;
}

function faultOf(error: EquivalenceError, name: string): UserError {
  return new UserError(
    `${name}: ${error.message}: the rewrite is wrong, not your network; the checkpoint holds the network before it: ` +
      `please report this as a bug, with the run's recipe`,
  );
}
