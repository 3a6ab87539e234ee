/**
 * Times several ways of doing the same work against each other: warm-up first, repeats inside one submit until a sample
 * is long enough for the clock, then A/B/A/B rounds whose order rotates, so that a machine that slows down slows all of
 * them. Results are medians and MADs, never means.
 */
import type { Gpu, Timing } from "../gpu/gpu.ts";
import { mad, median } from "./stats.ts";

/** This is something to be timed. */
export interface Contestant {
  /** It is given back with its time. */
  readonly name: string;
  /** Records the work once. */
  readonly record: () => void;
  /** It records on this device, where each contestant has one of its own. By default it is the one they all share. */
  readonly gpu?: Gpu;
}

/** This is what a contestant took, over all samples. */
export interface Measured {
  /** It is the contestant's name. */
  readonly name: string;
  /** This is the median of one run. */
  readonly medianMs: number;
  /** This is the median absolute deviation from the median. */
  readonly madMs: number;
  /** So many samples were taken. */
  readonly samples: number;
  /** They were measured with this clock. */
  readonly clock: Timing["clock"];
  /** This is the clock's smallest step. */
  readonly quantumMs: number;
}

/** Holds every sample of a contestant, in the order in which they were taken. */
export interface Sampled {
  readonly name: string;
  /** Each is the time of one run. */
  readonly samplesMs: readonly number[];
  /** A sample has so many runs. */
  readonly repeats: number;
  readonly clock: Timing["clock"];
  readonly quantumMs: number;
}

/** Says how long and how finely is measured. */
export interface MeasureOptions {
  /** So many seconds are spent on each contestant, by default 1. */
  readonly seconds?: number;
  /**
   * This says what `seconds` counts: a contestant's own work (the default), or time on the wall, rests and waits
   * included.
   */
  readonly secondsOf?: "work" | "wall";
  /** Each has at least so many samples, by default 5. */
  readonly minSamples?: number;
  /** Each has at most so many samples, by default 60. */
  readonly maxSamples?: number;
  /**
   * A sample is at least so long, and 100 steps of the clock. Starting one costs some 0.4 ms on a CPU. The default is
   * 5.
   */
  readonly sampleMs?: number;
  /**
   * Samples need not be longer than this, even where that is less than 100 steps of the clock. By default there is no
   * limit.
   */
  readonly longestSampleMs?: number;
  /**
   * It is awaited before each sample, and before each few contestants are tried out, to rest, to let messages in, or to end
   * here with what there is.
   */
  readonly beforeSample?: () => Promise<"go on" | "enough">;
}

const SAMPLE_MS = 5;
/** A sample must have so many steps of the clock to be true to 1 %. */
export const MIN_SAMPLE_QUANTA = 100;
/** More wait until these are through, so that somebody who wants to stop, or to rest, is heard. */
const CALIBRATED_TOGETHER = 32;
/** A dispatch takes over a microsecond: so many in less than 5 ms were none. */
const MAX_REPEATS = 100_000;

/** Gives per-run times of each contestant, in the given order. */
export async function measureInterleaved(
  gpu: Gpu,
  contestants: readonly Contestant[],
  options: MeasureOptions = {},
): Promise<Measured[]> {
  const sampled = await sampleInterleaved(gpu, contestants, options);
  return sampled.map(({ name, samplesMs, clock, quantumMs }) => ({
    name,
    medianMs: median(samplesMs),
    madMs: mad(samplesMs),
    samples: samplesMs.length,
    clock,
    quantumMs,
  }));
}

/** Gives the same with each sample; a contestant has none where `beforeSample` ended it early. */
export async function sampleInterleaved(
  gpu: Gpu,
  contestants: readonly Contestant[],
  options: MeasureOptions = {},
): Promise<Sampled[]> {
  const { seconds = 1, secondsOf = "work", minSamples = 5, maxSamples = 60, beforeSample = goOn } = options;
  const repeats: number[] = contestants.map(() => 1);
  const samples = contestants.map(() => [] as number[]);
  const spent = contestants.map(() => 0);
  const clocks = contestants.map((): Omit<Timing, "ms"> => ({ clock: "wall clock", quantumMs: 0 }));
  const found = () =>
    contestants.map(({ name }, i) => ({
      name,
      samplesMs: samples[i],
      repeats: repeats[i],
      clock: clocks[i].clock,
      quantumMs: clocks[i].quantumMs,
    }));
  for (let from = 0; from < contestants.length; from += CALIBRATED_TOGETHER) {
    if (await beforeSample() === "enough") return found();
    const some = contestants.slice(from, from + CALIBRATED_TOGETHER);
    repeats.splice(from, some.length, ...await calibrate(gpu, some, options));
  }
  const started = performance.now();
  const shareMs = () => (performance.now() - started) / contestants.length;
  for (let round = 0; round < maxSamples; round++) {
    const spentMs = secondsOf === "wall" ? shareMs() : Math.min(...spent);
    if (round >= minSamples && spentMs >= seconds * 1000) break;
    for (let k = 0; k < contestants.length; k++) {
      if (await beforeSample() === "enough") return found();
      const i = (k + round) % contestants.length;
      const { record, gpu: own = gpu } = contestants[i];
      const { ms, ...clock } = await own.time(() => repeat(repeats[i], record));
      clocks[i] = clock;
      samples[i].push(ms / repeats[i]);
      spent[i] += ms;
    }
  }
  return found();
}

function goOn(): Promise<"go on"> {
  return Promise.resolve("go on");
}

/**
 * Warms up, and finds how many repeats of each contestant make a sample that the clock resolves. What is timed here is no
 * sample, so those of one device are timed in one wait.
 */
async function calibrate(gpu: Gpu, contestants: readonly Contestant[], options: MeasureOptions): Promise<number[]> {
  const { sampleMs = SAMPLE_MS, longestSampleMs = Infinity } = options;
  const repeats = contestants.map(() => 1);
  const devices = Map.groupBy(contestants.keys(), (i) => contestants[i].gpu ?? gpu);
  for (const [device, own] of devices) {
    await device.timeEach(own.map((i) => contestants[i].record));
    let open = own;
    while (open.length > 0) {
      const timings = await device.timeEach(open.map((i) => () => repeat(repeats[i], contestants[i].record)));
      open = open.filter((i, k) => {
        const { ms, quantumMs } = timings[k];
        const wanted = Math.min(Math.max(sampleMs, MIN_SAMPLE_QUANTA * quantumMs), longestSampleMs);
        if (ms >= wanted) return false;
        if (repeats[i] >= MAX_REPEATS) {
          throw new RangeError(
            `"${contestants[i].name}" takes ${ms} ms for ${repeats[i]} runs, less than the clock can tell: ` +
              "it records no work on the device",
          );
        }
        repeats[i] = Math.max(repeats[i] + 1, Math.ceil(repeats[i] * Math.min(10, 1.3 * wanted / Math.max(ms, 1e-3))));
        return true;
      });
    }
  }
  return repeats;
}

function repeat(times: number, work: () => void): void {
  for (let i = 0; i < times; i++) work();
}
