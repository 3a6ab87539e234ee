/** Makes a matrix whose rows are the patches that a convolution's filters see; its second moments are made from it. */
import type { Plan, Program } from "../../src/gpu/types.ts";
import { convOutput, type ConvShape } from "../conv/shape.ts";
import { linearGrid } from "../grid.ts";
import source from "./patches.wgsl" with { type: "text" };

/** These are rows of the matrix, and the input channels whose taps are its columns. */
export interface PatchRange {
  readonly firstRow: number;
  readonly rows: number;
  readonly firstChannel: number;
  readonly channels: number;
  /** So many further columns read 1 at each position, which makes sums of the others; the default is 0. */
  readonly ones?: number;
}

/** Counts the output positions of a convolution, which are the rows of the whole matrix. */
export function patchCount(s: ConvShape): number {
  const [oh, ow] = convOutput(s);
  return s.batch * oh * ow;
}

/**
 * The bindings are x [batch, channels, h, w] and m [rows, channels of the range · KH · KW + ones]. Rows past
 * the last position are 0.
 */
export function planPatches(s: ConvShape, { firstRow, rows, firstChannel, channels, ones = 0 }: PatchRange): Plan {
  const [oh, ow] = convOutput(s);
  const taps = channels * s.kernel[0] * s.kernel[1];
  const columns = taps + ones;
  const grid = linearGrid(rows * columns, 64);
  return {
    program: patches,
    uniforms: [
      rows * columns,
      grid[0],
      columns,
      taps,
      firstRow,
      patchCount(s),
      s.channels,
      firstChannel,
      s.height,
      s.width,
      oh,
      ow,
      ...s.kernel,
      ...s.stride,
      ...s.dilation,
      s.pads[0],
      s.pads[1],
    ],
    grid,
  };
}

export function variants(): Program[] {
  return [patches];
}

const patches: Program = { name: "patches", source, access: ["read", "read_write"] };
