/**
 * Suite "sparse": for each structure of zeros and each density, every format that packs such a weight against our own
 * dense kernel, which multiplies by the zeros. Weights are packed before, for both. A format's row is the fastest of its
 * kernels.
 */
import { convMacs, convOutput, type ConvShape, squareConv } from "../../kernels/conv/shape.ts";
import { convForwardCandidates, convForwardClass } from "../../kernels/conv/forward.ts";
import { gemmCandidates, gemmClass } from "../../kernels/gemm/plan.ts";
import type { Launch, Step } from "../../kernels/launch.ts";
import { random } from "../../kernels/random/philox.ts";
import { FORMATS, type PackedWeight, type SparseFormat } from "../../kernels/sparse/format.ts";
import { type Candidate, choose, type Tuning } from "../../kernels/tuning.ts";
import type { Gpu, Slice } from "../../src/gpu/gpu.ts";
import { launch, tuningFor } from "../../src/tensor/ops/launch.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { fits, type Structure, structuredWeight } from "../sparse/structures.ts";
import {
  atMost,
  type Case,
  type Job,
  type MeasuredSuite,
  measureJobs,
  type Row,
  type SuiteOptions,
  type Timed,
} from "../suite.ts";
import type { Workbench } from "../workbench.ts";

const DENSITIES = [0.75, 0.5, 0.25, 0.1, 0.05];
/** The densities that goals are set for. */
const CLAIMED = [0.5, 0.25, 0.1];
const N_OF_M = [0.5, 0.25, 0.125];

export const sparse: MeasuredSuite = {
  name: "sparse",
  title: "Sparse formats against our own dense kernels",
  notes: [
    'Density is the part of the weights that isn\'t zero; "stored" counts what a format fills up. Break-even is the ' +
    "density up to which a format is no slower than dense.",
    "GFLOP/s count the multiply-adds of the weights that are kept.",
  ],
  defaults: { seed: 1, rounds: 3 },
  cases: (options) => [
    gemmCase("blocks 16×16", 1024, options, { format: "bsr", allowance: 0.08 }),
    ...COLUMN_SHAPES.map((shape) => convCase("columns", shape, options, { format: "columns", allowance: 0.1 })),
    ...CONV_STRUCTURES.map((structure) => convCase(structure, conv(8, 64, 16, 64), options)),
    ...GEMM_STRUCTURES.map((structure) => gemmCase(structure, 512, options)),
  ],
};

const COLUMN_SHAPES = [conv(32, 16, 32, 16), conv(32, 32, 16, 32), conv(32, 64, 8, 64), conv(8, 128, 14, 128)];
const CONV_STRUCTURES: readonly Structure[] = [
  "blocks 16×16",
  "N of M",
  "kernels",
  "kernel rows",
  "patterns",
  "block-punched",
  "unstructured",
];
const GEMM_STRUCTURES: readonly Structure[] = ["columns", "N of M", "unstructured"];

/** The time that one format may take: (density + allowance) × dense. */
interface Claim {
  readonly format: string;
  readonly allowance: number;
}

/** What a case multiplies, as dense and as each format does it. */
interface Problem {
  readonly table: string;
  /** Of the weight. */
  readonly shape: readonly [number, number, number, number];
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly macs: number;
  dense(tuning: Tuning): Candidate;
  ways(format: SparseFormat, packed: PackedWeight, tuning: Tuning): readonly Candidate[];
}

interface SparseJob extends Job {
  readonly density: number;
  /** "dense" or the format's name. */
  readonly format: string;
  /** The kernel's name among the ways there are. */
  readonly way: string;
  readonly stored: number;
}

function gemmCase(structure: Structure, size: number, options: SuiteOptions, claim?: Claim): Case {
  const sizes = { m: size, n: size, k: size };
  return sparseCase(structure, options, claim, {
    table: `${structure}: GEMM ${size}×${size}×${size}`,
    shape: [size, size, 1, 1],
    x: [size, size],
    y: [size, size],
    macs: size ** 3,
    dense: (tuning) => {
      const shape = { ...sizes, a: "k", b: "k", fixed: "b" } as const;
      return choose(gemmClass(shape), gemmCandidates(shape, tuning), tuning);
    },
    ways: (format, packed, tuning) => format.gemm(sizes, packed, tuning),
  });
}

function convCase(structure: Structure, shape: ConvShape, options: SuiteOptions, claim?: Claim): Case {
  const { batch, channels, height, width, filters, kernel } = shape;
  return sparseCase(structure, options, claim, {
    table: `${structure}: convolution 3×3, ${channels}→${filters}, ${height}², batch ${batch}`,
    shape: [filters, channels, ...kernel],
    x: [batch, channels, height, width],
    y: [batch, filters, ...convOutput(shape)],
    macs: convMacs(shape),
    dense: (tuning) => choose(convForwardClass(shape), convForwardCandidates(shape, {}, tuning), tuning),
    ways: (format, packed, tuning) => format.conv(shape, packed, {}, tuning),
  });
}

function sparseCase(
  structure: Structure,
  options: SuiteOptions,
  claim: Claim | undefined,
  problem: Problem,
): Case {
  const densities = (structure === "N of M" ? N_OF_M : DENSITIES).filter((d) => fits(structure, problem.shape, d));
  return {
    name: problem.table,
    run: async (bench) => {
      const [dense, ...jobs] = await measureJobs(
        bench,
        options,
        (w) => jobsOf(bench.gpu, w, structure, densities, problem, options),
      );
      const best = [...Map.groupBy(jobs, ({ density, format }) => `${density} ${format}`).values()]
        .map((ways) => ways.reduce((a, b) => b.time.medianMs < a.time.medianMs ? b : a));
      if (options.variant !== undefined && best.length === 0) return [];
      // What one kernel doesn't do says nothing of its format.
      const absent = options.variant === undefined ? missing(densities, best, claim) : [];
      const { time, work, way } = dense;
      return [
        { table: problem.table, series: "dense", name: "dense", time, work, facts: { way } },
        ...best.map((job) => rowOf(problem.table, structure, job, dense, claim)),
        ...absent.map(({ density, format }): Row => ({
          table: problem.table,
          name: `${density} ${format ?? ""}`.trim(),
          facts: { density },
          ...goalFor(density, claim, undefined),
          note: `${format ?? "no format"} doesn't pack this, or has no kernel for it`,
        })),
      ];
    },
  };
}

/** Densities that nothing was measured at, or not the format that a goal is set for. */
function missing(
  densities: readonly number[],
  measured: readonly Pick<SparseJob, "density" | "format">[],
  claim: Claim | undefined,
): { readonly density: number; readonly format?: string }[] {
  return densities.flatMap((density) => {
    const formats = measured.filter((job) => job.density === density).map(({ format }) => format);
    if (claim && CLAIMED.includes(density)) {
      return formats.includes(claim.format) ? [] : [{ density, format: claim.format }];
    }
    return formats.length > 0 ? [] : [{ density }];
  });
}

function rowOf(
  table: string,
  structure: Structure,
  { name, way, time, work, density, format, stored }: Timed<SparseJob>,
  dense: Timed<Job>,
  claim: Claim | undefined,
): Row {
  const ratio = time.medianMs / dense.time.medianMs;
  return {
    table,
    series: format,
    name,
    time,
    work,
    facts: {
      way,
      density,
      stored: stored.toFixed(3),
      "÷ dense": ratio.toFixed(3),
      "speed-up": `${(1 / ratio).toFixed(2)}×`,
    },
    curve: { series: `${structure}, ${format}`, density, speedup: 1 / ratio },
    ...(format === claim?.format ? goalFor(density, claim, ratio) : {}),
  };
}

/** `ratio` is the time over that of dense, undefined where there is none. */
function goalFor(density: number, claim: Claim | undefined, ratio: number | undefined): Pick<Row, "goal"> {
  if (!claim || !CLAIMED.includes(density)) return {};
  const { allowance } = claim;
  const [text, limit] = [`≤ (density + ${allowance}) × dense`, density + allowance];
  return { goal: ratio === undefined ? { text, limit, reached: false } : atMost(text, ratio, limit) };
}

/** The dense kernel, and every kernel of every format that packs the structure, at every density. */
function jobsOf(
  gpu: Gpu,
  w: Workbench,
  structure: Structure,
  densities: readonly number[],
  problem: Problem,
  { seed, variant }: SuiteOptions,
): SparseJob[] {
  const tuning = tuningFor(gpu);
  const [x, y] = [w.tensor(problem.x), w.empty(problem.y)];
  const traffic = elements(problem.x) + elements(problem.y);
  const rng = random(seed, `bench/sparse/${structure}`);
  const count = elements(problem.shape);
  const dense = problem.dense(tuning);
  const jobs: SparseJob[] = [{
    name: "dense",
    way: dense.name,
    density: 1,
    format: "dense",
    stored: 1,
    work: { flops: 2 * problem.macs, bytes: 4 * (traffic + count) },
    record: prepared(
      gpu,
      w,
      dense.build(),
      { x, a: x, w: w.tensor(problem.shape), b: w.tensor(problem.shape), y },
      "dense",
    ),
  }];
  for (const density of densities) {
    const weight = structuredWeight(structure, problem.shape, density, rng);
    for (const format of FORMATS) {
      const packed = format.pack(weight, problem.shape[2] === 1 ? problem.shape.slice(0, 2) : problem.shape);
      if (!packed) continue;
      const values = w.own(Tensor.from(gpu, packed.values, [packed.values.length]));
      for (const { name, build } of problem.ways(format, packed, tuning)) {
        if (variant !== undefined && name !== variant) continue;
        const label = `${density} ${format.name}, ${name}`;
        jobs.push({
          name: label,
          density,
          format: format.name,
          way: name,
          stored: packed.stored / count,
          work: { flops: 2 * problem.macs * density, bytes: 4 * traffic + packed.bytes },
          record: prepared(gpu, w, build(), { x, values, y }, label),
        });
      }
    }
  }
  return jobs;
}

/** Runs what depends on the weights only, now; what comes back records the rest, in scratch of its own. */
function prepared(
  gpu: Gpu,
  w: Workbench,
  plan: Launch & { readonly prepare?: readonly Step[] },
  operands: Readonly<Record<string, Slice>>,
  label: string,
): () => void {
  const scratch = Object.fromEntries(
    Object.entries(plan.scratch).map(([name, bytes]) => [name, w.empty([Math.ceil(bytes / 4)])]),
  );
  const all = { ...operands, ...scratch };
  if (plan.prepare) launch(gpu, plan, all, label, plan.prepare);
  return () => launch(gpu, plan, all, label);
}

function conv(batch: number, channels: number, side: number, filters: number): ConvShape {
  return squareConv({ batch, channels, height: side, width: side, filters });
}
