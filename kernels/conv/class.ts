import type { ConvShape } from "./shape.ts";

/**
 * Names the shapes that a measurement of a pass is valid for: all that matters is the same, and the batch is so up to a
 * power of two.
 */
export function convClass(pass: "forward" | "dgrad" | "wgrad", s: ConvShape): string {
  const columns = s.taps ? `kept ${s.taps.length}` : `groups ${s.groups}`;
  return [
    `conv ${pass} x${2 ** Math.ceil(Math.log2(s.batch))} ${s.channels}x${s.height}x${s.width}`,
    `-> ${s.filters} kernel ${s.kernel.join("x")} stride ${s.stride.join("x")} pads ${s.pads.join(",")}`,
    `dilation ${s.dilation.join("x")} ${columns}`,
  ].join(" ");
}
