import { sizeClass } from "../size_class.ts";
import type { ConvShape } from "./shape.ts";

/**
 * Names the shapes that a measurement of a pass is valid for: all that matters is the same, channels and filters are so
 * up to a step of their size class, and the batch up to a power of two.
 */
export function convClass(pass: "forward" | "dgrad" | "wgrad", s: ConvShape): string {
  const columns = s.taps ? `kept ${sizeClass(s.taps.length)}` : `groups ${sizeClass(s.groups)}`;
  return [
    `conv ${pass} x${2 ** Math.ceil(Math.log2(s.batch))} ${sizeClass(s.channels)}x${s.height}x${s.width}`,
    `-> ${sizeClass(s.filters)} kernel ${s.kernel.join("x")} stride ${s.stride.join("x")} pads ${s.pads.join(",")}`,
    `dilation ${s.dilation.join("x")} ${columns}`,
  ].join(" ");
}
