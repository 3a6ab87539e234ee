/** Describes a data gradient as products of weights and of what the inputs see of dy, for implicit_gemm.ts. */
import type { Axes, Phase } from "./dgrad_phases.ts";
import type { AxisTaps, TapProduct } from "./implicit_gemm.ts";
import { convOutput, type ConvShape } from "./shape.ts";

/** The operands are "dy", "w" and "dx". */
export function gradientProduct(s: ConvShape, axes: Axes): TapProduct {
  const [height, width] = convOutput(s), perGroup = s.channels / s.groups, filters = s.filters / s.groups;
  const size = s.kernel[0] * s.kernel[1];
  return {
    rows: perGroup,
    depth: filters,
    images: s.batch,
    groups: s.groups,
    phases: axes.vertical.flatMap((v) =>
      axes.horizontal.map((h) => ({
        rows: v.count,
        cols: h.count,
        vertical: axisTaps(v),
        horizontal: axisTaps(h),
        start: v.first * s.width + h.first,
      }))
    ),
    channels: s.filters,
    height,
    width,
    step: [1, 1],
    kernelWidth: s.kernel[1],
    weights: { group: filters * perGroup * size, row: size, depth: perGroup * size },
    y: { plane: s.height * s.width, row: s.stride[0] * s.width, col: s.stride[1] },
    names: { x: "dy", y: "dx" },
  };
}

/** The taps of a phase are as far apart as the stride lets them be. */
function axisTaps({ taps }: Phase): AxisTaps {
  const [first = { k: 0, at: 0 }, second = first] = taps;
  return {
    count: taps.length,
    k: first.k,
    kStep: second.k - first.k,
    at: first.at,
    atStep: second.at - first.at,
  };
}
