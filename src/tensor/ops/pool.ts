import {
  type AverageOver,
  planAveragePool,
  planAveragePoolGrad,
  planMaxPool,
  planMaxPoolGrad,
  pooledSize,
  type PoolShape,
} from "../../../kernels/pool/pool.ts";
import { planSpread } from "../../../kernels/reduce/spread.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Tape } from "../tape.ts";
import { elements, Tensor } from "../tensor.ts";
import { launchSum } from "./reduce.ts";

export interface PoolOptions {
  readonly kernel: readonly [number, number];
  /** They are [1, 1] by default, as in ONNX. */
  readonly strides?: readonly [number, number];
  /** They are top, left, bottom and right, by default 0. */
  readonly pads?: readonly [number, number, number, number];
}

export interface AveragePoolOptions extends PoolOptions {
  /**
   * The sum is divided by the kernel's size ("window", ONNX count_include_pad = 1) or by the taps inside the map
   * ("inside", the default).
   */
  readonly over?: AverageOver;
}

/** Gives the largest value of each window of x [N, C, H, W]; the gradient goes to the first of equal ones. */
export function maxPool(tape: Tape, x: Tensor, options: PoolOptions): Tensor {
  const shape = poolShape("MaxPool", x.shape, options);
  const y = tape.empty(pooledShape(x.shape, options));
  launchMaxPool(tape.gpu, x, options, y);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    launchMaxPoolGrad(tape.gpu, shape, x, dy, dx);
    tape.add(x, dx);
  });
  return y;
}

/** Gives the mean of each window of x [N, C, H, W]. */
export function averagePool(tape: Tape, x: Tensor, options: AveragePoolOptions): Tensor {
  const shape = poolShape("AveragePool", x.shape, options);
  const y = tape.empty(pooledShape(x.shape, options));
  launchAveragePool(tape.gpu, x, options, y);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    tape.gpu.run(planAveragePoolGrad(shape, options.over ?? "inside"), [dy, dx], `[${x.shape}]`);
    tape.add(x, dx);
  });
  return y;
}

/** Gives the mean of each map: [N, C, …] to [N, C, 1, …]. */
export function globalAveragePool(tape: Tape, x: Tensor): Tensor {
  const y = tape.empty(x.shape.map((n, axis) => axis < 2 ? n : 1));
  launchGlobalAveragePool(tape.gpu, x, y);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    const maps = perMap(x.shape);
    tape.gpu.run(planSpread(maps, 1 / maps.inner), [dy, dx], `[${x.shape}]`);
    tape.add(x, dx);
  });
  return y;
}

export function launchMaxPool(gpu: Gpu, x: Tensor, options: PoolOptions, y: Tensor): void {
  gpu.run(planMaxPool(poolShape("MaxPool", x.shape, options)), [x, y], `[${x.shape}]`);
}

export function launchAveragePool(gpu: Gpu, x: Tensor, options: AveragePoolOptions, y: Tensor): void {
  const shape = poolShape("AveragePool", x.shape, options);
  gpu.run(planAveragePool(shape, options.over ?? "inside"), [x, y], `[${x.shape}]`);
}

export function launchGlobalAveragePool(gpu: Gpu, x: Tensor, y: Tensor): void {
  const maps = perMap(x.shape);
  launchSum(gpu, x, maps, y, 1 / maps.inner);
}

function launchMaxPoolGrad(gpu: Gpu, shape: PoolShape, x: Tensor, dy: Tensor, dx: Tensor): void {
  const grad = planMaxPoolGrad(shape);
  const label = `[${x.shape}]`;
  if (grad.form === "direct") return gpu.run(grad.plan, [x, dy, dx], label);
  gpu.scope((track) => {
    const index = track(Tensor.empty(gpu, [grad.indices], "u32"));
    gpu.run(grad.find, [x, index], label);
    gpu.run(grad.route, [index, dy, dx], label);
  });
}

/** Gives the shape [N, C, OH, OW] of a pooling of [N, C, H, W]. */
export function pooledShape(shape: readonly number[], options: PoolOptions): number[] {
  return [shape[0], shape[1], ...pooledSize(poolShape("pooling", shape, options))];
}

function poolShape(op: string, shape: readonly number[], options: PoolOptions): PoolShape {
  const { kernel, strides = [1, 1], pads = [0, 0, 0, 0] } = options;
  if (shape.length !== 4) throw new UserError(`${op}: expected an input [N, C, H, W], got [${shape}]`);
  const [n, c, height, width] = shape;
  if (pads[0] >= kernel[0] || pads[2] >= kernel[0] || pads[1] >= kernel[1] || pads[3] >= kernel[1]) {
    throw new UserError(
      `${op}: pads [${pads}] must be smaller than the kernel [${kernel}], or a window would be all padding`,
    );
  }
  if (height + pads[0] + pads[2] < kernel[0] || width + pads[1] + pads[3] < kernel[1]) {
    throw new UserError(
      `${op}: the kernel [${kernel}] does not fit into the map [${height}, ${width}] with pads [${pads}]`,
    );
  }
  return { maps: n * c, height, width, kernel, strides, pads };
}

function perMap(shape: readonly number[]): { outer: number; channels: number; inner: number } {
  const channels = shape[0] * shape[1];
  return { outer: 1, channels, inner: elements(shape) / channels };
}
