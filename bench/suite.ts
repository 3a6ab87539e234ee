/**
 * What a suite of our own kernels is: cases that measure on any device, in Deno or in a page, and rows that say what they
 * found. Nothing in here knows where it runs.
 */
import { adapterName } from "../src/gpu/adapter.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import { type Contestant, type Measured, measureInterleaved } from "../src/measure/interleaved.ts";
import { bound } from "../src/measure/bound.ts";
import type { Roofline } from "../src/measure/roofline.ts";
import { collectRequests } from "../src/tensor/ops/launch.ts";
import { tuneFor } from "./tuned.ts";
import type { CurvePoint } from "./sparse/break_even.ts";
import { type Workbench, workbench } from "./workbench.ts";

/** Long enough that starting the work, some 0.4 ms on a CPU, is lost in it. */
const SAMPLE_MS = 20;

export interface SuiteOptions {
  /** The seed of data, weights and masks. */
  readonly seed: number;
  /** Samples of each contestant. */
  readonly rounds: number;
  /** For suites that time networks: only these. */
  readonly batches?: readonly number[];
  /** For suites of kernels: this way instead of the one that a run would take; shapes that haven't got it are left out. */
  readonly variant?: string;
}

export interface Bench {
  readonly gpu: Gpu;
  readonly roofline: Roofline;
  /** "measured": each case is tuned before it is timed. "default": as planners estimate. */
  readonly tuning: "measured" | "default";
}

/** Those that were measured before, by `roofKey`. */
export type Roofs = Readonly<Record<string, Roofline>>;

/** @param runtime what runs the code, with its version: "deno 2.9.6" */
export function roofKey(adapter: Gpu["info"], runtime: string): string {
  return `${adapterName(adapter)}, ${runtime}`;
}

/** Contestants that are measured against each other, interleaved. */
export interface Case {
  readonly name: string;
  run(bench: Bench): Promise<readonly Row[]>;
}

export interface MeasuredSuite {
  readonly name: string;
  readonly title: string;
  /** What a reader of the numbers must know. */
  readonly notes: readonly string[];
  /** What is taken where nothing else is asked for. */
  readonly defaults: SuiteOptions;
  cases(options: SuiteOptions): readonly Case[];
}

/** What a row claims or should reach. */
export interface Goal {
  /** "≤ 1.15 × its MAC share" */
  readonly text: string;
  /** Absent where there was nothing to measure. */
  readonly value?: number;
  readonly limit: number;
  readonly reached: boolean;
}

export interface Row {
  /** Rows of one table stand together. */
  readonly table: string;
  readonly name: string;
  /** Absent where it could not be measured: `note` says why. */
  readonly time?: Pick<Measured, "medianMs" | "madMs" | "samples" | "clock" | "quantumMs">;
  readonly work?: Work;
  /** Rows of one series have one colour where rows are points of a chart; default: those of one table. */
  readonly series?: string;
  /** Further columns: density, ratio to dense, … */
  readonly facts: Readonly<Record<string, number | string>>;
  readonly goal?: Goal;
  readonly note?: string;
  /** Where the row stands in the chart of speed-up against density. */
  readonly curve?: CurvePoint & { readonly series: string };
}

/** What a kernel is asked to do once, whatever it does inside. */
export interface Work {
  /** Operations: a multiply-add counts as two. */
  readonly flops: number;
  /** Bytes of inputs, weights and outputs, each moved once. */
  readonly bytes: number;
}

export interface Rates {
  readonly gflops: number;
  readonly gbps: number;
  /** Part of the rate that the roof in its way allows. */
  readonly ofBound: number;
  readonly boundBy: "arithmetic" | "memory";
}

/** One contestant of a case with what it does. */
export interface Job extends Contestant {
  readonly work?: Work;
}

export type Timed<J> = J & { readonly time: NonNullable<Row["time"]> };

/** Measures the jobs that `build` makes against each other; their times come back beside them. */
export async function measureJobs<J extends Job>(
  { gpu, tuning }: Bench,
  { seed, rounds }: SuiteOptions,
  build: (bench: Workbench) => readonly J[],
): Promise<Timed<J>[]> {
  if (tuning === "measured") {
    using bench = workbench(gpu, seed);
    await tuneFor(gpu, collectRequests(gpu, () => build(bench).forEach(({ record }) => record())));
  }
  using bench = workbench(gpu, seed);
  const jobs = build(bench);
  const measured = await measureInterleaved(gpu, jobs, {
    seconds: 0,
    minSamples: rounds,
    maxSamples: rounds,
    sampleMs: SAMPLE_MS,
  });
  return jobs.map((job, i) => {
    const { name: _, ...time } = measured[i];
    return { ...job, time };
  });
}

/** A goal that is reached when `value` is no more than `limit`. */
export function atMost(text: string, value: number, limit: number): Goal {
  return { text, value, limit, reached: value <= limit };
}

/** A goal that is reached when `value` is no less than `limit`. */
export function atLeast(text: string, value: number, limit: number): Goal {
  return { text, value, limit, reached: value >= limit };
}

/** What a row's time means, if it was measured and its work is known. */
export function ratesOf({ time, work }: Row, roofline: Roofline): Rates | undefined {
  if (!time || !work) return undefined;
  const { ms, by } = bound(work.flops, work.bytes, roofline);
  return {
    gflops: work.flops / time.medianMs / 1e6,
    gbps: work.bytes / time.medianMs / 1e6,
    ofBound: ms / time.medianMs,
    boundBy: by,
  };
}
