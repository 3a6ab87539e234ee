/**
 * Plans products of few outputs: the slices of a workgroup share out k, and read what they need from storage (slices.wgsl).
 * Made for GPUs.
 */
import type { Program } from "../../src/gpu/types.ts";
import { type DeviceProfile, wantedThreads } from "../device_profile.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import { spillOf, timeOf } from "./cost.ts";
import { readingSource, type Reads, readsOf } from "./reads.ts";
import type { GemmShape } from "./shape.ts";
import source from "./slices.wgsl" with { type: "text" };
import { batchOf } from "./split.ts";

/** A workgroup has so many threads, which every device runs. */
const THREADS = 256;
/** Neighbours read the same fours, of which so many fewer come from memory. */
const SHARED_LOADS = 8;

/** A slice has ty × tx threads, of which each makes 4·rows × 4·columns outputs. */
interface Tile {
  readonly ty: 4 | 8;
  readonly tx: 4 | 8;
  readonly rows: 1 | 2;
  readonly columns: 1 | 2;
}

const TILES: readonly Tile[] = [
  { ty: 4, tx: 4, rows: 1, columns: 1 },
  { ty: 4, tx: 8, rows: 1, columns: 1 },
  { ty: 4, tx: 4, rows: 2, columns: 2 },
  { ty: 4, tx: 8, rows: 2, columns: 2 },
  { ty: 8, tx: 8, rows: 2, columns: 2 },
];

export function sliceCandidates(shape: GemmShape, { profile }: Tuning): Candidate[] {
  // Half empty tiles waste more than they share, slices without a four of k each would be idle, and where there
  // are threads enough without slices, workgroup memory has more use.
  const fits = (tile: Tile) => {
    const [rows, columns] = outputsOf(tile);
    return shape.m > rows / 2 && shape.n > columns / 2 && shape.k >= stepOf(tile) &&
      groupsOf(shape, tile) * THREADS / slicesOf(tile) < wantedThreads(profile);
  };
  if (profile.waves === undefined) return [];
  return TILES.filter(fits).map((tile) => ({
    name: `registers ${4 * tile.rows}x${4 * tile.columns}, ${slicesOf(tile)} slices`,
    cost: costOf(shape, tile, profile),
    build: () => plan(shape, tile),
  }));
}

/** Says how many rows and columns of outputs a workgroup makes. */
function outputsOf({ ty, tx, rows, columns }: Tile): [number, number] {
  return [4 * ty * rows, 4 * tx * columns];
}

function slicesOf({ ty, tx }: Tile): number {
  return THREADS / (ty * tx);
}

/** All slices together take so many k at a time. */
function stepOf(tile: Tile): number {
  return 4 * slicesOf(tile);
}

function groupsOf({ m, n, batch }: GemmShape, tile: Tile): number {
  const [rows, columns] = outputsOf(tile);
  return ceilDiv(m, rows) * ceilDiv(n, columns) * (batch?.count ?? 1);
}

function costOf(shape: GemmShape, tile: Tile, device: DeviceProfile): number {
  const { rows, columns } = tile, profile = { ...device, threads: wantedThreads(device) };
  const { load4Ns, scalars4Ns, workgroup4Ns, blockNs, turnNs } = profile.gemm, { a, b } = readsOf(shape);
  const load = (read: string) => (read === "fours" ? load4Ns : scalars4Ns) / SHARED_LOADS;
  const turn = turnNs + 4 * (rows * load(a) + columns * load(b)) + rows * columns * blockNs;
  // Each slice writes four vec4 of a block, and reads a share of all.
  const adding = rows * columns * (turnNs + 8 * workgroup4Ns);
  const ns = ceilDiv(shape.k, stepOf(tile)) * turn + adding;
  return spillOf(16 * rows * columns, profile) * timeOf(groupsOf(shape, tile) * THREADS, ns, profile);
}

function plan(shape: GemmShape, tile: Tile): Launch {
  const { m, n, k, bias, residual } = shape, { count, a: aBatch, b: bBatch } = batchOf(shape), reads = readsOf(shape);
  const [rows, columns] = outputsOf(tile), tilesM = ceilDiv(m, rows), tilesN = ceilDiv(n, columns);
  const grid = linearGrid(tilesM * tilesN, 1);
  const [aRow, aCol] = shape.a === "k" ? [k, 1] : [1, m];
  const [bRow, bCol] = shape.b === "k" ? [k, 1] : [1, n];
  return {
    steps: [{
      plan: {
        program: sliceProgram(shape, tile, reads, shape),
        uniforms: [m, n, k, aRow, aCol, bRow, bCol, tilesM, tilesN, grid[0], aBatch, bBatch],
        grid: [grid[0], grid[1], count],
      },
      bindings: [
        "a",
        "b",
        bias === "add" ? "bias" : "a",
        residual === "add" ? "residual" : "a",
        "y",
      ],
    }],
    scratch: {},
    tables: {},
  };
}

function sliceProgram(
  { n, a, b }: Pick<GemmShape, "n" | "a" | "b">,
  tile: Tile,
  reads: Reads,
  epilogue: Epilogue,
): Program {
  const constants = {
    A_ROWS: a === "rows" ? 1 : 0,
    B_ROWS: b === "rows" ? 1 : 0,
    LANES: tile.ty * tile.tx,
    TY: tile.ty,
    MB: tile.rows,
    NB: tile.columns,
    Y_FOURS: n % 4 === 0 ? 1 : 0,
    ...epilogueConstants(epilogue),
  };
  const access = ["read", "read", "read", "read", "read_write"] as const;
  return { name: "gemm by slices", source: readingSource(source, reads, epilogue), constants, access };
}

export function slicePrograms(): Program[] {
  const [small] = TILES, even = { n: 4, a: "k", b: "k" } as const, fours = { a: "fours", b: "fours" } as const;
  return [
    sliceProgram({ n: 5, a: "rows", b: "rows" }, small, { a: "ones", b: "ones" }, EPILOGUES[3]),
    sliceProgram({ n: 4, a: "rows", b: "rows" }, small, fours, {}),
    ...TILES.map((tile) => sliceProgram(even, tile, fours, {})),
    ...EPILOGUES.slice(1).map((epilogue) => sliceProgram(even, small, fours, epilogue)),
  ];
}
