/** Random weights with a given structure of zeros. Pure; a seed always gives the same. */
import type { Rng } from "../../kernels/random/philox.ts";

export type Structure =
  | "blocks 16×16"
  | "columns"
  | "N of M"
  | "kernels"
  | "kernel rows"
  | "patterns"
  | "block-punched"
  | "unstructured";

/** Filters × channels of a block whose kernels keep the same taps. */
const PUNCHED = [8, 4] as const;
const BLOCK = 16;
/** Taps of a 3×3 kernel that a pattern keeps: the centre and three of its neighbours (after PatDNN). */
const PATTERNS = [
  [0, 1, 3, 4],
  [1, 2, 4, 5],
  [3, 4, 6, 7],
  [4, 5, 7, 8],
  [1, 3, 4, 5],
  [1, 3, 4, 7],
  [1, 4, 5, 7],
  [3, 4, 5, 7],
] as const;

/** Whether a structure can have this density of a weight [F,C,KH,KW] (KH = KW = 1 for a linear layer). */
export function fits(structure: Structure, [, , KH, KW]: readonly number[], density: number): boolean {
  switch (structure) {
    case "N of M":
      return [0.75, 0.5, 0.25, 0.125].includes(density);
    case "patterns":
      return KH === 3 && KW === 3 && density <= 4 / 9;
    case "kernels":
    case "kernel rows":
    case "block-punched":
      return KH * KW > 1;
    default:
      return true;
  }
}

/** Standard normal weights [F,C,KH,KW], row-major, with `density` of the structure's groups kept, drawn at random. */
export function structuredWeight(
  structure: Structure,
  shape: readonly number[],
  density: number,
  rng: Rng,
): Float32Array<ArrayBuffer> {
  const [F, C, KH, KW] = shape;
  const columns = C * KH * KW;
  const weight = rng.fillNormal(new Float32Array(F * columns), 0);
  const kept = keeper(structure, shape, density, rng);
  for (let f = 0; f < F; f++) {
    for (let column = 0; column < columns; column++) if (!kept(f, column)) weight[f * columns + column] = 0;
  }
  return weight;
}

type Keeper = (f: number, column: number) => boolean;

function keeper(structure: Structure, [F, C, KH, KW]: readonly number[], density: number, rng: Rng): Keeper {
  const KK = KH * KW, columns = C * KK;
  const grouped = (groups: number, fraction: number, group: (f: number, column: number) => number): Keeper => {
    const stays = drawn(groups, fraction, rng, 1);
    return (f, column) => stays[group(f, column)] === 1;
  };
  switch (structure) {
    case "blocks 16×16": {
      const across = Math.ceil(columns / BLOCK);
      return grouped(
        Math.ceil(F / BLOCK) * across,
        density,
        (f, column) => Math.floor(f / BLOCK) * across + Math.floor(column / BLOCK),
      );
    }
    case "columns":
      return grouped(columns, density, (_, column) => column);
    case "N of M":
      return nOfM(columns, density, rng);
    case "kernels":
      return grouped(F * C, density, (f, column) => f * C + Math.floor(column / KK));
    case "kernel rows":
      return grouped(F * C * KH, density, (f, column) => Math.floor((f * columns + column) / KW));
    case "patterns": {
      const connected = grouped(F * C, density * 9 / 4, (f, column) => f * C + Math.floor(column / KK));
      const pattern = (f: number, c: number) => PATTERNS[rng.below(PATTERNS.length, 2, f * C + c)] as readonly number[];
      return (f, column) => connected(f, column) && pattern(f, Math.floor(column / KK)).includes(column % KK);
    }
    case "block-punched": {
      const across = Math.ceil(C / PUNCHED[1]);
      const block = (f: number, column: number) =>
        Math.floor(f / PUNCHED[0]) * across + Math.floor(column / KK / PUNCHED[1]);
      return grouped(
        Math.ceil(F / PUNCHED[0]) * across * KK,
        density,
        (f, column) => block(f, column) * KK + column % KK,
      );
    }
    case "unstructured":
      return grouped(F * columns, density, (f, column) => f * columns + column);
  }
}

/** N of every 4 (or 8) neighbours along a row, at random places. */
function nOfM(columns: number, density: number, rng: Rng): Keeper {
  const M = density === 0.125 ? 8 : 4, N = Math.round(density * M);
  return (f, column) => {
    const row = f * Math.ceil(columns / M) + Math.floor(column / M);
    return rng.permutation(M, row + 3).indexOf(column % M) < N;
  };
}

/** 1 for round(fraction · groups) of the groups, at least one. */
function drawn(groups: number, fraction: number, rng: Rng, step: number): Uint8Array {
  const order = rng.permutation(groups, step);
  const stays = new Uint8Array(groups);
  const count = Math.max(1, Math.round(fraction * groups));
  for (let i = 0; i < count; i++) stays[order[i]] = 1;
  return stays;
}
