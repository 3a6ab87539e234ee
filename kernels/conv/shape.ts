import { UserError } from "../../src/errors.ts";

/** This is the geometry of a convolution, with symbols and order as in ONNX; x is [batch,channels,height,width]. */
export interface ConvShape {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** They are top, left, bottom and right; negative ones crop. */
  readonly pads: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
  /**
   * These are the kept columns c·KH·KW + kh·KW + kw of the GEMM matrix of a column-compacted convolution, whose weight
   * is [filters, taps.length]. Without them all columns are kept, and the weight is [filters, channels/groups, KH, KW].
   * They need groups = 1.
   */
  readonly taps?: readonly number[];
}

/** This is what a convolution says that is the same along both axes. */
export interface SquareConv extends Pick<ConvShape, "batch" | "channels" | "height" | "width" | "filters"> {
  /** These are the side of the kernel, 3 by default, and steps, 1 by default. */
  readonly kernel?: number;
  readonly stride?: number;
  readonly dilation?: number;
  /** It is the same on all sides, by default half of what the kernel spans, which keeps the size at stride 1. */
  readonly pad?: number;
  readonly groups?: number;
}

/** Spells such a convolution out. */
export function squareConv({ kernel = 3, stride = 1, dilation = 1, pad, groups = 1, ...sizes }: SquareConv): ConvShape {
  const border = pad ?? Math.floor(dilation * (kernel - 1) / 2);
  return {
    ...sizes,
    kernel: [kernel, kernel],
    stride: [stride, stride],
    pads: [border, border, border, border],
    dilation: [dilation, dilation],
    groups,
  };
}

/** Gives [OH, OW]. @throws UserError when the kernel doesn't fit or the sizes make no sense */
export function convOutput(s: ConvShape): [number, number] {
  const [kh, kw] = s.kernel, [sh, sw] = s.stride, [dh, dw] = s.dilation, [top, left, bottom, right] = s.pads;
  const oh = Math.floor((s.height + top + bottom - dh * (kh - 1) - 1) / sh) + 1;
  const ow = Math.floor((s.width + left + right - dw * (kw - 1) - 1) / sw) + 1;
  if (!(oh > 0 && ow > 0)) {
    throw new UserError(
      `convolution: input ${s.height}×${s.width} with pads [${s.pads}] is smaller than a ${kh}×${kw} kernel of dilation ` +
        `[${s.dilation}]: use more padding or a smaller kernel`,
    );
  }
  if (s.channels % s.groups !== 0 || s.filters % s.groups !== 0) {
    throw new UserError(
      `convolution: ${s.channels} channels and ${s.filters} filters can't be split into ${s.groups} groups`,
    );
  }
  if (s.taps && s.groups !== 1) throw new UserError("convolution: kept columns need groups = 1");
  return [oh, ow];
}

/** Counts the columns of a group's GEMM matrix: they are its input channels × KH × KW, or the kept ones. */
export function convTaps(s: ConvShape): number {
  return s.taps?.length ?? s.channels / s.groups * s.kernel[0] * s.kernel[1];
}

/** Counts the multiply-adds of the forward pass; dgrad and wgrad have as many. */
export function convMacs(s: ConvShape): number {
  const [oh, ow] = convOutput(s);
  return s.batch * s.filters * oh * ow * convTaps(s);
}
