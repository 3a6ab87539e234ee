import type { Epilogue, Launch, Step } from "../gemm/steps.ts";
import { reduceStep } from "../gemm/plan.ts";
import { type Gather, gatherSplits, gatherSteps, packedBytes, packStep } from "./indirect.ts";
import { type Halo, haloBytes, isBare, padStep } from "./pad.ts";
import { convOutput, type ConvShape, convTaps } from "./shape.ts";

/** A launch whose `prepare` depends on the weights only: inference runs it once, training before every step. */
export interface ConvLaunch extends Launch {
  readonly prepare: readonly Step[];
}

/**
 * y[N,F,OH,OW] = act(conv(x, w) + bias[F] + residual). Operands "x", "w", "y", and, as the epilogue says, "bias" and
 * "residual" (shape of y). Scratch: "packed" (weights, made by `prepare`), "padded" (x with its halo), "partial".
 */
export function planConvForward(s: ConvShape, epilogue: Epilogue = {}): ConvLaunch {
  const [rows, cols] = convOutput(s);
  const halo = inputHalo(s);
  const bare = isBare(halo);
  const plane = halo.rows * halo.cols;
  const gather: Gather = {
    filters: s.filters / s.groups,
    taps: convTaps(s),
    groups: s.groups,
    batch: s.batch,
    rows,
    cols,
    x: [s.channels * plane, s.channels / s.groups * plane, s.stride[0] * halo.cols, s.stride[1]],
    y: [s.filters * rows * cols, rows * cols, cols, 1, 0],
  };
  const splits = gatherSplits(gather);
  const size = s.batch * s.filters * rows * cols;
  const x = bare ? "x" : "padded";
  const names = { x, packed: "packed", taps: "taps", y: splits > 1 ? "partial" : "y" };
  return {
    prepare: [packStep(gather, gather.filters * gather.taps, gather.taps, "w", "order", "packed")],
    steps: [
      ...(bare ? [] : [padStep(halo, "x", "padded")]),
      ...gatherSteps(gather, names, splits > 1 ? {} : epilogue, splits, size),
      ...(splits > 1 ? [reduceStep(size, splits, epilogue, rows * cols, s.filters)] : []),
    ],
    scratch: {
      packed: packedBytes(gather),
      ...(bare ? {} : { padded: haloBytes(halo) }),
      ...(splits > 1 ? { partial: splits * size * 4 } : {}),
    },
    tables: {
      order: Uint32Array.from({ length: gather.taps }, (_, k) => k),
      taps: tapOffsets(s, halo),
    },
  };
}

/** x with the zeros of its padding. */
export function inputHalo(s: ConvShape): Halo {
  const [top, left, bottom, right] = s.pads;
  const [height, width] = [s.height, s.width];
  return {
    planes: s.batch * s.channels,
    height,
    width,
    rows: height + top + bottom,
    cols: width + left + right,
    top,
    left,
  };
}

/** Offset of each tap from a pixel's base in padded x; filled up with zeros to a multiple of 4. */
export function tapOffsets(s: ConvShape, halo: Halo): Uint32Array<ArrayBuffer> {
  const [kh, kw] = s.kernel;
  const count = convTaps(s);
  const offsets = new Uint32Array(Math.ceil(count / 4) * 4);
  for (let t = 0; t < count; t++) {
    const column = s.taps?.[t] ?? t;
    const c = Math.floor(column / (kh * kw)), r = Math.floor(column / kw) % kh, q = column % kw;
    offsets[t] = (c * halo.rows + r * s.dilation[0]) * halo.cols + q * s.dilation[1];
  }
  return offsets;
}
