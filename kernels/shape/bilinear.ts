import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import gradSource from "./bilinear_grad.wgsl" with { type: "text" };
import source from "./bilinear.wgsl" with { type: "text" };

/**
 * Output line i of `to` lies at start + i · step in the `from` lines of the input, and at its edge where that is
 * outside.
 */
export interface Sampling {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly step: number;
}

/** These are maps that become larger or smaller along both axes. */
export interface BilinearShape {
  readonly maps: number;
  readonly rows: Sampling;
  readonly columns: Sampling;
}

/** The bindings are x [maps,H,W], lines u32 (see `samplingLines`) and y [maps,OH,OW]. */
export function planBilinear({ maps, rows, columns }: BilinearShape): Plan {
  return planPixels(bilinear, maps * rows.to * columns.to, { rows, columns });
}

/** The bindings are dy, lines u32, spans u32 (see `samplingSpans`) and dx. */
export function planBilinearGrad({ maps, rows, columns }: BilinearShape): Plan {
  return planPixels(gradient, maps * rows.from * columns.from, { rows, columns });
}

/** Gives for each output line the index of the input's line at or before it, and the bits of the next one's share. */
export function samplingLines(sampling: Sampling): number[] {
  return places(sampling).flatMap(({ line, share }) => [line, f32bits(share)]);
}

/** Gives for each input line the first output line in which it has a share, and the one behind the last. */
export function samplingSpans(sampling: Sampling): number[] {
  const lines = places(sampling).map(({ line }) => line);
  const behind = (found: number) => found < 0 ? lines.length : found;
  return Array.from({ length: sampling.from }, (_, of) => [
    behind(lines.findIndex((line) => line >= of - 1)),
    behind(lines.findIndex((line) => line > of)),
  ]).flat();
}

export function variants(): Program[] {
  return [bilinear, gradient];
}

const bilinear: Program = { name: "bilinear", source, access: ["read", "read", "read_write"] };
const gradient: Program = {
  name: "bilinear gradient",
  source: gradSource,
  access: ["read", "read", "read", "read_write"],
};

function places({ from, to, start, step }: Sampling): { readonly line: number; readonly share: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const place = Math.min(Math.max(start + i * step, 0), from - 1);
    const line = Math.min(Math.floor(place), Math.max(0, from - 2));
    return { line, share: place - line };
  });
}

function planPixels(program: Program, count: number, { rows, columns }: Omit<BilinearShape, "maps">): Plan {
  const grid = linearGrid(count, 64);
  return { program, uniforms: [count, grid[0], rows.from, columns.from, rows.to, columns.to], grid };
}
