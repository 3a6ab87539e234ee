/**
 * Builds a latency table on the device at hand: the model as it is first, then each of its layer shapes at the ends of
 * its widths, and the widths between as far as the time allows. Kernels are the planners' own choices: nothing is
 * tuned.
 */
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { compilePlan } from "../../graph/plan.ts";
import { initialise } from "../../graph/initialise.ts";
import type { Model } from "../../graph/types.ts";
import { type Contestant, type MeasureOptions, type Sampled, sampleInterleaved } from "../interleaved.ts";
import { pause } from "../session/pause.ts";
import { images } from "../session/rows.ts";
import { median } from "../stats.ts";
import { FINENESS, type Fineness, gridOf, type ShapeGroup } from "./grid.ts";
import { outliers } from "./monotone.ts";
import { openProbe } from "./probe.ts";
import { countPoints, latencyLayer, pairs, pointKey, toMeasure } from "./points.ts";
import type { LayerStep, RestStep } from "./steps.ts";
import type { LatencyLayer, LatencyTable } from "./types.ts";

/** Says how a table is built. */
export interface TableOptions {
  /** The table calls the model by this. */
  readonly name: string;
  /** A run has so many samples. */
  readonly batch: number;
  /**
   * The layers of these networks are measured as well: what the model may become, such as by merging blocks. By default
   * there are none.
   */
  readonly also?: readonly Pick<Model, "graph">[];
  /**
   * About so many seconds are spent, by default 90. The ends of all layers' widths are measured however long it takes.
   */
  readonly seconds?: number;
  /** It is told after each point. */
  readonly onProgress?: (progress: TableProgress) => void;
  /** Ends the building; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** Says how far a table is. */
export interface TableProgress {
  /** So many points are measured. */
  readonly done: number;
  /** Becomes smaller where the device is too slow for all widths. */
  readonly total: number;
  /** This is measured next. */
  readonly text: string;
  /** The rest takes about so many seconds. */
  readonly secondsLeft: number;
}

const SECONDS = 90;
const POINT_SAMPLES = 3;
const WHOLE_SAMPLES = 9;
/** Points are many: with a coarse clock they make do with fewer of its steps than rows have. */
const LONGEST_SAMPLE_MS = 200;
/** Fewer steps of the clock say nothing. */
export const FEW_QUANTA = 20;
/** In AGAIN rounds, times that are OUTLIER times as long as a wider layer's are measured again. */
const AGAIN = 3;
const OUTLIER = 1.2;

/**
 * Times each distinct layer of a model over a grid of widths (docs/engine.md, *Latency tables*).
 *
 * @throws UserError where the clock is too coarse, or `model` has no layer
 * @throws DeviceLostError where the device went away
 * @throws what `signal` was aborted with
 */
export async function buildLatencyTable(gpu: Gpu, model: Model, options: TableOptions): Promise<LatencyTable> {
  const { name, batch, also = [], seconds = SECONDS, onProgress = () => {}, signal } = options;
  const started = performance.now();
  const { steps, added, groups } = toMeasure(model, also, name);
  const measured = groups.map(() => new Map<string, number>());
  let done = 0, fineness: Fineness = "fine";
  const tell = (text: string) => {
    signal?.throwIfAborted();
    const others = 1 + added.length,
      total = others + countPoints(groups, fineness),
      ends = others + countPoints(groups, "ends");
    const spent = (performance.now() - started) / 1000;
    onProgress({
      done: Math.min(done, total),
      total,
      text,
      secondsLeft: timeLeft({ done, total, ends, spent, seconds }),
    });
  };

  tell("the whole network");
  const whole = await measureWhole(gpu, model, batch, steps.filter((step) => step.kind === "rest"));
  done++;
  const rest = [...whole.rest];
  for (const { graph, step } of added) {
    tell(`${step.op} of a changed network`);
    const network = { graph, params: initialise(graph, 1) };
    rest.push(...(await measureWhole(gpu, network, batch, [step])).rest);
    done++;
  }
  const first = performance.now();
  await measureGrids("ends");
  const pointMs = (performance.now() - first) / countPoints(groups, "ends");
  fineness = affordable(groups, pointMs, seconds * 1000 - (performance.now() - started));
  await measureGrids(fineness);
  for (let round = 0; round < AGAIN; round++) await measureAgain();
  const table = latencyLayers();
  const all = [...table.flatMap(({ medianMs }) => medianMs.flat()), ...rest.map(({ medianMs }) => medianMs)];
  return { model: name, batch, ...whole, rest, launchMs: Math.min(...all), layers: table };

  async function measureGrids(fineness: Fineness): Promise<void> {
    for (const [g, { step }] of groups.entries()) {
      for (const [input, output] of scattered(pairs(gridOf(groups[g], fineness), step))) {
        const key = pointKey(input, output);
        if (measured[g].has(key)) continue;
        measured[g].set(key, await measure(step, input, output));
        done++;
      }
    }
  }

  /**
   * What else the device does only adds to a time: where one is longer than a wider layer's, the shorter of two is
   * true.
   */
  async function measureAgain(): Promise<void> {
    for (const [g, { medianMs }] of latencyLayers().entries()) {
      const { step } = groups[g];
      const grid = gridOf(groups[g], fineness);
      for (const [i, o] of outliers(medianMs, OUTLIER)) {
        if (performance.now() - started > seconds * 1000) return;
        const [input, output] = pairs({ ...grid, inputs: [grid.inputs[i]] }, step)[o];
        const ms = await measure(step, input, output);
        measured[g].set(pointKey(input, output), Math.min(ms, medianMs[i][o]));
      }
    }
  }

  async function measure(step: LayerStep, input: number, output: number): Promise<number> {
    tell(`${step.shape}: ${input} → ${output}`);
    // Lets messages in, such as the one that stops this.
    await pause(0);
    return await measurePoint(gpu, step, input, output, batch);
  }

  function latencyLayers(): LatencyLayer[] {
    return groups.map((group, g) => latencyLayer(group, gridOf(group, fineness), measured[g]));
  }
}

/**
 * Gives the seconds that are left at the pace of what is done: the ends of all widths whatever they take, the widths
 * between only as far as the time allows. Nothing but the time is known before something is done.
 */
export function timeLeft(
  { done, total, ends, spent, seconds }: Readonly<Record<"done" | "total" | "ends" | "spent" | "seconds", number>>,
): number {
  if (done === 0) return seconds;
  const each = spent / done;
  const least = each * Math.max(0, ends - done);
  return Math.max(least, Math.min(each * Math.max(0, total - done), seconds - spent));
}

async function measureWhole(
  gpu: Gpu,
  model: Model,
  batch: number,
  steps: readonly RestStep[],
): Promise<Pick<LatencyTable, "wholeMs" | "clock" | "quantumMs" | "rest">> {
  const plan = compilePlan(gpu, model, batch);
  const input = images(gpu, model, batch);
  try {
    const records = new Map(
      plan.parts(input).filter(({ dispatches }) => dispatches > 0).map(({ step, record }) => [step.node.name, record]),
    );
    const rest = steps.filter(({ name }) => records.has(name));
    const [whole, ...parts] = await sample(gpu, [
      { name: "the whole network", record: () => void plan.run(input) },
      ...rest.map(({ name }) => ({ name, record: records.get(name)! })),
    ], WHOLE_SAMPLES);
    const { clock, quantumMs } = whole;
    return {
      clock,
      quantumMs,
      wholeMs: medianOf(whole),
      rest: rest.map(({ name, op, traffic }, i) => ({ name, op, traffic, medianMs: medianOf(parts[i]) })),
    };
  } finally {
    input.dispose();
    plan.dispose();
  }
}

async function measurePoint(gpu: Gpu, step: LayerStep, input: number, output: number, batch: number): Promise<number> {
  const probe = openProbe(gpu, step.probe, input, output, batch);
  try {
    const [sampled] = await sample(gpu, [{ name: step.shape, record: probe.record }], POINT_SAMPLES);
    return medianOf(sampled);
  } finally {
    probe.dispose();
  }
}

async function sample(gpu: Gpu, contestants: readonly Contestant[], samples: number): Promise<Sampled[]> {
  const options: MeasureOptions = {
    seconds: 0,
    minSamples: samples,
    maxSamples: samples,
    longestSampleMs: LONGEST_SAMPLE_MS,
  };
  return await sampleInterleaved(gpu, contestants, options);
}

/** Gives the median to four digits. */
function medianOf({ name, samplesMs, repeats, quantumMs }: Sampled): number {
  const medianMs = median(samplesMs);
  if (medianMs * repeats < FEW_QUANTA * quantumMs) {
    throw new UserError(
      `the clock here moves in steps of ${
        quantumMs.toPrecision(3)
      } ms, too coarse to time "${name}": build the table ` +
        `in a browser with GPU timestamps, or with Deno on that machine`,
    );
  }
  return Number(medianMs.toPrecision(4));
}

/** Gives the finest grids whose points that are still to be measured fit into the time. */
function affordable(groups: readonly ShapeGroup[], pointMs: number, leftMs: number): Fineness {
  const known = countPoints(groups, "ends");
  return FINENESS.findLast((fineness) => (countPoints(groups, fineness) - known) * pointMs <= leftMs) ?? "ends";
}

/** Puts points in an order that doesn't rise, so that a device that slows down doesn't tilt the grid. */
function scattered<T>(points: readonly T[]): T[] {
  const stride = [7, 5, 3, 2].find((s) => points.length % s !== 0) ?? 1;
  return points.map((_, i) => points[i * stride % points.length]);
}
