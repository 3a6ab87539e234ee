/** What looks at a pass: each adds what it sees of a batch to its sums. */
import type { Gpu } from "../../gpu/gpu.ts";
import { UserError } from "../../errors.ts";
import { opOf } from "../../graph/ops/ops.ts";
import type { Graph, Node } from "../../graph/types.ts";
import { addPatchMoments, type PatchShape } from "../../tensor/ops/patch_moments.ts";
import { abs, hardSigmoid } from "../../tensor/ops/pointwise.ts";
import { Tape } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Step } from "../types.ts";
import { channelSums, type ChannelView, channelView, sampleSums, withProduct } from "./channel_sums.ts";
import type { Sum, Sums } from "./evidence_sums.ts";
import {
  type ChannelStatistics,
  type FeatureMaps,
  type GradientStatistics,
  type MagnitudeStatistics,
  MAPPED_IMAGES,
  type ParameterGradients,
  type SecondMoments,
  type ValueChannels,
} from "./evidence.ts";

/** A part of the evidence in the making. */
export interface Observer<Result> {
  /** The value that it looks at, when the forward pass has made it. */
  readonly value?: string;
  made?(value: Tensor, step: Step): void;
  /** Before the forward pass. */
  opened?(step: Step): void;
  /** When gradients are there. */
  differentiated?(step: Step): void;
  /** Of the sums up to their last flush. */
  result(samples: number, batches: number): Result;
}

/** Of a batch's loss, which is a mean, to the samples' own. */
const ownLoss = (step: Step) => step.count;

export function observeActivations(
  gpu: Gpu,
  sums: Sums,
  { value, axis = 1 }: ValueChannels,
): Observer<ChannelStatistics> {
  let first: Sum | undefined, second: Sum | undefined;
  let count = 0;
  return {
    value,
    made(x) {
      const view = viewOf(x, value, axis);
      first ??= sums.open(`Σ ${value}`, [view.channels]);
      second ??= sums.open(`Σ² ${value}`, [view.channels]);
      addSums(gpu, x, view, first);
      withProduct(gpu, x, x, (square) => addSums(gpu, square, view, second!));
      count += x.size / view.channels;
    },
    result: () => ({
      count,
      mean: divided(sums.total(`Σ ${value}`), count),
      meanSquare: divided(sums.total(`Σ² ${value}`), count),
    }),
  };
}

export function observeMagnitudes(
  gpu: Gpu,
  sums: Sums,
  { value, axis = 1 }: ValueChannels,
): Observer<MagnitudeStatistics> {
  const names = { magnitude: `|${value}|`, positive: `${value} > 0` };
  let open: Record<keyof typeof names, Sum> | undefined;
  let count = 0;
  return {
    value,
    made(x) {
      const view = viewOf(x, value, axis);
      const sum = (name: string) => sums.open(name, [view.channels]);
      open ??= { magnitude: sum(names.magnitude), positive: sum(names.positive) };
      using tape = new Tape(gpu, "eval");
      addSums(gpu, abs(tape, x), view, open.magnitude);
      // So steep that whatever is above 0 is 1.
      addSums(gpu, hardSigmoid(tape, x, STEEP, 0), view, open.positive);
      count += x.size / view.channels;
    },
    result: () => ({
      meanAbs: divided(sums.total(names.magnitude), count),
      positive: divided(sums.total(names.positive), count),
    }),
  };
}

export function observeMaps(sums: Sums, value: string): Observer<FeatureMaps> {
  const names: string[] = [];
  let channels: readonly number[] = [];
  let images = 0;
  return {
    value,
    made(x) {
      if (x.shape.length !== 4) {
        throw new UserError(`evidence: value "${value}" is [${x.shape}], and maps are of images [N, C, H, W]`);
      }
      if (images >= MAPPED_IMAGES) return;
      channels = x.shape.slice(1);
      names.push(`maps ${names.length} ${value}`);
      sums.open(names[names.length - 1], x.shape).add(x);
      images += x.shape[0];
    },
    result: () => {
      const count = Math.min(images, MAPPED_IMAGES);
      const data = new Float64Array(count * channels.reduce((product, n) => product * n, 1));
      let at = 0;
      for (const name of names) {
        const part = sums.total(name).subarray(0, data.length - at);
        data.set(part, at);
        at += part.length;
      }
      return { shape: [count, ...channels], data };
    },
  };
}

/** Brings the smallest normal number to 1. */
const STEEP = 2 ** 126;

export function observeGradients(
  gpu: Gpu,
  sums: Sums,
  { value, axis = 1 }: ValueChannels,
): Observer<GradientStatistics> {
  const names = { square: `g² ${value}`, first: `x·g ${value}`, taylor: `(x·g)² ${value}` };
  let seen: Tensor | undefined;
  let open: Record<keyof typeof names, Sum> | undefined;
  let count = 0;
  return {
    value,
    made(x, { tape }) {
      seen = x;
      tape.watch(x);
    },
    differentiated(step) {
      const x = seen!, g = step.tape.gradient(x);
      const view = viewOf(x, value, axis);
      const { channels, samples } = view;
      const sum = (name: string) => sums.open(name, [channels]);
      open ??= { square: sum(names.square), first: sum(names.first), taylor: sum(names.taylor) };
      count += x.size / channels;
      // The loss may not depend on it: then its gradient is 0.
      if (!g) return;
      withProduct(gpu, g, g, (square) => addSums(gpu, square, view, open!.square, ownLoss(step) ** 2));
      withProduct(gpu, x, g, (product) => {
        using perSample = sampleSums(gpu, product, view, ownLoss(step));
        const rows: ChannelView = { samples, before: 1, channels, after: 1 };
        addSums(gpu, perSample, rows, open!.first);
        withProduct(gpu, perSample, perSample, (square) => addSums(gpu, square, rows, open!.taylor));
      });
    },
    result: (samples) => ({
      samples,
      meanSquare: divided(sums.total(names.square), count),
      firstOrder: divided(sums.total(names.first), samples),
      taylor: divided(sums.total(names.taylor), samples),
    }),
  };
}

export function observeParameter(gpu: Gpu, sums: Sums, graph: Graph, name: string): Observer<ParameterGradients> {
  const spec = graph.params[name];
  if (!spec) {
    throw new UserError(
      `evidence: graph "${graph.name}" has no parameter "${name}": it has ${Object.keys(graph.params).join(", ")}`,
    );
  }
  const mean = sums.open(`∂ ${name}`, spec.shape), square = sums.open(`∂² ${name}`, spec.shape);
  return {
    opened({ tape, params }) {
      const parameter = params.get(name)!;
      if (!tape.needs(parameter)) tape.watch(parameter);
    },
    differentiated({ tape, params, count }) {
      const gradient = tape.gradient(params.get(name)!);
      if (!gradient) return;
      mean.add(gradient, count);
      withProduct(gpu, gradient, gradient, (product) => square.add(product));
    },
    result: (samples, batches) => ({
      mean: divided(sums.total(`∂ ${name}`), samples),
      meanSquare: divided(sums.total(`∂² ${name}`), batches),
    }),
  };
}

export function observeCovariance(gpu: Gpu, sums: Sums, { value, axis = 1 }: ValueChannels): Observer<SecondMoments> {
  const name = `XᵀX ${value}`;
  let open: Sum | undefined;
  return {
    value,
    made(x) {
      const { samples, before, channels, after } = viewOf(x, value, axis);
      // Channels last are rows of a matrix; else an image whose pixels are its rows.
      const [batch, width] = [samples * before, after];
      open ??= sums.open(name, [channels + 1, channels + 1]);
      addMoments(gpu, x, { ...POINTS, batch, channels, height: 1, width }, open, 0, channels);
    },
    result: () => momentsOf(sums, name),
  };
}

/** @throws UserError where the node isn't a layer that reads all taps of its input's channels */
export function observePatches(gpu: Gpu, sums: Sums, graph: Graph, node: Node): Observer<readonly SecondMoments[]> {
  const { inference } = opOf(node);
  const [value, weight] = node.inputs;
  if (inference.kind !== "layer") {
    throw new UserError(`evidence: ${node.op} "${node.name}" is no layer, so it sees no patches`);
  }
  let open: Sum[] | undefined;
  return {
    value,
    made(x) {
      const problem = inference.layer(node, x.shape, graph.params[weight].shape);
      if (problem.kind === "conv" && problem.conv.taps) {
        throw new UserError(
          `evidence: ${node.op} "${node.name}" reads single taps: take its moments before columns are removed`,
        );
      }
      const { groups, ...shape }: PatchShape & { groups: number } = problem.kind === "conv"
        ? problem.conv
        : { ...POINTS, batch: problem.m, channels: problem.k, height: 1, width: 1, groups: 1 };
      const channels = shape.channels / groups, columns = channels * shape.kernel[0] * shape.kernel[1] + 1;
      open ??= Array.from({ length: groups }, (_, group) => sums.open(patchName(node, group), [columns, columns]));
      open.forEach((sum, group) => addMoments(gpu, x, shape, sum, group * channels, channels));
    },
    result: () => open!.map((_, group) => momentsOf(sums, patchName(node, group))),
  };
}

/** Kernels of one tap: each position is a patch. */
const POINTS = { kernel: [1, 1], stride: [1, 1], pads: [0, 0, 0, 0], dilation: [1, 1] } as const;

function patchName({ name }: Node, group: number): string {
  return `patches ${name} ${group}`;
}

function addMoments(gpu: Gpu, x: Tensor, shape: PatchShape, sum: Sum, first: number, count: number): void {
  const { batch, channels, height, width } = shape;
  using image = x.view([batch, channels, height, width]);
  addPatchMoments(gpu, image, shape, sum.tensor, { first, count, ones: "column" });
  sum.touch();
}

function momentsOf(sums: Sums, name: string): SecondMoments {
  const total = sums.total(name);
  return { n: Math.sqrt(total.length), sums: total };
}

function addSums(gpu: Gpu, x: Tensor, view: ChannelView, sum: Sum, factor = 1): void {
  using part = channelSums(gpu, x, view, factor);
  sum.add(part);
}

function viewOf(x: Tensor, value: string, axis: number): ChannelView {
  if (axis >= 1 && axis < x.shape.length) return channelView(x.shape, axis);
  throw new UserError(`evidence: value "${value}" is [${x.shape}], so its channels can't stand along axis ${axis}`);
}

function divided(sums: Float64Array, by: number): Float64Array {
  return sums.map((sum) => sum / by);
}
