import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import type { DeviceProfile } from "../device_profile.ts";
import type { Activation } from "../launch.ts";
import type { Reduction } from "../reduce/sum.ts";
import type { Tuning } from "../tuning.ts";
import { bothWidths, chooseWidth, type VectorPrograms, vectorPrograms } from "../vector.ts";
import source from "./batch_norm.wgsl" with { type: "text" };
import channelSource from "./batch_norm_channel.wgsl" with { type: "text" };
import channelGradSource from "./batch_norm_channel_grad.wgsl" with { type: "text" };
import gradSource from "./batch_norm_grad.wgsl" with { type: "text" };
import parametersSource from "./batch_norm_parameters.wgsl" with { type: "text" };
import residualSumsSource from "./batch_norm_residual_sums.wgsl" with { type: "text" };
import sumsSource from "./batch_norm_sums.wgsl" with { type: "text" };
import momentsSource from "./moments.wgsl" with { type: "text" };

/** This follows the norm in the same kernels. */
export type NormActivation = Extract<Activation, "none" | "relu" | "relu6">;

/** x is [outer, channels, inner]. */
export interface BatchNormShape extends Reduction {
  /** Whose mean and variance normalise. */
  readonly statistics: "batch" | "running";
  readonly activation: NormActivation;
  /** Whether a tensor of x's shape is added before the activation. */
  readonly residual: "none" | "add";
}

export interface StatisticsOptions {
  readonly epsilon: number;
  /** The new batch has this share in the running statistics; 1 replaces them. */
  readonly blend: number;
}

export interface BatchNormPlan {
  /** Finds the moments of the batch's slices, where `normalise` doesn't find them. The bindings are x and scratch. */
  readonly moments?: Plan;
  /** Its bindings are x, γ, β, residual (or x), scratch, running mean, running variance and y. */
  readonly normalise: Plan;
  /** The gradients read the floats that are then in the scratch buffer, so many. */
  readonly scratch: number;
}

/** Computes y = act((x − mean)·γ/σ + β + residual), and the running statistics' update where the batch's are used. */
export function planBatchNorm(shape: BatchNormShape, options: StatisticsOptions, tuning: Tuning): BatchNormPlan {
  const { channels, outer, inner, statistics, activation, residual } = shape;
  const elements = outer * inner;
  const [epsilon, blend] = [f32bits(options.epsilon), f32bits(options.blend)];
  const scratch = 2 * (sumsPerChannel(shape, tuning.profile) + 2) * channels;
  if (fitsWorkgroup(shape, tuning.profile)) {
    const { program, uniforms, grid } = whole(wholeChannels[residual][activation], shape);
    return { normalise: { program, uniforms: [...uniforms, elements, epsilon, blend], grid }, scratch };
  }
  const slices = statistics === "batch" ? statisticsSlices(shape, tuning.profile) : 0;
  const { program, ...map } = mapped(normalise[statistics][residual][activation], shape, tuning.profile);
  const { width, perSlice, uniforms } = sliced(shape, Math.max(1, slices), RUN);
  return {
    moments: slices > 0
      ? { program: chooseWidth(moments, inner).program, uniforms, grid: [channels, slices, 1] }
      : undefined,
    normalise: {
      program,
      uniforms: [...map.uniforms, slices, elements, perSlice * width, epsilon, blend],
      grid: map.grid,
    },
    scratch,
  };
}

/** What a channel has in scratch before its statistics. */
function sumsPerChannel(shape: BatchNormShape, profile: DeviceProfile): number {
  if (shape.statistics === "running") return 0;
  return fitsWorkgroup(shape, profile) ? WHOLE : statisticsSlices(shape, profile);
}

export interface BatchNormGradPlan {
  /**
   * Computes everything, where a workgroup can. Its bindings are x, dy, scratch, dγ, dβ and dx. Without it, or without a
   * need for dx, there are two dispatches.
   */
  readonly whole?: Plan;
  /**
   * Its bindings are x, dy, scratch and partials; where a residual was added and an activation applied x, dy, scratch,
   * y, a second gradient of y (or x), the residual's gradient and partials.
   */
  readonly sums: Plan;
  /** Computes dγ and dβ too. Its bindings are x, dy (or the residual's gradient), scratch, partials, dγ, dβ and dx. */
  readonly gradient: Plan;
  /** Computes dγ and dβ alone, for an x that needs no gradient. The bindings are partials, dγ and dβ. */
  readonly parameters: Plan;
  /** Floats of `partials`. */
  readonly partials: number;
}

/** Computes dx, through the statistics too where they are the batch's, dγ, dβ and the residual's gradient. */
export function planBatchNormGrad(
  shape: BatchNormShape,
  gradients: "one" | "two",
  tuning: Tuning,
): BatchNormGradPlan {
  const { outer, channels, inner, statistics, activation, residual } = shape;
  const slices = statisticsSlices(shape, tuning.profile);
  const first = sumsPerChannel(shape, tuning.profile) * channels;
  const share = f32bits(1 / (outer * inner));
  // Behind a residual the sums have taken the activation back.
  const masked = residual === "add" && activation !== "none";
  const programs = masked ? residualSums[gradients][activation] : sums[activation];
  const { uniforms } = sliced(shape, slices, RUN);
  const { program, ...map } = mapped(gradient[statistics][masked ? "none" : activation], shape, tuning.profile);
  const one = fitsWorkgroup(shape, tuning.profile) && !masked ? whole(wholeGradients[activation], shape) : undefined;
  return {
    whole: one && { ...one, uniforms: [...one.uniforms, share] },
    sums: {
      program: chooseWidth(programs, inner).program,
      uniforms: [...uniforms, first],
      grid: [channels, slices, 1],
    },
    gradient: {
      program,
      uniforms: [...map.uniforms, first, slices, share],
      grid: map.grid,
    },
    parameters: planParameterSums(channels, slices),
    partials: 2 * slices * channels,
  };
}

/** Computes dγ and dβ from partial sums [slices, channels] of (Σ dy, Σ dy·x̂). The bindings are partials, dγ and dβ. */
export function planParameterSums(channels: number, slices: number): Plan {
  return { program: parameters, uniforms: [channels, slices], grid: [Math.ceil(channels / THREADS), 1, 1] };
}

export function variants(): Program[] {
  const all = [
    moments,
    ...[wholeChannels.none, wholeChannels.add, wholeGradients].flatMap((programs) => Object.values(programs)),
    ...[normalise.batch, normalise.running].flatMap(({ none, add }) => [none, add]).flatMap(Object.values),
    ...Object.values(sums),
    ...[residualSums.one, residualSums.two].flatMap(Object.values),
    ...[gradient.batch, gradient.running].flatMap(Object.values),
  ] as VectorPrograms[];
  return [...all.flatMap(bothWidths), parameters];
}

const THREADS = 64;
/** So many neighbours stride through a run of a slice together where a channel's slice is summed. */
const RUN = 8;
/** Threads that share a channel where a workgroup does all of it. */
const WHOLE = 256;
/** So many workgroups are enough to do longer channels alone. */
const MANY_CHANNELS = 32;
const LEAST_PER_SLICE = 1024;
/** On a device that runs workgroups one after another on a few cores so many balance them. */
const FEW_GROUPS = 64;
/**
 * A thread makes at most so many items of a map: its other work, the channel's statistics, takes as long as a few, and what a
 * workgroup reads and writes stays in the nearest cache of a processor, which runs its threads one after another.
 */
const ITEMS_PER_THREAD = 8;

const moments: VectorPrograms = {
  four: { ...vectorPrograms("moments", momentsSource, ["read", "read_write"]).four, constants: { WIDTH: 4 } },
  one: { ...vectorPrograms("moments", momentsSource, ["read", "read_write"]).one, constants: { WIDTH: 1 } },
};
const normalise = byStatistics((BATCH) => ({
  none: activated("batch norm", source, [4, 4], { BATCH, RESIDUAL: 0 }),
  add: activated("batch norm and residual", source, [4, 4], { BATCH, RESIDUAL: 1 }),
}));
const wholeChannels = {
  none: activated("batch norm of channels", channelSource, [4, 4], { RESIDUAL: 0 }),
  add: activated("batch norm of channels and residual", channelSource, [4, 4], { RESIDUAL: 1 }),
};
const wholeGradients = activated("batch norm gradient of channels", channelGradSource, [2, 4], {});
const sums = activated("batch norm sums", sumsSource, [3, 1], {});
const residualSums = {
  one: activated("batch norm and residual sums", residualSumsSource, [5, 2], { MORE: 0 }),
  two: activated("batch norm and residual sums", residualSumsSource, [5, 2], { MORE: 1 }),
};
const gradient = byStatistics((BATCH) => activated("batch norm gradient", gradSource, [4, 3], { BATCH }));
const parameters: Program = {
  name: "batch norm parameters",
  source: parametersSource,
  access: ["read", "read_write", "read_write"],
};

function byStatistics<T>(make: (BATCH: 0 | 1) => T): Record<BatchNormShape["statistics"], T> {
  return { batch: make(1), running: make(0) };
}

/** Makes programs that read and write so many buffers. */
function activated(
  name: string,
  text: string,
  [read, written]: readonly [number, number],
  constants: Record<string, number>,
): Record<NormActivation, VectorPrograms> {
  const access = [...Array<"read">(read).fill("read"), ...Array<"read_write">(written).fill("read_write")];
  return {
    none: vectorPrograms(name, text, access, { ...constants, ACTIVATION: 0 }),
    relu: vectorPrograms(name, text, access, { ...constants, ACTIVATION: 1 }),
    relu6: vectorPrograms(name, text, access, { ...constants, ACTIVATION: 2 }),
  };
}

/**
 * Whether a workgroup of 256 threads can do a channel alone: then one dispatch is enough for the batch's statistics. A
 * device that runs a workgroup's threads one after another, and saves them at barriers, takes longer that way.
 */
function fitsWorkgroup({ outer, channels, inner, statistics }: BatchNormShape, { cores }: DeviceProfile): boolean {
  const items = outer * inner / (inner % 4 === 0 ? 4 : 1);
  return !cores && statistics === "batch" && items <= (channels < MANY_CHANNELS ? 2 : 8) * WHOLE;
}

/** Each channel has a workgroup. */
function whole(programs: VectorPrograms, { outer, channels, inner }: Reduction): Plan {
  const { program, width } = chooseWidth(programs, inner);
  const row = inner / width;
  return {
    program,
    uniforms: [channels, row, outer * row, Math.floor(WHOLE / row), WHOLE % row],
    grid: [channels, 1, 1],
  };
}

/** Says into how many slices a channel's sums are cut: as many as keep the device busy, none of them short. */
function statisticsSlices({ outer, channels, inner }: Reduction, { waves = FEW_GROUPS }: DeviceProfile): number {
  const groups = Math.max(FEW_GROUPS, waves);
  const wanted = Math.ceil(groups / channels);
  const most = Math.floor(outer * inner / LEAST_PER_SLICE);
  const slices = Math.max(1, Math.min(wanted, most, FEW_GROUPS));
  const items = outer * inner / (inner % 4 === 0 ? 4 : 1);
  return Math.ceil(items / Math.ceil(items / slices));
}

/** Each channel and slice has a workgroup; `perSlice` counts items of `width` elements. */
function sliced({ outer, channels, inner }: Reduction, slices: number, stride: number) {
  const width = inner % 4 === 0 ? 4 : 1;
  const row = inner / width, items = outer * row;
  const perSlice = Math.ceil(items / slices);
  const uniforms = [channels, row, items, perSlice, Math.floor(stride / row), stride % row];
  return { width, perSlice, uniforms };
}

/** Each channel and part has a workgroup, which makes the part's items. */
function mapped(programs: VectorPrograms, over: Reduction, { waves = 1 }: DeviceProfile): Plan {
  const { program, width } = chooseWidth(programs, over.inner);
  const items = over.outer * over.inner / width;
  const perThread = Math.max(1, Math.min(ITEMS_PER_THREAD, Math.floor(items * over.channels / (THREADS * waves))));
  const { perSlice, uniforms } = sliced(over, Math.ceil(items / (THREADS * perThread)), THREADS);
  return { program, uniforms, grid: [over.channels, Math.ceil(items / perSlice), 1] };
}
