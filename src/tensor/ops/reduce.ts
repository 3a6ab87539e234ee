import { bindingWindows } from "../../../kernels/optim/plan.ts";
import { planFirstBeyond } from "../../../kernels/reduce/first_beyond.ts";
import { planCountCorrect, planMaxRows } from "../../../kernels/reduce/rows.ts";
import { planMaxMiddle, planMaxMiddleGrad } from "../../../kernels/reduce/max_middle.ts";
import { type MiddleReduction, planSpreadMiddle, planSumMiddle } from "../../../kernels/reduce/middle.ts";
import { planSpread } from "../../../kernels/reduce/spread.ts";
import { planSum, type Reduction } from "../../../kernels/reduce/sum.ts";
import { UserError } from "../../errors.ts";
import type { Gpu, Slice } from "../../gpu/gpu.ts";
import type { Tape } from "../tape.ts";
import { elements, partOf, Tensor } from "../tensor.ts";

/** Computes the sum of all elements, shape []. */
export function sum(tape: Tape, x: Tensor): Tensor {
  return reduce(tape, x, { outer: 1, channels: 1, inner: x.size }, [], 1);
}

/** Computes the mean of all elements, shape []. */
export function mean(tape: Tape, x: Tensor): Tensor {
  return reduce(tape, x, { outer: 1, channels: 1, inner: x.size }, [], 1 / x.size);
}

/** Computes the sum over neighbouring axes, which `keepdims` "keep" leaves with size 1. */
export function sumOver(tape: Tape, x: Tensor, axes: readonly number[], keepdims: "keep" | "drop"): Tensor {
  const over = reductionOver(x.shape, x.shape.map((_, axis) => axes.includes(axis)));
  if (!over) throw new UserError(`sum: axes [${axes}] of [${x.shape}] aren't neighbours`);
  return reduce(tape, x, over, reducedShape(x.shape, axes, keepdims), 1);
}

/** Computes the mean over neighbouring axes, which `keepdims` "keep" leaves with size 1. */
export function meanOver(tape: Tape, x: Tensor, axes: readonly number[], keepdims: "keep" | "drop"): Tensor {
  const over = reductionOver(x.shape, x.shape.map((_, axis) => axes.includes(axis)));
  if (!over) throw new UserError(`ReduceMean: axes [${axes}] of [${x.shape}] aren't neighbours`);
  const shape = reducedShape(x.shape, axes, keepdims);
  return reduce(tape, x, over, shape, elements(shape) / x.size);
}

/**
 * Gives the largest value over neighbouring axes, which `keepdims` "keep" leaves with size 1. Equal ones share the
 * gradient evenly, as with PyTorch's amax.
 */
export function maxOver(tape: Tape, x: Tensor, axes: readonly number[], keepdims: "keep" | "drop"): Tensor {
  const { gpu } = tape;
  const [first, last] = [axes[0], axes[axes.length - 1]];
  const over = {
    outer: elements(x.shape.slice(0, first)),
    middle: elements(x.shape.slice(first, last + 1)),
    inner: elements(x.shape.slice(last + 1)),
  };
  const y = tape.empty(reducedShape(x.shape, axes, keepdims));
  gpu.run(planMaxMiddle(over), [x, y], `[${x.shape}]`);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    gpu.run(planMaxMiddleGrad(over), [x, y, dy, dx], `[${x.shape}]`);
    tape.add(x, dx);
  });
  return y;
}

/** Sums x [N, C, …] over all but its channels, to [C]. */
export function sumChannels(tape: Tape, x: Tensor): Tensor {
  return reduce(tape, x, perChannel(x.shape), [x.shape[1]], 1);
}

/** Sums x [R…, L] over its last axis, to [R…]. */
export function sumRows(tape: Tape, x: Tensor): Tensor {
  const inner = x.shape[x.shape.length - 1];
  return reduce(tape, x, { outer: 1, channels: x.size / inner, inner }, x.shape.slice(0, -1), 1);
}

/** Gives the largest value along the last axis and the index where it first stands. It isn't differentiable. */
export function maxRows(tape: Tape, x: Tensor): { values: Tensor; indices: Tensor } {
  const length = x.shape[x.shape.length - 1];
  const shape = x.shape.slice(0, -1);
  const values = tape.empty(shape);
  const indices = tape.empty(shape, "u32");
  tape.gpu.run(planMaxRows(x.size / length, length), [x, values, indices], `[${x.shape}]`);
  return { values, indices };
}

/**
 * Adds to counter[slot] how many of the first `rows` rows of logits [N, K] have their (first) maximum at their label.
 */
export function countCorrect(
  gpu: Gpu,
  logits: Tensor,
  labels: Tensor,
  counter: Tensor,
  rows: number = logits.shape[0],
  slot = 0,
): void {
  gpu.run(planCountCorrect(rows, logits.shape[1], slot), [logits, labels, counter], `[${logits.shape}]`);
}

/**
 * Sets place u32 [1] ← 0 where every number of `x` has a magnitude below `limit`, else x's length − the index of the
 * first that is NaN, infinite or beyond. `x` may be an arena, larger than a binding.
 */
export function findBeyond(gpu: Gpu, x: Slice, limit: number, place: Tensor): void {
  const total = x.byteLength / 4;
  gpu.clear(place);
  for (const { first, elements } of bindingWindows(total, gpu.bindingBytes)) {
    gpu.run(
      planFirstBeyond({ first, elements, total, limit }),
      [partOf(x, first, elements), place],
      `${total} elements`,
    );
  }
}

/**
 * Computes out = factor · Σ x over all but the channels of [outer, channels, inner], or over the middle of [outer,
 * middle, inner].
 */
export function launchSum(
  gpu: Gpu,
  x: Tensor,
  over: Reduction | MiddleReduction,
  out: Tensor,
  factor = 1,
): void {
  if ("middle" in over) return gpu.run(planSumMiddle(over, factor), [x, out], `[${x.shape}] to [${out.shape}]`);
  const { stages, partials } = planSum(over, factor);
  const label = `[${x.shape}] to ${over.channels}`;
  if (stages.length === 1) return gpu.run(stages[0], [x, out], label);
  gpu.scope((track) => {
    const between = track(Tensor.empty(gpu, [partials]));
    gpu.run(stages[0], [x, between], label);
    gpu.run(stages[1], [between, out], label);
  });
}

/**
 * Gives the axes to sum as one reduction: neighbouring axes count as one, and of those either the ones summed or the
 * ones kept lie side by side. It gives undefined where they alternate more often.
 */
export function reductionOver(
  shape: readonly number[],
  summed: readonly boolean[],
): Reduction | MiddleReduction | undefined {
  const runs: { readonly sum: boolean; size: number }[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const last = runs[runs.length - 1];
    if (last?.sum === summed[axis]) last.size *= size;
    else runs.push({ sum: summed[axis], size });
  });
  const [first, second, third] = runs;
  if (runs.length === 3 && !first.sum) return { outer: first.size, middle: second.size, inner: third.size };
  if (runs.length > 3) return undefined;
  const kept = runs.findIndex(({ sum }) => !sum);
  const size = (run: number) => runs[run]?.size ?? 1;
  if (kept < 0) return { outer: 1, channels: 1, inner: size(0) };
  return { outer: kept === 0 ? 1 : size(0), channels: size(kept), inner: size(kept + 1) };
}

function reducedShape(
  shape: readonly number[],
  axes: readonly number[],
  keepdims: "keep" | "drop",
): readonly number[] {
  return keepdims === "keep"
    ? shape.map((d, axis) => axes.includes(axis) ? 1 : d)
    : shape.filter((_, axis) => !axes.includes(axis));
}

/** Describes x [N, C, …] as the sum over everything but channels sees it. */
export function perChannel(shape: readonly number[]): Reduction {
  const [outer, channels, ...rest] = shape;
  return { outer, channels, inner: elements(rest) };
}

function reduce(
  tape: Tape,
  x: Tensor,
  over: Reduction | MiddleReduction,
  shape: readonly number[],
  factor: number,
): Tensor {
  const y = tape.empty(shape);
  launchSum(tape.gpu, x, over, y, factor);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    const plan = "middle" in over ? planSpreadMiddle(over, factor) : planSpread(over, factor);
    tape.gpu.run(plan, [dy, dx], `[${x.shape}]`);
    tape.add(x, dx);
  });
  return y;
}
