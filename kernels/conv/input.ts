/**
 * Says how a convolution reads x: padded with its halo, by runs of neighbouring taps (direct_rows.wgsl) or tap by tap
 * (indirect.wgsl).
 */
import { ceilDiv } from "../launch.ts";
import type { Halo } from "./pad.ts";
import { type ConvShape, convTaps } from "./shape.ts";
import { cutRuns, type RawRun, type Runs } from "./tap_runs.ts";

/**
 * A 1×1 convolution doesn't care where a pixel is, so this makes the image one long row, which no odd width cuts up.
 */
export function unrolled(s: ConvShape): ConvShape {
  const plain = s.kernel[0] * s.kernel[1] * s.stride[0] * s.stride[1] === 1 && s.pads.every((p) => p === 0);
  return plain ? { ...s, height: 1, width: s.height * s.width } : s;
}

/** Gives the extent of x with the zeros of its padding. */
export function inputHalo(s: ConvShape): Halo {
  const [top, left, bottom, right] = s.pads;
  const { height, width } = s;
  const planes = s.batch * s.channels;
  return { planes, height, width, rows: height + top + bottom, cols: width + left + right, top, left, phases: 1 };
}

/** Gives the offset of each tap from a pixel's base in padded x. */
export function tapOffsets(s: ConvShape, halo: Halo): number[] {
  const [kh, kw] = s.kernel;
  return Array.from({ length: convTaps(s) }, (_, t) => {
    const column = s.taps?.[t] ?? t;
    const c = Math.floor(column / (kh * kw)), r = Math.floor(column / kw) % kh, q = column % kw;
    return (c * halo.rows + r * s.dilation[0]) * halo.cols + q * s.dilation[1];
  });
}

export interface RowsInput {
  readonly halo: Halo;
  readonly runs: Runs;
  /** It has the pitches of an image, a group and a row, in fours of elements. */
  readonly x: readonly [number, number, number];
}

/**
 * Pads rows to multiples of 4 and takes columns apart by the stride: then output column v of a run reads columns v, v +
 * 1, … It gives undefined for dilated columns, which aren't neighbours.
 */
export function inputRuns(s: ConvShape): RowsInput | undefined {
  const [kh, kw] = s.kernel, [sh, sw] = s.stride;
  if (s.dilation[1] !== 1 && kw > 1) return undefined;
  const bare = inputHalo(s);
  const halo: Halo = { ...bare, cols: ceilDiv(ceilDiv(bare.cols, sw), 4) * 4, phases: sw };
  const fours = halo.cols / 4;
  const kept = s.taps && new Map(s.taps.map((column, t) => [column, t]));
  const raw: RawRun[] = [];
  for (let c = 0; c < s.channels / s.groups; c++) {
    for (let r = 0; r < kh; r++) {
      for (let phase = 0; phase < Math.min(sw, kw); phase++) {
        const weights = Array.from({ length: ceilDiv(kw - phase, sw) }, (_, k) => {
          const column = (c * kh + r) * kw + phase + sw * k;
          return kept ? kept.get(column) : column;
        });
        raw.push({ offset: ((c * sw + phase) * halo.rows + r * s.dilation[0]) * fours, weights });
      }
    }
  }
  const channel = sw * halo.rows * fours;
  return { halo, runs: cutRuns(raw), x: [s.channels * channel, s.channels / s.groups * channel, sh * fours] };
}
