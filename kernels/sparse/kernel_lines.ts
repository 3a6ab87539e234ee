/** This is what the kernels of kernel lists share: how they read x, and their lists (kernel_lines.wgsl). */
import { inputHalo } from "../conv/input.ts";
import type { Halo } from "../conv/pad.ts";
import type { ConvShape } from "../conv/shape.ts";
import { ceilDiv, type Epilogue } from "../launch.ts";
import source from "./kernel_lines.wgsl" with { type: "text" };

/** Says how lists read x: padded, with rows in fours. */
export interface ListInput {
  readonly halo: Halo;
  /** Says how far four columns of a kernel row lie from a pixel's base, in fours. */
  offset(channel: number, kernelRow: number, piece: number): number;
}

/** Gives undefined where neighbouring taps aren't neighbours in x, and for groups and compacted columns. */
export function listInput(s: ConvShape): ListInput | undefined {
  if (s.groups !== 1 || s.taps || s.stride[1] !== 1 || (s.dilation[1] !== 1 && s.kernel[1] > 1)) return undefined;
  const bare = inputHalo(s), fours = ceilDiv(bare.cols, 4);
  const halo = { ...bare, cols: fours * 4 };
  return { halo, offset: (c, r, piece) => (c * halo.rows + r * s.dilation[0]) * fours + piece };
}

export interface Lists {
  readonly shape: ConvShape;
  readonly input: ListInput;
  /** Each list has the offsets of its kernels, pattern by pattern. */
  readonly lists: readonly { readonly filter: number; readonly kernels: readonly (readonly number[])[] }[];
  /** An entry has 1 or 3 rows of 1 to 4 taps. */
  readonly kh: number;
  readonly kw: number;
  /** Packed entries have these patterns. Without any, an entry has all taps, a vec4 for each row. */
  readonly masks: readonly number[];
  readonly epilogue: Epilogue;
}

/** Puts the shared fragment before a shader that reads x its own way. */
export function linesSource(shader: string): string {
  return `${source}\n${shader}`;
}
