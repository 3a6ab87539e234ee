/** Measures the rows of one network at one batch size: its variants are timed in turns, whatever happens meanwhile. */
import "../../disposable.ts";
import { random } from "../../../kernels/random/philox.ts";
import { DeviceLostError } from "../../gpu/errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { graphCost } from "../../graph/cost.ts";
import { concrete } from "../../graph/shapes.ts";
import { compareOutputs, HALF_TOLERANCE } from "../../graph/compare.ts";
import { compilePlan, type InferencePlan } from "../../graph/plan.ts";
import { hasHalves } from "../../graph/plan_storage.ts";
import type { Model } from "../../graph/types.ts";
import { elements, Tensor } from "../../tensor/tensor.ts";
import { type MeasureOptions, MIN_SAMPLE_QUANTA, type Sampled, sampleInterleaved } from "../interleaved.ts";
import { driftOf, mad, median } from "../stats.ts";
import type { Context } from "./context.ts";
import { pause } from "./pause.ts";
import { reasonOf } from "./reason.ts";
import type { Protocol, Row, RowStatus, Variant } from "./types.ts";
import { HIDDEN, untilVisible } from "./visibility.ts";

/** This is a variant of the network whose turn it is. */
export interface Entrant {
  readonly network: string;
  readonly variant: Variant;
  /** As its row tells it. */
  readonly accuracy?: number;
  readonly model: Model;
}

const DRAWN = 1 << 14;
/** The device rests so long before each sample of a burst, so that it starts from rest. */
const REST_MS = 20;
const MIN_SAMPLES = 5;
/** The last samples may take so many times the first ones' time before the device counts as slower. */
const SLOWER = 1.15;
/** Fewer samples have fifths of less than five, whose medians are noise. */
const DRIFT_SAMPLES = 25;
/** A sample of so few steps of the clock says nothing. */
const FEW_QUANTA = 20;

/**
 * Measures and tells the rows; a lost device gives them one more try, a page hidden meanwhile as well. Gives the
 * entrants that could be measured. Never throws.
 */
export async function measureRows(
  context: Context,
  entrants: readonly Entrant[],
  batch: number,
): Promise<readonly Entrant[]> {
  let losses = 0, repeats = 0;
  for (;;) {
    await untilVisible(context.visibility, context.signal);
    if (context.stopped() || entrants.length === 0) return [];
    let hidden = false;
    const unwatch = context.visibility.onChange((state) => hidden ||= state === "hidden");
    try {
      const rows = await timeVariants(context, entrants, batch, losses > 0, () => hidden);
      for (const row of rows) context.tell({ kind: "row", row: hidden ? { ...row, doubt: HIDDEN } : row });
      reportDrift(context, rows);
      const failed = rows.filter(({ status }) => status === "failed").map(({ variant }) => variant);
      if (!hidden || repeats++ > 0) return entrants.filter(({ variant }) => !failed.includes(variant));
    } catch (error) {
      if (error instanceof DeviceLostError) context.incident("device lost", `at ${describe(entrants, batch)}`);
      if (!(error instanceof DeviceLostError) || losses++ > 0) {
        for (const entrant of entrants) context.tell({ kind: "row", row: failedRow(entrant, batch, error) });
        return [];
      }
    } finally {
      unwatch();
    }
  }
}

export function failedRow({ network, variant, model }: Entrant, batch: number, error: unknown): Row {
  const { params, macs } = graphCost(model.graph);
  return { network, variant, batch, params, macs, status: "failed", reason: reasonOf(error) };
}

function describe([{ network }]: readonly Entrant[], batch: number): string {
  return `${network}, batch ${batch}`;
}

interface Ready {
  readonly entrant: Entrant;
  readonly gpu: Gpu;
  readonly plan: InferencePlan;
  readonly input: Tensor;
  readonly coldMs: number;
  /** Of a plan in f16: how far its outputs are from those of one in f32. */
  readonly halfMaxRel?: number;
}

/**
 * Makes one try, each variant on a device of its own: it is compiled once, which is its cold start, and what it has used
 * is free for the next network. A variant that doesn't fit fails alone.
 *
 * @throws what ends the try for all variants: a lost device, above all
 */
async function timeVariants(
  context: Context,
  entrants: readonly Entrant[],
  batch: number,
  again: boolean,
  hidden: () => boolean,
): Promise<Row[]> {
  using stack = new DisposableStack();
  const rows = new Map<Entrant, Row>();
  const ready: Ready[] = [];
  for (const entrant of entrants) {
    if (context.stopped()) return [...rows.values()];
    const gpu = stack.use(await context.open());
    if (again && entrant === entrants[0]) {
      context.incident("device reopened", `to try ${describe(entrants, batch)} again`);
    }
    try {
      ready.push(await coldStart(gpu, entrant, batch, context));
    } catch (error) {
      if (error instanceof DeviceLostError) throw error;
      gpu.close();
      rows.set(entrant, failedRow(entrant, batch, error));
    }
  }
  const beforeSample = async () => {
    await pause(context.protocol.mode === "burst" ? REST_MS : 0);
    return context.stopped() || hidden() ? "enough" : "go on";
  };
  const sampled = ready.length > 0 ? await sampleReady(context, ready, batch, beforeSample) : [];
  ready.forEach((one, i) => {
    const { entrant } = one;
    const row = timedRow(one, batch, sampled[i], again ? "retried" : "measured");
    // What was stopped before its first sample has no row.
    if (sampled[i].samplesMs.length > 0 || hidden()) rows.set(entrant, context.stopped() ? stoppedRow(row) : row);
  });
  return entrants.flatMap((entrant) => rows.get(entrant) ?? []);
}

async function sampleReady(
  context: Context,
  ready: readonly Ready[],
  batch: number,
  beforeSample: () => Promise<"go on" | "enough">,
): Promise<Sampled[]> {
  const [{ gpu }] = ready;
  const slower = await context.pace(gpu, beforeSample);
  if (slower) context.incident("slower", `at ${describe(ready.map(({ entrant }) => entrant), batch)}: ${slower}`);
  const contestants = ready.map(({ entrant, gpu, plan, input }) => ({
    name: entrant.variant,
    gpu,
    record: () => void plan.run(input),
  }));
  return await sampleInterleaved(gpu, contestants, { ...sampling(context.protocol, ready.length), beforeSample });
}

function sampling({ mode, seconds }: Protocol, variants: number): MeasureOptions {
  const each = seconds / variants;
  // A clock of 100 ms would want samples of 10 s: such a row is marked instead.
  const longestSampleMs = Math.max(2000, 1000 * each);
  const both = { seconds: each, secondsOf: "wall", longestSampleMs, minSamples: MIN_SAMPLES } as const;
  return mode === "burst" ? both : { ...both, sampleMs: 50, maxSamples: Infinity };
}

/** Compiles the network's plan on a fresh device and runs it once, and tells how many ms that took. */
async function coldStart(gpu: Gpu, entrant: Entrant, batch: number, { protocol, path }: Context): Promise<Ready> {
  const input = images(gpu, entrant.model, batch);
  await gpu.sync();
  const half = protocol.storage === "f16" && hasHalves(gpu);
  const start = performance.now();
  const plan = compilePlan(gpu, entrant.model, batch, {
    storage: half ? "f16" : "f32",
    products: path.halfProducts ? "f16" : "f32",
  });
  const outputs = await plan.run(input).read();
  const ready = { entrant, gpu, plan, input, coldMs: performance.now() - start };
  if (!half) return ready;
  const wide = compilePlan(gpu, entrant.model, batch);
  try {
    return { ...ready, halfMaxRel: compareOutputs(await wide.run(input).read(), outputs).maxRel };
  } finally {
    wide.dispose();
  }
}

/** Makes standard normal pixels. What they are doesn't matter for time, so a few are drawn and repeated. */
export function images(gpu: Gpu, { graph }: Model, batch: number): Tensor {
  const shape = concrete(graph.inputs[0].shape, batch);
  const pixels = new Float32Array(elements(shape));
  const drawn = random(1, "session").fillNormal(new Float32Array(Math.min(pixels.length, DRAWN)), 0);
  for (let at = 0; at < pixels.length; at += DRAWN) pixels.set(drawn.subarray(0, pixels.length - at), at);
  return Tensor.from(gpu, pixels, shape);
}

function timedRow(
  { entrant: { network, variant, accuracy, model }, coldMs, halfMaxRel }: Ready,
  batch: number,
  { samplesMs, repeats, clock, quantumMs }: Sampled,
  status: RowStatus,
): Row {
  const { params, macs } = graphCost(model.graph);
  const known = accuracy === undefined ? {} : { accuracy };
  // JSON has no infinity, and f16 that overflows has nothing else.
  const half = halfMaxRel === undefined ? {} : { halfMaxRel: Math.min(halfMaxRel, Number.MAX_VALUE) };
  const cold = { network, variant, batch, params, macs, ...known, status, coldMs, ...half };
  if (samplesMs.length === 0) return cold;
  const row = { ...cold, samples: samplesMs.length, clock, quantumMs };
  const medianMs = median(samplesMs);
  const quanta = medianMs * repeats / quantumMs;
  const coarse = `a sample is only ${quanta.toFixed(0)} steps of the clock`;
  if (quanta < FEW_QUANTA) return { ...row, doubt: coarse };
  return {
    ...row,
    medianMs,
    madMs: mad(samplesMs),
    ...(samplesMs.length >= DRIFT_SAMPLES ? { drift: driftOf(samplesMs) } : {}),
    // Later samples may be a little shorter than the one that the repeats were chosen by.
    ...(quanta < 0.8 * MIN_SAMPLE_QUANTA ? { doubt: coarse } : {}),
    ...(halfMaxRel !== undefined && halfMaxRel > HALF_TOLERANCE ? { doubt: farOff(halfMaxRel) } : {}),
  };
}

function farOff(maxRel: number): string {
  const share = Number.isFinite(maxRel) ? `by ${maxRel.toPrecision(2)} of the largest` : "without end";
  return `in f16 outputs differ ${share} from those in f32; ${HALF_TOLERANCE} is expected at most`;
}

function stoppedRow(row: Row): Row {
  return (row.samples ?? 0) < MIN_SAMPLES ? { ...row, doubt: `stopped after ${row.samples ?? 0} samples` } : row;
}

function reportDrift(context: Context, rows: readonly Row[]): void {
  for (const { network, variant, batch, drift } of rows) {
    if (drift === undefined || drift < SLOWER) continue;
    const text = `${network} ${variant}, batch ${batch}: ${
      drift.toFixed(2)
    } times as long at the end as at the beginning`;
    context.incident("slower", text);
  }
}
