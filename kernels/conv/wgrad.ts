import type { Program } from "../../src/gpu/types.ts";
import { reduceStep } from "../gemm/plan.ts";
import { ceilDiv, type Launch } from "../gemm/steps.ts";
import biasGrad from "./bias_grad.wgsl" with { type: "text" };
import { inputHalo, tapOffsets } from "./input.ts";
import { inFours } from "./pack.ts";
import { haloBytes, isBare, padStep } from "./pad.ts";
import { convOutput, type ConvShape, convTaps } from "./shape.ts";
import wgrad from "./wgrad.wgsl" with { type: "text" };

const GROUP = 64;
/** The sum over N·OH·OW is split until there are about this many threads. */
const ENOUGH_THREADS = 1024;

const WGRAD: Program = { name: "convolution wgrad", source: wgrad, access: ["read", "read", "read", "read_write"] };
const BIAS_GRAD: Program = { name: "bias gradient", source: biasGrad, access: ["read", "read_write"] };

/** dw (shape of w) from x and dy; operands "x", "dy", "y" (= dw). */
export function planConvWgrad(s: ConvShape): Launch {
  const [rows, cols] = convOutput(s);
  const halo = inputHalo(s);
  const bare = isBare(halo);
  const plane = halo.rows * halo.cols;
  const filters = s.filters / s.groups, taps = convTaps(s);
  const tiles = ceilDiv(taps, 8), filterTiles = ceilDiv(filters, 8);
  const lines = s.batch * rows;
  const chunk = ceilDiv(lines, Math.min(lines, ceilDiv(ENOUGH_THREADS, tiles * filterTiles * s.groups)));
  const splits = ceilDiv(lines, chunk);
  const size = s.filters * taps;
  return {
    steps: [
      ...(bare ? [] : [padStep(halo, "x", "padded")]),
      {
        plan: {
          program: WGRAD,
          uniforms: [
            ...[filters, taps, lines, chunk, rows, cols, s.groups, tiles],
            ...[s.channels * plane, s.channels / s.groups * plane, s.stride[0] * halo.cols, s.stride[1]],
            filterTiles,
          ],
          grid: [ceilDiv(tiles * filterTiles, GROUP), s.groups, splits],
        },
        bindings: ["dy", bare ? "x" : "padded", "taps", splits > 1 ? "partial" : "y"],
      },
      ...(splits > 1 ? [reduceStep(size, splits, {}, 1, 1)] : []),
    ],
    scratch: {
      ...(bare ? {} : { padded: haloBytes(halo) }),
      ...(splits > 1 ? { partial: splits * size * 4 } : {}),
    },
    tables: { taps: inFours(tapOffsets(s, halo), 0) },
  };
}

/** db[filters] = sum of dy [batch,filters,size] over batch and size; operands "dy", "y" (= db). */
export function planBiasGrad(batch: number, filters: number, size: number): Launch {
  return {
    steps: [{
      plan: { program: BIAS_GRAD, uniforms: [filters, size, batch * size], grid: [filters, 1, 1] },
      bindings: ["dy", "y"],
    }],
    scratch: {},
    tables: {},
  };
}
