/** Measures on a device what a diagnosis is made of. */
import "../disposable.ts";
import { spread } from "../data/splits.ts";
import { UserError } from "../errors.ts";
import { adapterName } from "../gpu/adapter.ts";
import { DeviceLostError } from "../gpu/errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { compilePlan } from "../graph/plan.ts";
import type { Model } from "../graph/types.ts";
import { type MeasureOptions, MIN_SAMPLE_QUANTA, sampleInterleaved } from "../measure/interleaved.ts";
import { openProbe, type Probe } from "../measure/latency/probe.ts";
import { measureRoofline } from "../measure/roofline.ts";
import { images } from "../measure/session/rows.ts";
import type { Roof } from "../measure/session/types.ts";
import { measureTimelines } from "../measure/timelines.ts";
import type { PrunedLayer } from "../prune/sensitivity/pruned_layers.ts";
import { sensitivityOf } from "../prune/sensitivity/measure_sensitivity.ts";
import { tallyNetworks } from "../prune/sensitivity/tally_networks.ts";
import { fill } from "../tensor/ops/inplace.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Interrupted } from "../train/errors.ts";
import type { TrainData } from "../train/train.ts";
import { otherWidths, type Widths, widthsToTry } from "./other_widths.ts";
import { stayedGroups, type StayedOptions } from "./stayed.ts";
import type { BatchTimes, Checkup, Losses, WidthTimes } from "./types.ts";
import { isLess } from "./width_steps.ts";

/** What is looked at, and how long. */
export interface ExamineOptions extends Pick<StayedOptions, "asked"> {
  readonly model: Model;
  /** The network before pruning, whose weights may be any; without it no speed-up is explained. */
  readonly dense?: Model;
  /** Batch sizes, of which the largest fills the device best. */
  readonly batches: readonly number[];
  /** The device's, where they were measured before; default: measure them. */
  readonly roof?: Roof;
  /** Of validation, with labels; without them nothing is said of what pruning on would cost. */
  readonly data?: TrainData;
  /** Why there are none. */
  readonly noData?: string;
  /** At most so many of them are looked at, spread evenly; default 500. */
  readonly images?: number;
  /** About so many seconds go into times at other widths; default 10. */
  readonly seconds?: number;
  /**
   * All of it shall take about so many seconds on the wall: steps have fewer rounds and fewer layers other widths where it
   * would take more. Roofs, two rounds and one layer's widths it takes in any case. By default it takes what it takes.
   */
  readonly wholeSeconds?: number;
  /** Told what is measured next, and which part of everything is done, in 0…1. */
  readonly progress?: (done: number, text: string) => void;
  readonly signal?: AbortSignal;
}

const SECONDS = 10;
const IMAGES = 500;
/** More than caches hold, and little enough for every device. */
const COPY_BYTES = 16 * 2 ** 20;
/** Roofs tell which of two bounds is nearer, and whether work is within a tenth of it: to that, short samples are enough. */
const ROOF_SAMPLE_MS = 5;
const SAMPLES = 5;
/**
 * What else the machine does only adds to a sample, and to fewer of them the shorter they are: of the least of several
 * they need not be long.
 */
const SAMPLE_MS = 2;
/** Of the time of the whole, what the steps may take at all batch sizes together, and what is left for losses. */
const STEPS_SHARE = 0.4, LOSSES_SHARE = 0.1;
/** In so little time one layer's widths are begun, and no second one's. */
const ONE_LAYER_SECONDS = 0.01;
/** A clock that wants longer samples is too coarse: there are some hundred. */
const MOST_SAMPLE_MS = 2000;
/** The shares of the time that its parts take, roughly: for the bar. */
const ROOF_DONE = 0.15, TIMES_DONE = 0.5, WIDTHS_DONE = 0.85;

/**
 * Measures launches, roofs, each step of the networks, other widths and losses.
 *
 * @throws UserError where the clock is so coarse that timing each step would take minutes
 * @throws DeviceLimitError where a network doesn't fit at one of the batch sizes
 * @throws Interrupted when the signal is aborted
 */
export async function examine(gpu: Gpu, options: ExamineOptions): Promise<Checkup> {
  const { model, dense, asked, progress = () => {}, signal } = options;
  const beforeSample = (): Promise<"go on"> => {
    if (signal?.aborted) throw new Interrupted("stopped");
    return Promise.resolve("go on");
  };
  const { wholeSeconds = Infinity } = options;
  const started = performance.now();
  await requireFineClock(gpu);
  progress(0, "roofs");
  const roof = options.roof ?? await measureRoofline(gpu, {
    copyBytes: COPY_BYTES,
    sampleMs: ROOF_SAMPLE_MS,
    beforeSample,
  });
  const { batches, clock } = await measureBatches(gpu, options, beforeSample);
  const left = (1 - LOSSES_SHARE) * wholeSeconds - (performance.now() - started) / 1000;
  const seconds = Math.min(options.seconds ?? SECONDS, Math.max(ONE_LAYER_SECONDS, left));
  const { widths, leftOut, found } = await measureWidths(gpu, { ...options, seconds }, batches, beforeSample);
  progress(WIDTHS_DONE, "losses");
  const losses = await lossesOrReason(gpu, options, { widths, found });
  const { stayed, noNext } = stayedGroups(model, { ...dense && { dense: dense.graph }, ...asked && { asked } });
  progress(1, "");
  return {
    adapter: adapterName(gpu.info),
    software: gpu.info.fallback,
    clock,
    ...roof && { roof: { gflops: roof.gflops, gbps: roof.gbps } },
    batches,
    widths,
    widthsLeftOut: leftOut,
    ...typeof losses === "string" ? { noLosses: losses } : { losses },
    stayed,
    ...noNext !== undefined && { noNext },
  };
}

async function requireFineClock(gpu: Gpu): Promise<void> {
  using y = Tensor.empty(gpu, [1]);
  // The first timing of a device may look coarser than its clock is.
  await gpu.time(() => fill(gpu, y, 0));
  const { quantumMs } = await gpu.time(() => fill(gpu, y, 1));
  if (MIN_SAMPLE_QUANTA * quantumMs <= MOST_SAMPLE_MS) return;
  throw new UserError(
    `the clock here moves in steps of ${quantumMs.toPrecision(2)} ms, too coarse to time each step of a network: ` +
      "use a runtime or a browser with GPU timestamps",
  );
}

type BeforeSample = MeasureOptions["beforeSample"];

async function measureBatches(
  gpu: Gpu,
  { model, dense, batches, wholeSeconds = Infinity, progress = () => {} }: ExamineOptions,
  beforeSample: BeforeSample,
): Promise<{ readonly batches: BatchTimes[]; readonly clock: string }> {
  const times: BatchTimes[] = [];
  let clock = "";
  for (const [i, batch] of batches.toSorted((a, b) => a - b).entries()) {
    progress(ROOF_DONE + (TIMES_DONE - ROOF_DONE) * i / batches.length, `steps at batch ${batch}`);
    const found = (await measureTimelines(gpu, dense ? [model, dense] : [model], batch, {
      statistic: "least",
      sampleMs: SAMPLE_MS,
      wallSeconds: STEPS_SHARE * wholeSeconds / batches.length,
      beforeSample,
    }))!;
    const [now, before] = found.timelines;
    clock = found.clock;
    times.push({ batch, launchMs: found.launchMs, ...before && { dense: before }, now });
  }
  return { batches: times, clock };
}

interface WidthResults {
  readonly widths: WidthTimes[];
  readonly leftOut: string[];
  /** What the widths are of. */
  readonly found: readonly Widths[];
}

/** Layers that take most time come first, at each batch size, until the time is up. */
async function measureWidths(
  gpu: Gpu,
  { model, seconds, progress = () => {} }: ExamineOptions & { readonly seconds: number },
  batches: readonly BatchTimes[],
  beforeSample: BeforeSample,
): Promise<WidthResults> {
  const found = otherWidths(model);
  const leftOut = found.length === 0
    ? ["No layer can lose a filter: no other width was measured"]
    : found.flatMap(({ name, uncounted }) =>
      uncounted.length > 0
        ? [`Wider forms of ${name} weren't measured, for ${uncounted.join(", ")} would change by more than channels`]
        : []
    );
  const widths: WidthTimes[] = [];
  const late: string[] = [];
  const started = performance.now();
  const jobs = batches.flatMap((times) => {
    const took = new Map(times.now.steps.map(({ name, ms }) => [name, ms / times.now.wholeMs]));
    return found.map((one) => ({
      one,
      batch: times.batch,
      share: one.changing.reduce((sum, { name }) => sum + (took.get(name) ?? 0), 0),
    }));
  }).toSorted((a, b) => b.share - a.share);
  for (const [i, { one, batch }] of jobs.entries()) {
    progress(TIMES_DONE + (WIDTHS_DONE - TIMES_DONE) * i / jobs.length, `${one.name} at other widths, batch ${batch}`);
    if (performance.now() - started > 1000 * seconds) late.push(`${one.name} at batch ${batch}`);
    else widths.push(await timeWidths(gpu, one, batch, model, beforeSample));
  }
  if (late.length > 0) leftOut.push(`There was no time for other widths of ${late.join(", ")}`);
  return { widths, leftOut, found };
}

async function timeWidths(
  gpu: Gpu,
  widths: Widths,
  batch: number,
  model: Model,
  beforeSample: BeforeSample,
): Promise<WidthTimes> {
  const { name, layers, groups, uncounted } = widths;
  using stack = new DisposableStack();
  // Where all layers are of so many channels, each is timed by itself; else a network has to be made, which is narrower.
  const counts = widthsToTry(groups).filter((count) => uncounted.length === 0 || count <= groups);
  const contestants = counts.map((count) => ({
    name: `${name} with ${count}`,
    record: uncounted.length === 0
      ? openLayers(gpu, stack, widths, count, batch)
      : openSteps(gpu, stack, widths, count === groups ? model : widths.narrower(count), batch),
  }));
  const sampled = await sampleInterleaved(gpu, contestants, {
    seconds: 0,
    sampleMs: SAMPLE_MS,
    minSamples: SAMPLES,
    maxSamples: SAMPLES,
    beforeSample,
  });
  const times = sampled.map(({ samplesMs }, i) => {
    const [least, next] = samplesMs.toSorted((a, b) => a - b);
    return { groups: counts[i], ms: least, scatterMs: next - least };
  });
  return { name, layers, batch, groups, times };
}

/** Records each layer that changes, at so many groups. */
function openLayers(
  gpu: Gpu,
  stack: DisposableStack,
  { changing }: Widths,
  count: number,
  batch: number,
): () => void {
  const probes = changing.map(({ probe, sizes }): Probe => {
    const { input, output } = sizes(count);
    return stack.adopt(openProbe(gpu, probe, input, output, batch), (opened) => opened.dispose());
  });
  return () => probes.forEach(({ record }) => record());
}

/** Records the steps of a network that change. */
function openSteps(
  gpu: Gpu,
  stack: DisposableStack,
  { changing, uncounted }: Widths,
  model: Model,
  batch: number,
): () => void {
  const names = new Set([...changing.map(({ name }) => name), ...uncounted]);
  const plan = stack.adopt(compilePlan(gpu, model, batch), (opened) => opened.dispose());
  const parts = plan.parts(stack.use(images(gpu, model, batch))).filter(({ step }) => names.has(step.node.name));
  return () => parts.forEach(({ record }) => record());
}

async function lossesOrReason(
  gpu: Gpu,
  options: ExamineOptions,
  measured: Pick<WidthResults, "widths" | "found">,
): Promise<Losses | string> {
  const { data, noData } = options;
  if (!data?.labels) return noData ?? "there are no labelled images";
  if (measured.widths.length === 0) return "no other width was measured";
  try {
    return await measureLosses(gpu, options, data, measured) ?? "no smaller width that was measured takes less time";
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof DeviceLostError) throw error;
    return error.message;
  }
}

/** Of each layer one smaller width: the one that saves most for each group, wherever any saves time beyond chance. */
async function measureLosses(
  gpu: Gpu,
  { model, images: most = IMAGES, signal }: ExamineOptions,
  data: TrainData,
  { widths, found }: Pick<WidthResults, "widths" | "found">,
): Promise<Losses | undefined> {
  const wanted = found.flatMap(({ name, constraint, ranked }) => {
    const keep = worthwhile(widths.filter((of) => of.name === name));
    if (keep === undefined) return [];
    const layer: PrunedLayer = { constraint, from: firstMasked(model, constraint), keeps: [keep] };
    return [{ name, layer, ranked }];
  }).toSorted((a, b) => a.layer.from - b.layer.from);
  if (wanted.length === 0) return undefined;
  const layers = wanted.map(({ layer }) => layer);
  const seen = spread(data, most);
  const tally = await tallyNetworks({
    gpu,
    model,
    data: seen,
    layers,
    ranked: wanted.map(({ ranked }) => ranked),
    ...signal && { signal },
  });
  const { dense, curves } = sensitivityOf(model.graph, layers, tally, "present");
  return {
    images: tally.images,
    accuracy: dense.accuracy!,
    layers: curves.map(({ points }, i) => ({
      name: wanted[i].name,
      points: points.map(({ keep, accuracy }) => ({ keep, accuracy: accuracy! })),
    })),
  };
}

function worthwhile(all: readonly WidthTimes[]): number | undefined {
  const best = all.flatMap(({ groups, times }) => {
    const now = times.find((time) => time.groups === groups)!;
    return times.filter((time) => time.groups < groups && isLess(time, now))
      .map((time) => ({ keep: time.groups, perGroup: (1 - time.ms / now.ms) / (groups - time.groups) }));
  }).toSorted((a, b) => b.perGroup - a.perGroup);
  return best[0]?.keep;
}

function firstMasked({ graph }: Model, { members }: PrunedLayer["constraint"]): number {
  const masked = new Set(members.map(({ param }) => param));
  return graph.nodes.findIndex(({ inputs }) => inputs.some((name) => masked.has(name)));
}
