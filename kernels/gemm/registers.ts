/**
 * Plans products in registers only: a thread makes 4 or 8 rows and columns of outputs and reads all it needs from
 * storage.
 */
import type { Program } from "../../src/gpu/types.ts";
import { withGelu } from "../activation.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import { spillOf, timeOf } from "./cost.ts";
import gemm from "./gemm.wgsl" with { type: "text" };
import type { Contiguous, GemmShape } from "./shape.ts";
import { batchOf, chooseSplit, splitLaunch } from "./split.ts";

const GROUP = 64;
/** A thread's tile has so many fours of rows, and of columns. */
const TILES = [[2, 2], [1, 2], [2, 1], [1, 1]] as const;

export function registerCandidates(shape: GemmShape, tuning: Tuning): Candidate[] {
  const { m, n } = shape;
  return TILES.filter(([bm, bn]) => (bm === 1 || m > 4) && (bn === 1 || n > 4)).map(([bm, bn]) => ({
    name: `registers ${4 * bm}x${4 * bn}`,
    cost: cost(shape, bm, bn, tuning),
    build: () => plan(shape, bm, bn, tuning),
  }));
}

function cost(shape: GemmShape, bm: number, bn: number, { profile }: Tuning): number {
  const { m, n, k, a, b, batch } = shape;
  const tiles = ceilDiv(m, 4 * bm) * ceilDiv(n, 4 * bn) * (batch?.count ?? 1);
  const { load4Ns, scalars4Ns, blockNs, turnNs, dispatchNs } = profile.gemm;
  const { splits, chunk } = chooseSplit(shape, tiles, profile.threads);
  const load = (contiguous: Contiguous, rows: number) => mode(contiguous, rows, k) === 2 ? scalars4Ns : load4Ns;
  const turn = turnNs + 4 * (bm * load(a, m) + bn * load(b, n)) + bm * bn * blockNs;
  const sums = timeOf(tiles * splits, chunk / 4 * turn, profile);
  return spillOf(16 * bm * bn, profile) * sums + (splits > 1 ? dispatchNs : 0);
}

function plan(shape: GemmShape, bm: number, bn: number, { profile }: Tuning): Launch {
  const { m, n, k } = shape;
  const { count, a: aBatch, b: bBatch } = batchOf(shape);
  const tilesM = ceilDiv(m, 4 * bm), tilesN = ceilDiv(n, 4 * bn);
  const split = chooseSplit(shape, tilesM * tilesN * count, profile.threads);
  const grid = linearGrid(tilesM * tilesN, GROUP);
  const [aRow, aCol] = shape.a === "k" ? [k, 1] : [1, m];
  const [bRow, bCol] = shape.b === "k" ? [k, 1] : [1, n];
  const one = m === 1 ? 1 : 0;
  // A single row is contiguous along k either way.
  const aMode = mode(one ? "k" : shape.a, m, k, aBatch);
  const constants = { A_MODE: aMode, B_MODE: mode(shape.b, n, k, bBatch), BM: bm, BN: bn, ONE_ROW: one };
  return splitLaunch(shape, split, "b", (epilogue) => ({
    program: gemmProgram(constants, epilogue),
    uniforms: [m, n, k, split.chunk, aRow, aCol, bRow, bCol, tilesM, tilesN, grid[0] * GROUP, count, aBatch, bBatch],
    grid: [grid[0], grid[1], split.splits * count],
  }));
}

/** Gives the shader's A_MODE / B_MODE for matrices of `rows` × k that lie `batch` elements apart. */
function mode(contiguous: Contiguous, rows: number, k: number, batch = 0): number {
  if (batch % 4 !== 0) return 2;
  if (contiguous === "k") return k % 4 === 0 ? 0 : 2;
  return rows % 4 === 0 ? 1 : 2;
}

function gemmProgram(constants: Record<string, number>, epilogue: Epilogue): Program {
  return {
    name: "gemm",
    source: withGelu(gemm, epilogue),
    constants: { ...constants, ...epilogueConstants(epilogue) },
    access: ["read", "read", "read", "read", "read_write"],
  };
}

/** Lists every constant with each of its values: loads, tiles and epilogues change one at a time. */
export function registerPrograms(): Program[] {
  const loads = [0, 1, 2].flatMap((a) => [0, 1, 2].map((b) => ({ A_MODE: a, B_MODE: b, BM: 1, BN: 1, ONE_ROW: 0 })));
  const tiles = [[1, 2], [2, 1], [2, 2]].map(([bm, bn]) => ({ A_MODE: 0, B_MODE: 0, BM: bm, BN: bn, ONE_ROW: 0 }));
  const rows = [0, 2].map((a) => ({ A_MODE: a, B_MODE: a, BM: 1, BN: 2, ONE_ROW: 1 }));
  return [
    ...[...loads, ...tiles, ...rows].map((constants) => gemmProgram(constants, {})),
    ...[...EPILOGUES.slice(1), { activation: "gelu" } as const, { activation: "geluTanh" } as const].map((epilogue) =>
      gemmProgram({ A_MODE: 0, B_MODE: 0, BM: 1, BN: 1, ONE_ROW: 0 }, epilogue)
    ),
  ];
}
