/**
 * Measures where networks' time goes: each step of each network's inference plan by itself, in turns with whole runs of
 * all of them and with dispatches that do nothing, so that what else the machine does touches all alike.
 */
import "../disposable.ts";
import type { DispatchTime, Gpu, Timing } from "../gpu/gpu.ts";
import { graphCost } from "../graph/cost.ts";
import { foldForInference } from "../graph/fold.ts";
import { inferShapes } from "../graph/infer.ts";
import { compilePlan } from "../graph/plan.ts";
import type { Model } from "../graph/types.ts";
import { fill } from "../tensor/ops/inplace.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type Contestant, type MeasureOptions, sampleInterleaved } from "./interleaved.ts";
import { images } from "./session/rows.ts";
import { mad, median } from "./stats.ts";
import { stepBytes } from "./traffic.ts";

/** This is where one network's time goes, at one batch size. */
export interface Timeline {
  /** This is the time of a whole run. */
  readonly wholeMs: number;
  /** This is the median absolute deviation of whole runs. */
  readonly madMs: number;
  /** They come in order of execution, without those that launch nothing. */
  readonly steps: readonly StepTime[];
}

/** This is one step of a plan. */
export interface StepTime {
  /** It is the node's name. */
  readonly name: string;
  /** It is the node's operator. */
  readonly op: string;
  /** One image takes so many multiply-adds. */
  readonly macs: number;
  /** The whole batch moves at least so many bytes (`stepBytes`). */
  readonly bytes: number;
  /** This is the time of the step alone, repeated. */
  readonly ms: number;
  /** These are its launches, in order. */
  readonly dispatches: readonly StepDispatch[];
}

/** This is one launch of a step. */
export interface StepDispatch {
  /** It is the kernel's name; records of devices don't tell. */
  readonly kernel?: string;
  /** It has so many workgroups; records of devices don't tell. */
  readonly workgroups?: number;
  /** It takes so long on the device's own clock, in the midst of a run: the median. It is missing without such a clock. */
  readonly ms?: number;
}

/** This is what was measured in turns. */
export interface Timelines {
  /** They come in the networks' order. */
  readonly timelines: readonly Timeline[];
  /** A dispatch that does nothing takes so long, in a row of such that wait for each other. */
  readonly launchMs: number;
  /** They were measured with this clock. */
  readonly clock: Timing["clock"];
  /** This is the clock's smallest step. */
  readonly quantumMs: number;
}

/** Says how steps are measured. */
export interface TimelineOptions extends MeasureOptions {
  /**
   * Times are medians (the default), or the least of all samples: what else a machine does only adds to them, and parts
   * that are set against each other shall not differ by that.
   */
  readonly statistic?: "median" | "least";
  /** In so many runs each dispatch is timed by itself, by default 5; where only their number matters, one is enough. */
  readonly dispatchRuns?: number;
  /** After so many seconds on the wall there are no more rounds, but two at least; by default there are five. */
  readonly wallSeconds?: number;
}

/** Steps are many and each has its turn in every round, so there are few rounds. */
const SAMPLES = 5;
const LEAST_SAMPLES = 2;
/** So many dispatches stand in a row to measure one. */
const ROW = 16;
const NOTHING = "dispatches that do nothing";

/**
 * Times the steps of fused plans. Dispatches that are repeated alone find their caches warm and no gap before them, so
 * the sum may be below a whole run; it may be above where the device overlaps steps of a whole run. Gives undefined
 * where `beforeSample` ended it before everybody had a sample.
 *
 * @throws RangeError where the clock can't resolve a step
 * @throws DeviceLimitError where a network doesn't fit at this batch
 */
export async function measureTimelines(
  gpu: Gpu,
  models: readonly Model[],
  batch: number,
  { dispatchRuns = SAMPLES, statistic = "median", wallSeconds = Infinity, ...options }: TimelineOptions = {},
): Promise<Timelines | undefined> {
  using stack = new DisposableStack();
  const networks = models.map((model) => openNetwork(gpu, stack, model, batch));
  const y = stack.use(Tensor.empty(gpu, [1]));
  const nothing: Contestant = {
    name: NOTHING,
    record: () => {
      for (let i = 0; i < ROW; i++) fill(gpu, y, i);
    },
  };
  const contestants = [nothing, ...networks.flatMap(({ whole, parts }) => [whole, ...parts])];
  const sampled = await sampleInterleaved(gpu, contestants, {
    seconds: wallSeconds / contestants.length,
    secondsOf: "wall",
    minSamples: LEAST_SAMPLES,
    maxSamples: SAMPLES,
    ...options,
  });
  if (sampled.some(({ samplesMs }) => samplesMs.length === 0)) return undefined;
  const timeOf = statistic === "median" ? median : least;
  const [{ samplesMs: row, clock, quantumMs }, ...rest] = sampled;
  const timelines: Timeline[] = [];
  for (const { parts, steps, whole } of networks) {
    const [{ samplesMs: wholes }, ...alone] = rest.splice(0, 1 + parts.length);
    const launches = await dispatchTimes(gpu, whole.record, dispatchRuns);
    timelines.push({
      wholeMs: timeOf(wholes),
      madMs: mad(wholes),
      steps: steps.map(({ dispatches, ...step }, i) => ({
        ...step,
        ms: timeOf(alone[i].samplesMs),
        dispatches: launches.splice(0, dispatches),
      })),
    });
  }
  return { timelines, launchMs: timeOf(row) / ROW, clock, quantumMs };
}

function least(samplesMs: readonly number[]): number {
  return Math.min(...samplesMs);
}

type Step = Omit<StepTime, "ms" | "dispatches"> & { readonly dispatches: number };

interface Network {
  readonly whole: Contestant;
  readonly parts: readonly Contestant[];
  readonly steps: readonly Step[];
}

function openNetwork(gpu: Gpu, stack: DisposableStack, model: Model, batch: number): Network {
  const { graph } = foldForInference(model).model;
  const shapes = inferShapes(graph);
  const { nodes } = graphCost(graph);
  const input = stack.use(images(gpu, model, batch));
  const plan = stack.adopt(compilePlan(gpu, model, batch), (plan) => plan.dispose());
  const parts = plan.parts(input).filter(({ dispatches }) => dispatches > 0);
  return {
    whole: { name: `the whole of ${graph.name}`, record: () => void plan.run(input) },
    parts: parts.map(({ step, record }) => ({ name: step.node.name, record })),
    steps: parts.map(({ step, dispatches }) => ({
      name: step.node.name,
      op: step.node.op,
      macs: nodes.get(step.node.name)?.macs ?? 0,
      bytes: stepBytes(step, graph, shapes, batch),
      dispatches,
    })),
  };
}

/** A run's dispatches, each with the median of its times where the device tells them. */
async function dispatchTimes(gpu: Gpu, record: () => void, count: number): Promise<StepDispatch[]> {
  const runs: DispatchTime[][] = [];
  for (let i = 0; i < count; i++) runs.push(await gpu.timeDispatches(record));
  return runs[0].map(({ plan: { program, grid } }, i) => {
    const times = runs.flatMap((run) => run[i].ms ?? []);
    return {
      kernel: program.name,
      workgroups: grid[0] * grid[1] * grid[2],
      ...times.length === count && { ms: median(times) },
    };
  });
}
