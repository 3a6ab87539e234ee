import { planConvDgrad } from "../../../kernels/conv/dgrad.ts";
import { planConvForward } from "../../../kernels/conv/forward.ts";
import { convOutput, type ConvShape, convTaps } from "../../../kernels/conv/shape.ts";
import { planConvWgrad } from "../../../kernels/conv/wgrad.ts";
import type { Activation } from "../../../kernels/launch.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { biasGradient } from "./gemm.ts";
import { cached, launch, tuningFor } from "./launch.ts";
import { add } from "./pointwise.ts";

const forwardPlan = cached(planConvForward);
const dgradPlan = cached(planConvDgrad);
const wgradPlan = cached(planConvWgrad);

/** Order and meaning are as in ONNX. The defaults are stride 1, pads 0, dilation 1 and groups 1. */
export interface ConvOptions {
  /** It is 1 by default. */
  readonly stride?: readonly [number, number];
  /** They are top, left, bottom and right. */
  readonly pads?: readonly [number, number, number, number];
  /** It is 1 by default. */
  readonly dilation?: readonly [number, number];
  /** It is 1 by default. */
  readonly groups?: number;
}

export interface ColumnConvOptions extends Omit<ConvOptions, "groups"> {
  /** These are the kept columns c·KH·KW + kh·KW + kw of the GEMM matrix, ascending. */
  readonly taps: readonly number[];
  /** It is [1,1] by default. */
  readonly kernel?: readonly [number, number];
}

/**
 * Computes y[N,F,OH,OW] = conv(x[N,C,H,W], w[F,C/groups,KH,KW]) + bias[F], differentiable in all three.
 *
 * @throws UserError when the shapes don't fit
 */
export function conv2d(tape: Tape, x: Tensor, w: Tensor, bias?: Tensor, options: ConvOptions = {}): Tensor {
  return convolve(tape, x, w, bias, convShape(x, w, options));
}

/**
 * A transposed convolution has the options of the convolution, and lines and columns more at the end than it would
 * need.
 */
export interface ConvTransposeOptions extends ConvOptions {
  /** It is smaller than the stride, and 0 by default. */
  readonly outputPadding?: readonly [number, number];
}

/**
 * Computes the transpose of a convolution, y[N,F,OH,OW] of x[N,C,H,W] and w[C,F/groups,KH,KW] (+ bias[F]), by the
 * convolution's own kernels: what is its gradient there is the value here, and the other way round. It is
 * differentiable in all three.
 *
 * @throws UserError when the shapes don't fit
 */
export function convTranspose2d(
  tape: Tape,
  x: Tensor,
  w: Tensor,
  bias: Tensor | undefined,
  options: ConvTransposeOptions = {},
): Tensor {
  const { gpu } = tape;
  const shape = transposedShape(x, w, options);
  const { batch, channels: filters, height, width } = shape;
  const y = tape.empty([batch, filters, height, width]);
  const label = `transposed ${convLabel(shape)}`;
  launch(gpu, dgradPlan(shape, tuningFor(gpu)), { dy: x, w, dx: y }, label);
  tape.record([x, w], y, (dy) => {
    if (tape.needs(x)) {
      const dx = tape.target(x);
      convForward(gpu, shape, { x: dy, w, y: dx });
      tape.add(x, dx);
    }
    if (tape.needs(w)) {
      const dw = tape.target(w);
      launch(gpu, wgradPlan(shape, tuningFor(gpu)), { x: dy, dy: x, y: dw }, `${label} wgrad`);
      tape.add(w, dw);
    }
  });
  return bias ? add(tape, y, bias) : y;
}

/** Gives the geometry of the convolution that makes [N,C,H,W] of what its transpose makes. */
function transposedShape(x: HasShape, w: HasShape, options: ConvTransposeOptions): ConvShape {
  const { stride = [1, 1], pads = [0, 0, 0, 0], dilation = [1, 1], groups = 1, outputPadding = [0, 0] } = options;
  const [batch, filters, height, width] = x.shape;
  if (x.shape.length !== 4 || w.shape.length !== 4 || w.shape[0] !== filters) {
    throw new UserError(`transposed convolution: weight [${w.shape}] isn't [C,F,KH,KW] for the input [${x.shape}]`);
  }
  const [, perGroup, kh, kw] = w.shape;
  const along = (axis: 0 | 1, size: number, kernel: number) =>
    stride[axis] * (size - 1) + dilation[axis] * (kernel - 1) + 1 + outputPadding[axis] - pads[axis] - pads[axis + 2];
  return {
    batch,
    channels: perGroup * groups,
    height: along(0, height, kh),
    width: along(1, width, kw),
    filters,
    kernel: [kh, kw],
    stride,
    pads,
    dilation,
    groups,
  };
}

/**
 * Computes a convolution that kept only the columns `taps` of its GEMM matrix: w is [F,taps.length]; x is [N,C,H,W], or
 * [N,K] for a linear layer that kept some of its inputs. It is differentiable in x, w and bias.
 *
 * @throws UserError when the shapes don't fit
 */
export function columnConv2d(
  tape: Tape,
  x: Tensor,
  w: Tensor,
  bias: Tensor | undefined,
  options: ColumnConvOptions,
): Tensor {
  return convolve(tape, x, w, bias, columnConvShape(x, w, options));
}

/** Gives the geometry of a convolution of these operands. @throws UserError when they don't fit */
export function convShape(x: HasShape, w: HasShape, options: ConvOptions = {}): ConvShape {
  const groups = options.groups ?? 1;
  if (x.shape.length !== 4 || w.shape.length !== 4 || x.shape[1] !== w.shape[1] * groups) {
    throw new UserError(
      `convolution: weight [${w.shape}] with groups ${groups} expects ${w.shape[1] * groups} input channels, ` +
        `input is [${x.shape}]`,
    );
  }
  return { ...geometry(x, options), filters: w.shape[0], kernel: [w.shape[2], w.shape[3]], groups };
}

/** Gives the geometry of a column-compacted convolution. @throws UserError when the operands don't fit */
export function columnConvShape(x: HasShape, w: HasShape, options: ColumnConvOptions): ConvShape {
  const { taps, kernel = [1, 1] } = options;
  if (w.shape.length !== 2 || w.shape[1] !== taps.length) {
    throw new UserError(
      `column convolution: weight [${w.shape}] isn't [F,${taps.length}], one column for each kept tap`,
    );
  }
  const shape = { ...geometry(x, options), filters: w.shape[0], kernel, groups: 1, taps };
  const columns = shape.channels * kernel[0] * kernel[1];
  const outside = taps.find((t) => !(t >= 0 && t < columns));
  if (outside !== undefined) {
    throw new UserError(`column convolution: tap ${outside} is outside of the input's ${columns} columns`);
  }
  return shape;
}

interface HasShape {
  readonly shape: readonly number[];
}

export interface ConvOperands {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly bias?: Tensor;
  /** It has the shape of y and is added before the activation. */
  readonly residual?: Tensor;
  readonly y: Tensor;
}

/** Computes y = act(conv(x, w) + bias + residual) into a given tensor. */
export function convForward(
  gpu: Gpu,
  shape: ConvShape,
  { x, w, bias, residual, y }: ConvOperands,
  activation: Activation = "none",
): void {
  const epilogue = { bias: bias ? "add" : "none", residual: residual ? "add" : "none", activation } as const;
  const plan = forwardPlan(shape, epilogue, tuningFor(gpu));
  launch(gpu, plan, { x, w, bias, residual, y }, convLabel(shape), [...plan.prepare, ...plan.steps]);
}

/** Gives the output's shape of a convolution of this geometry: [N,F,OH,OW], or [N,F] for an input of rank 2. */
export function convOutputShape(shape: ConvShape, rank: number): number[] {
  return rank === 2 ? [shape.batch, shape.filters] : [shape.batch, shape.filters, ...convOutput(shape)];
}

function convolve(tape: Tape, x: Tensor, w: Tensor, bias: Tensor | undefined, shape: ConvShape): Tensor {
  const { gpu } = tape;
  if (bias && bias.size !== shape.filters) {
    throw new UserError(`convolution: bias [${bias.shape}] for ${shape.filters} filters`);
  }
  const [oh, ow] = convOutput(shape);
  const y = tape.empty(x.shape.length === 2 ? [shape.batch, shape.filters] : [shape.batch, shape.filters, oh, ow]);
  convForward(gpu, shape, { x, w, bias, y });
  tape.record(bias ? [x, w, bias] : [x, w], y, (dy) => {
    if (tape.needs(x)) {
      const dx = tape.target(x);
      launch(gpu, dgradPlan(shape, tuningFor(gpu)), { dy, w, dx }, `${convLabel(shape)} dgrad`);
      tape.add(x, dx);
    }
    if (tape.needs(w)) {
      const dw = tape.target(w);
      launch(gpu, wgradPlan(shape, tuningFor(gpu)), { x, dy, y: dw }, `${convLabel(shape)} wgrad`);
      tape.add(w, dw);
    }
    if (bias && tape.needs(bias)) tape.add(bias, biasGradient(tape, bias, dy, shape.batch, shape.filters, oh * ow));
  });
  return y;
}

function geometry(x: HasShape, options: ConvOptions): Omit<ConvShape, "filters" | "kernel" | "groups"> {
  const { stride = [1, 1], pads = [0, 0, 0, 0], dilation = [1, 1] } = options;
  const [batch, channels, height = 1, width = 1] = x.shape;
  if (x.shape.length !== 4 && x.shape.length !== 2) {
    throw new UserError(`convolution: input [${x.shape}] isn't [N,C,H,W]`);
  }
  return { batch, channels, height, width, stride, pads, dilation };
}

function convLabel(s: ConvShape): string {
  return `conv ${s.filters}×${convTaps(s)} on [${s.batch},${s.channels},${s.height},${s.width}]`;
}
