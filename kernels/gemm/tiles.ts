/** Plans products by tiles in workgroup memory, which is fast on GPUs; no other way takes b in f16. */
import type { Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import { spillOf, timeOf } from "./cost.ts";
import halve from "./halve.wgsl" with { type: "text" };
import type { GemmShape } from "./shape.ts";
import { batchOf, chooseSplit, splitLaunch } from "./split.ts";
import tile from "./tile.wgsl" with { type: "text" };

const GROUP = 64;
/** A tile has so many outputs along a side for each block of a thread. */
const SIDE = 32;
/** So many k of both operands are in workgroup memory at a time. */
const STEP = 16;

/** Offers tiles of 32 × 32 and 64 × 64 outputs. */
export function tileCandidates(shape: GemmShape, tuning: Tuning): Candidate[] {
  const { m, n, storage } = shape;
  // Half empty tiles waste more than they share; f16 knows no other way.
  const fits = (side: number) => Math.min(m, n) > side / 2 || (storage === "f16" && side === SIDE);
  return [1, 2].filter((blocks) => fits(blocks * SIDE)).map((blocks) => ({
    name: `workgroup ${blocks * SIDE}x${blocks * SIDE}`,
    cost: cost(shape, blocks, tuning),
    build: () => plan(shape, blocks, tuning),
  }));
}

function threadsOf({ m, n, batch }: GemmShape, blocks: number): number {
  return ceilDiv(m, blocks * SIDE) * ceilDiv(n, blocks * SIDE) * (batch?.count ?? 1) * GROUP;
}

function cost(shape: GemmShape, blocks: number, { profile }: Tuning): number {
  const threads = threadsOf(shape, blocks);
  const { load4Ns, workgroup4Ns, blockNs, turnNs, dispatchNs } = profile.gemm;
  const { splits, chunk } = chooseSplit(shape, threads, profile.threads);
  const turn = turnNs + 2 * blocks * workgroup4Ns + blocks ** 2 * blockNs / 4;
  // Each vec4 is gathered from four places.
  const staging = 2 * blocks * 2 * (2 * load4Ns + workgroup4Ns) / STEP;
  const sums = timeOf(threads * splits, ceilDiv(chunk, STEP) * STEP * (turn + staging), profile);
  return spillOf(16 * blocks ** 2, profile) * sums + (splits > 1 ? dispatchNs : 0);
}

function plan(shape: GemmShape, blocks: number, { profile }: Tuning): Launch {
  const { m, n, k } = shape;
  const { count, a: aBatch, b: bBatch } = batchOf(shape);
  const half = shape.storage === "f16";
  const split = chooseSplit(shape, threadsOf(shape, blocks), profile.threads);
  const tilesM = ceilDiv(m, blocks * SIDE), tilesN = ceilDiv(n, blocks * SIDE);
  const grid = linearGrid(tilesM * tilesN, 1);
  const [aRow, aCol] = shape.a === "k" ? [k, 1] : [1, m];
  const [bRow, bCol] = shape.b === "k" ? [k, 1] : [1, n];
  const constants = {
    A_ROWS: shape.a === "rows" ? 1 : 0,
    B_ROWS: shape.b === "rows" ? 1 : 0,
    B_HALF: half ? 1 : 0,
    B: blocks,
  };
  const launch = splitLaunch(shape, split, half ? "halfB" : "b", (epilogue) => ({
    program: tileProgram({ ...constants, ...epilogueConstants(epilogue) }),
    uniforms: [m, n, k, split.chunk, aRow, aCol, bRow, bCol, tilesM, tilesN, grid[0], count, aBatch, bBatch],
    grid: [grid[0], grid[1], split.splits * count],
  }));
  if (!half) return launch;
  const size = (count - 1) * bBatch + n * k;
  return { ...launch, prepare: [halveStep(size)], scratch: { ...launch.scratch, halfB: 4 * ceilDiv(size, 2) } };
}

function halveStep(size: number): Step {
  const grid = linearGrid(ceilDiv(size, 2), GROUP);
  return { plan: { program: HALVE, uniforms: [size, grid[0] * GROUP], grid }, bindings: ["b", "halfB"] };
}

const HALVE: Program = { name: "round to f16", source: halve, access: ["read", "read_write"] };

function tileProgram(constants: Record<string, number>): Program {
  return { name: "gemm by tiles", source: tile, constants, access: ["read", "read", "read", "read", "read_write"] };
}

export function tilePrograms(): Program[] {
  const plain = { A_ROWS: 0, B_ROWS: 0, B_HALF: 0, B: 1 };
  return [
    HALVE,
    ...EPILOGUES.map((e) => tileProgram({ ...plain, ...epilogueConstants(e) })),
    ...[{ A_ROWS: 1, B_ROWS: 1 }, { B_HALF: 1 }, { B: 2 }].map((other) =>
      tileProgram({ ...plain, ...other, ...epilogueConstants({}) })
    ),
  ];
}
