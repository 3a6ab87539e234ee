import { invert, planGather, planGatherGrad } from "../../../kernels/shape/gather.ts";
import {
  type Four,
  type Placement,
  planAddSlice,
  planBlock,
  planEmbed,
  planSlice,
} from "../../../kernels/shape/shape.ts";
import { planTranspose } from "../../../kernels/shape/transpose.ts";
import { UserError } from "../../errors.ts";
import type { Tape } from "../tape.ts";
import { elements, Tensor } from "../tensor.ts";
import { launchSum } from "./reduce.ts";
import { constantTable } from "./tables.ts";

/** Gives the same elements under another shape, without a copy. */
export function reshape(tape: Tape, x: Tensor, shape: readonly number[]): Tensor {
  if (elements(shape) !== x.size) {
    throw new UserError(`Reshape: [${x.shape}] has ${x.size} elements, not those of [${shape}]`);
  }
  const y = tape.own(x.view(shape));
  tape.record([x], y, (dy) => tape.add(x, dy));
  return y;
}

/**
 * Axis i of the result is axis perm[i] of x. Neighbours that stay neighbours count as one axis, of which 5 may move.
 */
export function transpose(tape: Tape, x: Tensor, perm: readonly number[]): Tensor {
  const { gpu } = tape;
  if (perm.length !== x.shape.length || !x.shape.every((_, axis) => perm.includes(axis))) {
    throw new UserError(`Transpose: perm [${perm}] of [${x.shape}]; expected an order of its axes`);
  }
  const y = tape.empty(perm.map((axis) => x.shape[axis]));
  gpu.run(planTranspose(x.shape, perm), [x, y], `[${x.shape}] by [${perm}]`);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    const back = perm.map((_, axis) => perm.indexOf(axis));
    gpu.run(planTranspose(y.shape, back), [dy, dx], `[${y.shape}] by [${back}]`);
    tape.add(x, dx);
  });
  return y;
}

/**
 * Gives x [N, b²·C, H, W] as [N, C, b·H, b·W]: b² channels make the pixels of blocks. With "DCR" the block's pixel
 * counts before the channel, with "CRD" after it, as in PyTorch's pixel shuffle.
 */
export function depthToSpace(tape: Tape, x: Tensor, block: number, mode: "DCR" | "CRD"): Tensor {
  const [n, depth, h, w] = x.shape;
  const channels = depth / block ** 2;
  const [shape, perm] = mode === "DCR"
    ? [[n, block, block, channels, h, w], [0, 3, 4, 1, 5, 2]]
    : [[n, channels, block, block, h, w], [0, 1, 4, 2, 5, 3]];
  return reshape(tape, transpose(tape, reshape(tape, x, shape), perm), [n, channels, h * block, w * block]);
}

/** Joins inputs [N, C_k, …] along axis 1; the other axes agree. One of [1, C_k, …] stands in every sample. */
export function concat(tape: Tape, inputs: readonly Tensor[]): Tensor {
  const { gpu } = tape;
  const n = Math.max(...inputs.map(({ shape }) => shape[0]));
  const [, , ...rest] = inputs[0].shape;
  for (const { shape } of inputs) {
    const [m, , ...others] = shape;
    if ((m !== n && m !== 1) || others.length !== rest.length || others.some((size, i) => size !== rest[i])) {
      throw new UserError(`Concat: [${shape}] differs from [${inputs[0].shape}] outside axis 1`);
    }
  }
  const y = tape.empty([n, inputs.reduce((c, { shape }) => c + shape[1], 0), ...rest]);
  const stride = y.size / n;
  let first = 0;
  const blocks = inputs.map((x) => {
    const length = x.size / x.shape[0];
    const block = { x, length, part: { stride, first } };
    first += length;
    return block;
  });
  const label = `[${inputs.map(({ shape }) => `[${shape}]`)}]`;
  for (const { x, length, part } of blocks) {
    gpu.run(planBlock(n, length, { stride: x.shape[0] === n ? length : 0, first: 0 }, part), [x, y], label);
  }
  tape.record(inputs, y, (dy) => {
    for (const { x, length, part } of blocks) {
      if (!tape.needs(x)) continue;
      const dx = tape.target(x);
      const cut = (to: Tensor) => gpu.run(planBlock(n, length, part, { stride: length, first: 0 }), [dy, to], label);
      if (x.shape[0] === n) cut(dx);
      else {
        gpu.scope((track) => {
          const samples = track(Tensor.empty(gpu, [n, length]));
          cut(samples);
          launchSum(gpu, samples, { outer: n, channels: length, inner: 1 }, dx);
        });
      }
      tape.add(x, dx);
    }
  });
  return y;
}

/** These are the elements start, start + step, … (`count` of them) of an axis. */
export interface SliceRange {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** Keeps a range of each axis, null keeps it whole. The batch (axis 0) stays whole; at most three axes don't. */
export function slice(tape: Tape, x: Tensor, ranges: readonly (SliceRange | null)[]): Tensor {
  const { gpu } = tape;
  const whole = x.shape.map((count): SliceRange => ({ start: 0, step: 1, count }));
  const kept = whole.map((range, axis) => ranges[axis] ?? range);
  kept.forEach(({ start, step, count }, axis) => {
    if (axis === 0 && count === x.shape[0] && start === 0) return;
    if (axis === 0 || start < 0 || step < 1 || count < 1 || start + (count - 1) * step >= x.shape[axis]) {
      throw new UserError(
        `Slice: ${count} from ${start} in steps of ${step} is no range of axis ${axis} of [${x.shape}]`,
      );
    }
  });
  const y = tape.empty(kept.map(({ count }) => count));
  const placement = place("Slice", y.shape, x.shape, kept.map(({ start }) => start), kept.map(({ step }) => step));
  gpu.run(planSlice(placement), [x, y], `[${x.shape}] to [${y.shape}]`);
  tape.record([x], y, (dy) => {
    const label = `[${y.shape}] in [${x.shape}]`;
    // The parts of a split each add to their own place.
    const adding = planAddSlice(placement);
    if (adding) return gpu.run(adding, [dy, tape.accumulator(x)], label);
    const dx = tape.target(x);
    gpu.run(planEmbed(placement), [dy, dx], label);
    tape.add(x, dx);
  });
  return y;
}

/**
 * Adds `begins` and `ends` elements of `value` per axis, but none along the batch (axis 0), and to three axes at most.
 */
export function pad(
  tape: Tape,
  x: Tensor,
  begins: readonly number[],
  ends: readonly number[],
  value = 0,
): Tensor {
  const { gpu } = tape;
  if (
    begins.length !== x.shape.length || ends.length !== x.shape.length || begins[0] !== 0 || ends[0] !== 0 ||
    [...begins, ...ends].some((n) => n < 0)
  ) {
    throw new UserError(`Pad: begins [${begins}] and ends [${ends}] do not fit [${x.shape}] (no padding of the batch)`);
  }
  const y = tape.empty(x.shape.map((n, axis) => begins[axis] + n + ends[axis]));
  const placement = place("Pad", x.shape, y.shape, begins, x.shape.map(() => 1));
  gpu.run(planEmbed(placement, value), [x, y], `[${x.shape}] in [${y.shape}]`);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    gpu.run(planSlice(placement), [dy, dx], `[${y.shape}] to [${x.shape}]`);
    tape.add(x, dx);
  });
  return y;
}

/** Picks channels: y[:, j] = x[:, indices[j]]. An index may come more than once. */
export function gather(tape: Tape, x: Tensor, indices: readonly number[]): Tensor {
  const { gpu } = tape;
  const [outer, from, ...rest] = x.shape;
  const wrong = indices.find((c) => !Number.isInteger(c) || c < 0 || c >= from);
  if (wrong !== undefined) throw new UserError(`Gather: index ${wrong} is no channel of [${x.shape}]`);
  const y = tape.empty([outer, indices.length, ...rest]);
  const shape = { outer, from, to: indices.length, inner: elements(rest) };
  gpu.run(planGather(shape), [x, constantTable(gpu, indices), y], `[${x.shape}]`);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    gpu.run(planGatherGrad(shape), [dy, constantTable(gpu, invert(indices, from)), dx], `[${x.shape}]`);
    tape.add(x, dx);
  });
  return y;
}

/** Neighbouring axes that are whole in both count as one. */
function place(
  op: string,
  small: readonly number[],
  big: readonly number[],
  first: readonly number[],
  steps: readonly number[],
): Placement {
  const axes: { small: number; big: number; first: number; step: number }[] = [];
  small.forEach((size, axis) => {
    const last = axes.at(-1);
    if (last && last.small === last.big && size === big[axis]) {
      last.small *= size;
      last.big *= size;
    } else axes.push({ small: size, big: big[axis], first: first[axis], step: steps[axis] });
  });
  if (axes.length > 4) throw new UserError(`${op}: [${small}] in [${big}] has more than 4 axes`);
  while (axes.length < 4) axes.push({ small: 1, big: 1, first: 0, step: 1 });
  const four = (key: "small" | "big" | "first" | "step") => axes.map((axis) => axis[key]) as unknown as Four;
  const [, ...firsts] = four("first");
  const [, ...strides] = four("step");
  return { small: four("small"), big: four("big"), first: firsts, steps: strides };
}
