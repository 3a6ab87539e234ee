/**
 * Describes taps in runs of neighbours, for direct_rows.wgsl: which columns of an input row a run covers, where it
 * starts, and which weight each of its taps has. Offsets count fours of columns, so a run starts at a multiple of 4.
 */
import { ceilDiv } from "../launch.ts";
import { NO_WEIGHT } from "./pack.ts";

/**
 * This is the widest run that the shaders have registers for, and the length of the pieces that a wider one is cut
 * into.
 */
export const WIDEST = 7;
const PIECE = 4;

export interface Runs {
  /** A run has so many taps. */
  readonly width: number;
  /** Each run lies so far from a pixel's base, in fours. */
  readonly offsets: readonly number[];
  /** This says which weight each tap of each run has, or NO_WEIGHT. */
  readonly order: readonly number[];
}

/**
 * This is a run that may still have any length: `weights[k]` belongs to the k-th column after `offset`, undefined for
 * none.
 */
export interface RawRun {
  readonly offset: number;
  readonly weights: readonly (number | undefined)[];
}

/** Cuts runs to one width, leaving out those without a weight. */
export function cutRuns(raw: readonly RawRun[]): Runs {
  const longest = raw.reduce((n, run) => Math.max(n, run.weights.length), 1);
  const width = longest <= WIDEST ? longest : PIECE;
  const offsets: number[] = [], order: number[] = [];
  for (const { offset, weights } of raw) {
    for (let piece = 0; piece < ceilDiv(weights.length, width); piece++) {
      const taps = Array.from({ length: width }, (_, k) => weights[piece * width + k]);
      if (taps.every((t) => t === undefined)) continue;
      offsets.push(offset + piece * width / 4);
      order.push(...taps.map((t) => t ?? NO_WEIGHT));
    }
  }
  return { width, offsets, order };
}

/** Finds for each weight the position of its tap in the runs. */
export function positions(runs: Runs, weights: number): Uint32Array<ArrayBuffer> {
  const found = new Uint32Array(weights);
  runs.order.forEach((weight, at) => weight !== NO_WEIGHT && (found[weight] = at));
  return found;
}
