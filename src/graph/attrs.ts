/**
 * Typed access to the attributes of a node, with the semantics and defaults of ONNX (opset 17 and up).
 *
 * Each reader throws a UserError that names the node when an attribute has the wrong type, length or range.
 */

import type { Sampling } from "../../kernels/shape/bilinear.ts";
import { show, UserError } from "../errors.ts";
import type { Node, Shape } from "./types.ts";

export type Pair = readonly [number, number];
/** ONNX order: top, left, bottom, right. */
export type Pads = readonly [number, number, number, number];

export interface ConvAttrs {
  readonly strides: Pair;
  readonly pads: Pads;
  readonly dilations: Pair;
  readonly group: number;
}

/** 2-D convolution: strides 1, pads 0, dilations 1 and group 1 unless told. */
export function convAttrs(node: Node): ConvAttrs {
  return {
    strides: pair(node, "strides", [1, 1], 1),
    pads: pads(node),
    dilations: pair(node, "dilations", [1, 1], 1),
    group: integer(node, "group", 1, 1),
  };
}

export interface ConvTransposeAttrs extends ConvAttrs {
  /** Lines and columns more at the end, fewer than the stride: of several sizes that a convolution would make one, which. */
  readonly outputPadding: Pair;
}

/** The transpose of a 2-D convolution, of which the attributes are. */
export function convTransposeAttrs(node: Node): ConvTransposeAttrs {
  const base = convAttrs(node);
  const outputPadding = pair(node, "output_padding", [0, 0], 0);
  if (outputPadding.some((more, axis) => more >= base.strides[axis])) {
    throw nodeError(node, `output_padding [${outputPadding}] has to be smaller than the strides [${base.strides}]`);
  }
  return { ...base, outputPadding };
}

export interface ColumnConvAttrs extends ConvAttrs {
  readonly kernel: Pair;
  /** Kept columns of the GEMM matrix, c·KH·KW + kh·KW + kw, ascending. */
  readonly taps: readonly number[];
}

/** A convolution that kept only some columns of its GEMM matrix; group is 1. */
export function columnConvAttrs(node: Node): ColumnConvAttrs {
  const base = convAttrs(node);
  if (base.group !== 1) throw nodeError(node, `group ${base.group} isn't supported, expected 1`);
  const taps = indices(node, "taps");
  if (taps.some((tap, i) => i > 0 && tap <= taps[i - 1])) throw nodeError(node, "taps must ascend without repeats");
  return { ...base, kernel: pair(node, "kernel_shape", [1, 1], 1), taps };
}

export interface RegionConvAttrs extends ConvAttrs {
  /** The region of each row and of each column of the output. */
  readonly rows: readonly number[];
  readonly cols: readonly number[];
}

/** A convolution whose weight depends on the region in which an output pixel lies. */
export function regionConvAttrs(node: Node): RegionConvAttrs {
  return { ...convAttrs(node), ...borderBiasAttrs(node) };
}

/** Our Gemm is y = x·wᵀ + b, ONNX's with transB = 1; other settings are refused, not ignored. */
export function gemmAttrs(node: Node): void {
  const only = { transA: 0, transB: 1, alpha: 1, beta: 1 };
  for (const [key, expected] of Object.entries(only)) {
    const value = number(node, key, expected);
    if (value !== expected) throw nodeError(node, `${key} ${value} isn't supported, expected ${expected}`);
  }
}

/** running = running · momentum + batch · (1 − momentum). */
export function batchNormAttrs(node: Node): { readonly epsilon: number; readonly momentum: number } {
  return { epsilon: number(node, "epsilon", 1e-5), momentum: number(node, "momentum", 0.9) };
}

/** Over the last axis. */
export function layerNormAttrs(node: Node): { readonly epsilon: number } {
  lastAxis(node);
  return { epsilon: number(node, "epsilon", 1e-5) };
}

export function groupNormAttrs(node: Node): { readonly epsilon: number; readonly groups: number } {
  return { epsilon: number(node, "epsilon", 1e-5), groups: integer(node, "num_groups", 0, 1) };
}

/** LayerNormalization and Softmax work along the last axis only. */
export function lastAxis(node: Node): -1 {
  const axis = number(node, "axis", -1);
  if (axis !== -1) throw nodeError(node, `axis ${axis} isn't supported, expected -1`);
  return -1;
}

/** y = softmax(scale · q·kᵀ)·v; the default is 1/√D. */
export function attentionAttrs(node: Node, depth: number): { readonly scale: number } {
  return { scale: number(node, "scale", 1 / Math.sqrt(depth)) };
}

/** Axis i of the output is axis perm[i] of the input; the batch stays first. */
export function transposeAttrs(node: Node, rank: number): { readonly perm: readonly number[] } {
  const perm = integers(node, "perm");
  if (perm.length !== rank || perm.toSorted((a, b) => a - b).some((axis, i) => axis !== i)) {
    throw nodeError(node, `perm [${perm}] isn't an order of ${rank} axes`);
  }
  if (perm[0] !== 0) throw nodeError(node, `perm [${perm}] moves the batch axis, which stands first`);
  return { perm };
}

/** An absent bound is infinite. */
export function clipAttrs(node: Node): { readonly min: number; readonly max: number } {
  return { min: number(node, "min", -Infinity), max: number(node, "max", Infinity) };
}

/** "none" is x·Φ(x) by the error function, "tanh" its usual approximation. */
export function geluAttrs(node: Node): { readonly approximate: "none" | "tanh" } {
  return { approximate: choice(node, "approximate", ["none", "tanh"]) };
}

export interface PoolAttrs {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly pads: Pads;
  /** Average pooling divides by the whole window, padding included. */
  readonly countIncludePad: boolean;
}

/** Max and average pooling: strides default to 1 as in ONNX, not to the kernel. */
export function poolAttrs(node: Node): PoolAttrs {
  const kernel = pair(node, "kernel_shape", undefined, 1);
  const padding = pads(node);
  if (number(node, "ceil_mode", 0) !== 0) throw nodeError(node, "ceil_mode 1 isn't supported, expected 0");
  if (pair(node, "dilations", [1, 1], 1).some((d) => d !== 1)) throw nodeError(node, "dilated pooling isn't supported");
  if (padding.some((pad, i) => pad >= kernel[i % 2])) {
    throw nodeError(node, `pads [${padding}] must be smaller than the kernel [${kernel}]`);
  }
  return {
    kernel,
    strides: pair(node, "strides", [1, 1], 1),
    pads: padding,
    countIncludePad: number(node, "count_include_pad", 0) !== 0,
  };
}

/**
 * Pads with which a pooling makes what it makes of `size` [height, width] with ceil_mode 1: the last windows reach beyond
 * the end, but none begins there (PyTorch; ONNX since opset 22). What is padded must not count in an average.
 */
export function ceilPads(
  size: Pair,
  { kernel, strides, pads }: Pick<PoolAttrs, "kernel" | "strides" | "pads">,
): Pads {
  const end = ([0, 1] as const).map((axis) => {
    const begun = size[axis] + pads[axis];
    const padded = begun + pads[axis + 2];
    const steps = Math.ceil((padded - kernel[axis]) / strides[axis]);
    const last = steps * strides[axis] < begun ? steps : steps - 1;
    return Math.max(padded, last * strides[axis] + kernel[axis]) - begun;
  });
  return [pads[0], pads[1], end[0], end[1]];
}

/** A sum, a mean or a maximum over neighbouring axes, none of them the batch; `keepdims` leaves them with size 1. */
export function reductionAttrs(
  node: Node,
  rank: number,
): { readonly axes: readonly number[]; readonly keepdims: "keep" | "drop" } {
  const axes = integers(node, "axes");
  const inside = axes.length > 0 && axes[0] >= 1 && axes[axes.length - 1] < rank;
  if (!inside || axes.some((axis, i) => i > 0 && axis !== axes[i - 1] + 1)) {
    throw nodeError(node, `axes [${axes}] aren't neighbouring axes of rank ${rank}, ascending, without the batch`);
  }
  return { axes, keepdims: number(node, "keepdims", 1) === 0 ? "drop" : "keep" };
}

/**
 * "nearest": every pixel becomes a block of `scales` [rows, columns], y[n,c,i,j] = x[n,c,⌊i/fh⌋,⌊j/fw⌋]. "linear": output line
 * i lies at start + i · step in the input, along rows and columns.
 */
export type ResizeAttrs =
  | { readonly mode: "nearest"; readonly scales: Pair }
  | { readonly mode: "linear"; readonly rows: Sampling; readonly columns: Sampling };

/**
 * Of an image of this height and width. "linear" takes `scales` (whose numbers count as float32, as in a file) or `sizes`, and
 * ONNX's coordinates "half_pixel" (the default) or "align_corners".
 */
export function resizeAttrs(node: Node, height: number, width: number): ResizeAttrs {
  const mode = choice(node, "mode", ["nearest", "linear"]);
  if (mode === "nearest") {
    for (const key of ["sizes", "coordinate_transformation_mode"]) {
      if (node.attrs[key] !== undefined) throw nodeError(node, `${key} goes with mode "linear" only`);
    }
    return { mode, scales: pair(node, "scales", undefined, 1) };
  }
  const coordinates = choice(node, "coordinate_transformation_mode", ["half_pixel", "align_corners"]);
  const { scales, sizes } = node.attrs;
  if ((scales === undefined) === (sizes === undefined)) throw nodeError(node, "expected either scales or sizes");
  const given = sizes === undefined ? positive(node, "scales").map(Math.fround) : pair(node, "sizes", undefined, 1);
  const sampling = (from: number, axis: 0 | 1): Sampling => {
    // As runtimes do: in float32.
    const to = sizes === undefined ? Math.floor(Math.fround(from * given[axis])) : given[axis];
    if (to < 1) throw nodeError(node, `scale ${given[axis]} leaves nothing of ${from} lines`);
    if (coordinates === "align_corners") return { from, to, start: 0, step: to > 1 ? (from - 1) / (to - 1) : 0 };
    const step = sizes === undefined ? 1 / given[axis] : from / to;
    return { from, to, start: 0.5 * step - 0.5, step };
  };
  return { mode, rows: sampling(height, 0), columns: sampling(width, 1) };
}

/**
 * Blocks of `block` × `block` pixels out of as many channels. "DCR": pixel (i, j) of a block comes from channel
 * (i · block + j) · C + c of b² · C, "CRD" (PyTorch's pixel shuffle): from channel c · b² + i · block + j.
 */
export function depthToSpaceAttrs(node: Node): { readonly block: number; readonly mode: "DCR" | "CRD" } {
  return { block: integer(node, "blocksize", 0, 1), mode: choice(node, "mode", ["DCR", "CRD"]) };
}

/** Flatten, Concat and Gather work along axis 1 only; `fallback` is ONNX's axis where the node has none. */
export function channelAxis(node: Node, fallback = 1): 1 {
  const axis = number(node, "axis", fallback);
  if (axis !== 1) throw nodeError(node, `axis ${axis} isn't supported, expected 1`);
  return 1;
}

/** The wanted shape as ONNX writes it: 0 copies the input's dimension, one −1 is inferred; the batch stands first. */
export function reshapeAttrs(node: Node): { readonly shape: readonly number[] } {
  const shape = integers(node, "shape");
  if (shape.length === 0 || shape.some((d) => d < -1)) throw nodeError(node, `shape [${shape}] isn't valid`);
  if (shape.filter((d) => d === -1).length > 1) throw nodeError(node, `shape [${shape}] has more than one -1`);
  return { shape };
}

/** One axis of a Slice, resolved: elements start, start + step, … (count of them). */
export interface SliceRange {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** Per axis of `shape` what a Slice keeps, null where it keeps the axis whole. The batch (axis 0) can't be sliced. */
export function sliceAttrs(node: Node, shape: Shape): readonly (SliceRange | null)[] {
  const starts = integers(node, "starts");
  const ends = integers(node, "ends");
  const axes = integers(node, "axes", starts.map((_, i) => i));
  const steps = integers(node, "steps", starts.map(() => 1));
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
    throw nodeError(node, "axes, starts, ends and steps differ in length");
  }
  const ranges: (SliceRange | null)[] = shape.map(() => null);
  axes.forEach((given, i) => {
    const axis = given < 0 ? given + shape.length : given;
    if (axis < 1 || axis >= shape.length) {
      throw nodeError(node, `axis ${given} isn't supported on a value of rank ${shape.length}`);
    }
    if (ranges[axis] !== null) throw nodeError(node, `axis ${axis} stands twice in axes`);
    if (steps[i] < 1) throw nodeError(node, `step ${steps[i]} isn't supported, expected 1 or more`);
    const size = shape[axis] as number;
    const clamp = (v: number) => Math.min(Math.max(v < 0 ? v + size : v, 0), size);
    const start = clamp(starts[i]);
    const count = Math.ceil((clamp(ends[i]) - start) / steps[i]);
    if (count < 1) throw nodeError(node, `keeps nothing of axis ${axis} (start ${starts[i]}, end ${ends[i]})`);
    ranges[axis] = { start, step: steps[i], count };
  });
  return ranges;
}

/** Zeros before and after each axis of a value of this rank. */
export function padAttrs(
  node: Node,
  rank: number,
): { readonly begins: readonly number[]; readonly ends: readonly number[] } {
  const mode = node.attrs.mode ?? "constant";
  const value = number(node, "value", 0);
  if (mode !== "constant" || value !== 0) {
    throw nodeError(node, `only constant zeros are supported, got ${mode} ${value}`);
  }
  const all = integers(node, "pads");
  if (all.length !== 2 * rank) throw nodeError(node, `pads has ${all.length} entries, expected ${2 * rank}`);
  if (all.some((p) => p < 0)) throw nodeError(node, `pads [${all}] must not be negative`);
  if (all[0] !== 0 || all[rank] !== 0) throw nodeError(node, "the batch axis can't be padded");
  return { begins: all.slice(0, rank), ends: all.slice(rank) };
}

/** Constant indices along axis 1. */
export function gatherAttrs(node: Node): { readonly indices: readonly number[] } {
  channelAxis(node, 0);
  return { indices: indices(node, "indices") };
}

export function dropoutAttrs(node: Node): { readonly ratio: number } {
  const ratio = number(node, "ratio", 0.5);
  if (ratio < 0 || ratio >= 1) throw nodeError(node, `ratio ${ratio} isn't in [0, 1)`);
  return { ratio };
}

/** y[n,f,i,j] = x[n,f,i,j] + table[f, rows[i], cols[j]] (docs/pipeline.md). */
export function borderBiasAttrs(node: Node): { readonly rows: readonly number[]; readonly cols: readonly number[] } {
  return { rows: indices(node, "rows"), cols: indices(node, "cols") };
}

/** An error that says which node it is about: `Conv "layer1.0.conv1": …`. */
export function nodeError(node: Pick<Node, "op" | "name">, message: string): UserError {
  return new UserError(`${node.op} "${node.name}": ${message}`);
}

/** Attributes that are numbers, each with its default. */
export function numberAttrs<A extends Readonly<Record<string, number>>>(node: Node, defaults: A): A {
  return Object.fromEntries(Object.entries(defaults).map(([key, value]) => [key, number(node, key, value)])) as A;
}

function number(node: Node, key: string, fallback: number): number {
  const value = node.attrs[key] ?? fallback;
  // Only a bound that is infinite where it isn't given may be infinite.
  if (typeof value !== "number" || Number.isNaN(value) || (!Number.isFinite(value) && Number.isFinite(fallback))) {
    throw nodeError(node, `${key} is ${show(value)}, expected a number`);
  }
  return value;
}

function integer(node: Node, key: string, fallback: number, least: number): number {
  const value = number(node, key, fallback);
  if (!Number.isInteger(value) || value < least) {
    throw nodeError(node, `${key} is ${value}, expected an integer of at least ${least}`);
  }
  return value;
}

function integers(node: Node, key: string, fallback?: readonly number[]): readonly number[] {
  const value = node.attrs[key] ?? fallback;
  if (value === undefined) throw nodeError(node, `${key} is missing`);
  if (!Array.isArray(value) || !value.every(Number.isInteger)) {
    throw nodeError(node, `${key} is ${show(value)}, expected a list of integers`);
  }
  return value;
}

function choice<T extends string>(node: Node, key: string, known: readonly [T, ...T[]]): T {
  const value = node.attrs[key] ?? known[0];
  const found = known.find((name) => name === value);
  if (!found) {
    throw nodeError(
      node,
      `${key} is ${show(value)}, expected ${known.map((name) => `"${name}"`).join(" or ")}`,
    );
  }
  return found;
}

/** Two numbers above 0. */
function positive(node: Node, key: string): readonly number[] {
  const value = node.attrs[key];
  if (
    !Array.isArray(value) || value.length !== 2 || !value.every((v) => typeof v === "number" && v > 0 && v < Infinity)
  ) {
    throw nodeError(node, `${key} is ${show(value)}, expected two positive numbers`);
  }
  return value;
}

function indices(node: Node, key: string): readonly number[] {
  const list = integers(node, key);
  if (list.length === 0) throw nodeError(node, `${key} is empty`);
  if (list.some((i) => i < 0)) throw nodeError(node, `${key} has a negative entry`);
  return list;
}

function pair(node: Node, key: string, fallback: Pair | undefined, least: number): Pair {
  const list = integers(node, key, fallback);
  if (list.length !== 2 || list.some((v) => v < least)) {
    throw nodeError(node, `${key} is [${list}], expected two integers of at least ${least}`);
  }
  return [list[0], list[1]];
}

function pads(node: Node): Pads {
  const list = integers(node, "pads", [0, 0, 0, 0]);
  if (list.length !== 4 || list.some((v) => v < 0)) {
    throw nodeError(node, `pads is [${list}], expected [top, left, bottom, right], none negative`);
  }
  return [list[0], list[1], list[2], list[3]];
}
