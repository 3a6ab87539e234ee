/** Sums over the channels of a value, whatever axis they stand along. */
import type { Gpu } from "../../gpu/gpu.ts";
import { mul } from "../../tensor/ops/pointwise.ts";
import { launchSum } from "../../tensor/ops/reduce.ts";
import { Tape } from "../../tensor/tape.ts";
import { elements, Tensor } from "../../tensor/tensor.ts";

/** A value [N, before, C, after]: `before` and `after` are what stands on both sides of the channels. */
export interface ChannelView {
  readonly samples: number;
  readonly before: number;
  readonly channels: number;
  readonly after: number;
}

export function channelView(shape: readonly number[], axis: number): ChannelView {
  return {
    samples: shape[0],
    before: elements(shape.slice(1, axis)),
    channels: shape[axis],
    after: elements(shape.slice(axis + 1)),
  };
}

/** factor · Σ x over everything but the channels, [C]; the caller frees it. */
export function channelSums(gpu: Gpu, x: Tensor, view: ChannelView, factor = 1): Tensor {
  const { samples, before, channels, after } = view;
  const sums = Tensor.empty(gpu, [channels]);
  launchSum(gpu, x, { outer: samples * before, channels, inner: after }, sums, factor);
  return sums;
}

/** factor · Σ x over the positions of each sample, [N, C]; the caller frees it. */
export function sampleSums(gpu: Gpu, x: Tensor, view: ChannelView, factor = 1): Tensor {
  const { samples, before, channels, after } = view;
  const rows = Tensor.empty(gpu, [samples * before * channels]);
  launchSum(gpu, x, { outer: 1, channels: samples * before * channels, inner: after }, rows, factor);
  if (before === 1) return rows;
  const sums = Tensor.empty(gpu, [samples * channels]);
  launchSum(gpu, rows, { outer: samples, middle: before, inner: channels }, sums);
  rows.dispose();
  return sums;
}

/** Calls `use` with a·b, element by element, and frees it. */
export function withProduct(gpu: Gpu, a: Tensor, b: Tensor, use: (product: Tensor) => void): void {
  using tape = new Tape(gpu, "eval");
  use(mul(tape, a, b));
}
