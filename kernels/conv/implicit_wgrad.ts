/**
 * Plans weight gradients as products of dy and of what its pixels see of x, by tiles in workgroup memory
 * (implicit_wgrad.wgsl): made for GPUs. The sum over images and pixels is long, and shared among slices and workgroups.
 */
import type { Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { reduceStep } from "../gemm/plan.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Launch } from "../launch.ts";
import type { Candidate } from "../tuning.ts";
import {
  foursOfTile,
  implicitSource,
  tileConstants,
  tileVariants,
  type TileWay,
  tileWays,
  type TileWork,
  WAVE_TILES,
} from "./implicit_tiles.ts";
import { convOutput, type ConvShape } from "./shape.ts";
import source from "./implicit_wgrad.wgsl" with { type: "text" };

/** There are none for kept columns. The operands are "x", "dy" and "y" (= dw). */
export function implicitWgradCandidates(s: ConvShape, profile: DeviceProfile): Candidate[] {
  if (s.taps) return [];
  const pixels = pixelsOf(s);
  const work: TileWork = {
    rows: s.filters / s.groups,
    groups: s.groups,
    parts: [{ fours: columnsOf(s), steps: (each) => ceilDiv(pixels, each) }],
    size: sizeOf(s),
  };
  return tileWays(work, profile, WAVE_TILES).map((way) => ({
    name: way.name,
    cost: way.cost,
    build: () => launchOf(s, way),
  }));
}

function pixelsOf(s: ConvShape): number {
  const [rows, cols] = convOutput(s);
  return s.batch * rows * cols;
}

function sizeOf({ filters, channels, groups, kernel: [kh, kw] }: ConvShape): number {
  return filters * channels / groups * kh * kw;
}

/** Four columns are four channels of one tap. */
function columnsOf({ channels, groups, kernel: [kh, kw] }: ConvShape): number {
  return kh * kw * ceilDiv(channels / groups, 4);
}

function launchOf(s: ConvShape, { tile, sharing }: TileWay): Launch {
  const { slices, splits } = sharing, [down, along] = foursOfTile(tile), [outRows, outCols] = convOutput(s);
  const rows = s.filters / s.groups, perGroup = s.channels / s.groups, plane = outRows * outCols, size = sizeOf(s);
  const [kh, kw] = s.kernel, each = tile.step * slices, columns = columnsOf(s);
  const tilesA = ceilDiv(rows, 4 * down), grid = linearGrid(tilesA * ceilDiv(columns, along), 1);
  const dyImage = s.filters * plane, xImage = s.channels * s.height * s.width, [sh, sw] = s.stride;
  const nextImage = Math.floor(each / plane), nextRow = Math.floor(each % plane / outCols), nextCol = each % outCols;
  const uniforms = [
    ...[rows, perGroup, ceilDiv(perGroup, 4), columns, s.groups, splits, tilesA, grid[0]],
    ...[pixelsOf(s), outRows, outCols, dyImage],
    ...[s.height, s.width, xImage, kh * kw, kw],
    ...[sh, sw, ...s.dilation, s.pads[0], s.pads[1]],
    ...[nextRow * sh, nextCol * sw, outRows * sh, outCols * sw],
    // Where dy and x go on: by so many images, rows and columns, and at the end of a row or an image back to the next.
    nextImage * dyImage + nextRow * outCols + nextCol,
    dyImage - plane,
    nextImage * xImage + nextRow * sh * s.width + nextCol * sw,
    sh * s.width - outCols * sw,
    xImage - outRows * sh * s.width,
    size,
  ].map((word) => word >>> 0);
  const split = splits > 1;
  return {
    steps: [
      {
        plan: {
          program: wgradProgram(tileConstants(tile, sharing)),
          uniforms,
          grid: [grid[0], grid[1], s.groups * splits],
        },
        bindings: ["x", "dy", split ? "partial" : "y"],
      },
      ...(split ? [reduceStep(size, splits, {}, 1, 1)] : []),
    ],
    scratch: split ? { partial: 4 * splits * size } : {},
    tables: {},
  };
}

function wgradProgram(constants: Record<string, number>): Program {
  return {
    name: "implicit gemm wgrad",
    source: implicitSource(source),
    constants,
    access: ["read", "read", "read_write"],
  };
}

export function implicitWgradVariants(): Program[] {
  return tileVariants(WAVE_TILES).map(wgradProgram);
}
