/** Takes data gradients apart by the stride: which inputs meet which taps of the kernel. */
import { ceilDiv } from "../launch.ts";
import type { ConvShape } from "./shape.ts";

/**
 * A phase is the inputs `first`, `first + stride`, … of an axis, with the first output that each tap reaching them
 * meets.
 */
export interface Phase {
  readonly first: number;
  readonly count: number;
  readonly taps: readonly { readonly k: number; readonly at: number }[];
}

export interface Axes {
  readonly vertical: readonly Phase[];
  readonly horizontal: readonly Phase[];
}

export function gradientAxes(s: ConvShape): Axes {
  return {
    vertical: phases(s.height, s.kernel[0], s.stride[0], s.dilation[0], s.pads[0]),
    horizontal: phases(s.width, s.kernel[1], s.stride[1], s.dilation[1], s.pads[1]),
  };
}

/** Gives the phases of an axis of `size` inputs that aren't empty. */
function phases(size: number, kernel: number, stride: number, dilation: number, pad: number): Phase[] {
  const found: Phase[] = [];
  for (let first = 0; first < Math.min(stride, size); first++) {
    const taps = [];
    for (let k = 0; k < kernel; k++) {
      const at = (first + pad - k * dilation) / stride;
      if (Number.isInteger(at)) taps.push({ k, at });
    }
    found.push({ first, count: ceilDiv(size - first, stride), taps });
  }
  return found;
}
