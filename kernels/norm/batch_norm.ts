import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import type { Activation } from "../launch.ts";
import { type Reduction, sliceCount } from "../reduce/sum.ts";
import { bothWidths, chooseWidth, type VectorPrograms, vectorPrograms } from "../vector.ts";
import source from "./batch_norm.wgsl" with { type: "text" };
import gradSource from "./batch_norm_grad.wgsl" with { type: "text" };
import parametersSource from "./batch_norm_parameters.wgsl" with { type: "text" };
import sumsSource from "./batch_norm_sums.wgsl" with { type: "text" };
import momentsSource from "./moments.wgsl" with { type: "text" };
import combineSource from "./moments_combine.wgsl" with { type: "text" };
import runningSource from "./running_statistics.wgsl" with { type: "text" };

/** The two dispatches have `partials` floats between them. */
export interface TwoStages {
  readonly first: Plan;
  readonly second: Plan;
  readonly partials: number;
}

export interface StatisticsOptions {
  readonly epsilon: number;
  /** The new batch has this share in the running statistics; 1 replaces them. */
  readonly blend: number;
}

/**
 * Computes the mean and 1/√(variance + ε) per channel of x [outer, channels, inner], and the running statistics'
 * update.
 * The bindings are x and partials; then partials, statistics [2, channels], running mean and running variance.
 */
export function planStatistics(over: Reduction, { epsilon, blend }: StatisticsOptions): TwoStages {
  const { slices, perSlice, ...rest } = sliced(moments, over);
  const elements = over.outer * over.inner;
  return {
    ...rest,
    second: {
      program: combine,
      uniforms: [over.channels, slices, elements, perSlice, f32bits(epsilon), f32bits(blend)],
      grid: [Math.ceil(over.channels / THREADS), 1, 1],
    },
  };
}

/** Takes the same statistics from the running ones. The bindings are running mean, running variance and statistics. */
export function planRunningStatistics(channels: number, epsilon: number): Plan {
  return {
    program: running,
    uniforms: [channels, f32bits(epsilon)],
    grid: [Math.ceil(channels / THREADS), 1, 1],
  };
}

/** This follows the norm in the same kernels. */
export type NormActivation = Extract<Activation, "none" | "relu" | "relu6">;

/** Computes y = act((x − mean)·γ/σ + β). The bindings are x, statistics, γ, β and y. */
export function planBatchNorm(over: Reduction, activation: NormActivation): Plan {
  return planMaps(normalise[activation], over, []);
}

/** Computes dγ and dβ. The bindings are x, dy, statistics, γ, β and partials; then partials, dγ and dβ. */
export function planBatchNormParameters(over: Reduction, activation: NormActivation): TwoStages {
  const { slices, first, partials } = sliced(sums[activation], over);
  return {
    first,
    partials,
    second: planParameterSums(over.channels, slices),
  };
}

/** Computes dγ and dβ from partial sums [slices, channels] of (Σ dy, Σ dy·x̂). The bindings are partials, dγ and dβ. */
export function planParameterSums(channels: number, slices: number): Plan {
  return { program: parameters, uniforms: [channels, slices], grid: [Math.ceil(channels / THREADS), 1, 1] };
}

/**
 * Computes dx, through the statistics too where they are the batch's. The bindings are x, dy, statistics, γ, β, dγ, dβ
 * and dx.
 */
export function planBatchNormGrad(
  over: Reduction,
  statistics: "batch" | "running",
  activation: NormActivation,
): Plan {
  return planMaps(grad[statistics][activation], over, [f32bits(1 / (over.outer * over.inner))]);
}

export function variants(): Program[] {
  const maps = [sums, normalise, grad.batch, grad.running].flatMap((programs) => Object.values(programs));
  return [...[moments, ...maps].flatMap(bothWidths), combine, running, parameters];
}

const THREADS = 64;
const LEAST_PER_SLICE = 1024;

const moments: VectorPrograms = {
  four: { ...vectorPrograms("moments", momentsSource, ["read", "read_write"]).four, constants: { WIDTH: 4 } },
  one: { ...vectorPrograms("moments", momentsSource, ["read", "read_write"]).one, constants: { WIDTH: 1 } },
};
const combine: Program = {
  name: "moments combine",
  source: combineSource,
  access: ["read", "read_write", "read_write", "read_write"],
};
const running: Program = {
  name: "running statistics",
  source: runningSource,
  access: ["read", "read", "read_write"],
};
const normalise = activated("batch norm", source, 4);
const sums = activated("batch norm sums", sumsSource, 5);
const parameters: Program = {
  name: "batch norm parameters",
  source: parametersSource,
  access: ["read", "read_write", "read_write"],
};
const grad = {
  batch: activated("batch norm gradient", gradSource, 7, { BATCH: 1 }),
  running: activated("batch norm gradient", gradSource, 7, { BATCH: 0 }),
};

/** Makes programs that read `inputs` buffers and write one. */
function activated(
  name: string,
  text: string,
  inputs: number,
  constants: Record<string, number> = {},
): Record<NormActivation, VectorPrograms> {
  const access = [...Array<"read">(inputs).fill("read"), "read_write"] as const;
  return {
    none: vectorPrograms(name, text, access, { ...constants, ACTIVATION: 0 }),
    relu: vectorPrograms(name, text, access, { ...constants, ACTIVATION: 1 }),
    relu6: vectorPrograms(name, text, access, { ...constants, ACTIVATION: 2 }),
  };
}

/** Each channel and slice has a workgroup; `perSlice` counts elements. */
function sliced(programs: VectorPrograms, { outer, channels, inner }: Reduction) {
  const { program, width } = chooseWidth(programs, inner);
  const row = inner / width;
  const items = outer * row;
  const perSlice = Math.ceil(items / sliceCount(outer * inner, channels, LEAST_PER_SLICE));
  const slices = Math.ceil(items / perSlice);
  const first: Plan = {
    program,
    uniforms: [channels, row, items, perSlice, Math.floor(THREADS / row), THREADS % row],
    grid: [channels, slices, 1],
  };
  return { first, partials: slices * channels * 2, slices, perSlice: perSlice * width };
}

function planMaps(programs: VectorPrograms, { outer, channels, inner }: Reduction, rest: readonly number[]): Plan {
  const { program, width } = chooseWidth(programs, inner);
  const count = outer * channels * inner / width;
  const grid = linearGrid(count, 256);
  return { program, uniforms: [count, grid[0], channels, inner / width, ...rest], grid };
}
