/** Plans products by tiles in workgroup memory, which is fast on GPUs; no other way takes b in f16. */
import type { Program } from "../../src/gpu/types.ts";
import { type Arithmetic, arithmeticOf, errorOf, featuresOf, halfProfile, nameIn } from "../arithmetic.ts";
import { type DeviceProfile, wantedThreads } from "../device_profile.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import { spillOf, timeOf } from "./cost.ts";
import halve from "./halve.wgsl" with { type: "text" };
import inF16 from "./products_f16.wgsl" with { type: "text" };
import inF32 from "./products_f32.wgsl" with { type: "text" };
import { readingSource, type Reads, readsOf } from "./reads.ts";
import type { GemmShape } from "./shape.ts";
import { batchOf, chooseSplit, type Split, splitLaunch } from "./split.ts";
import tileSource from "./tile.wgsl" with { type: "text" };

/** A workgroup has 8 × 8 threads. */
const GROUP = 64;
/** A tile has so many outputs along a side for each block of a thread. */
const SIDE = 32;

/** So many loads wait together. */
const IN_FLIGHT = 4;

/** A thread makes rows × columns blocks of 4 × 4 outputs. */
interface Tile {
  readonly rows: 1 | 2 | 4;
  readonly columns: 1 | 2;
}

const TILES: readonly Tile[] = [
  { rows: 1, columns: 1 },
  { rows: 2, columns: 1 },
  { rows: 1, columns: 2 },
  { rows: 2, columns: 2 },
  { rows: 4, columns: 2 },
];

/** So many k of both operands are in workgroup memory at a time: each thread then loads whole units of 4 × 4 numbers. */
function stepOf({ rows, columns }: Tile): number {
  return rows === 1 || columns === 1 ? 32 : 16;
}

/** Offers tiles from 32 × 32 to 128 × 64 outputs. */
export function tileCandidates(shape: GemmShape, given: Tuning): Candidate[] {
  const { m, n, storage } = shape;
  // A software adapter would convert each number, and b that is read from pairs comes as f32.
  const halves = given.profile.waves !== undefined && storage !== "f16";
  const arithmetic = halves ? arithmeticOf(given) : "f32";
  const tuning = arithmetic === "f16" ? { ...given, profile: halfProfile(given.profile) } : given;
  // Sums in f16 have no room beside as many in f32.
  const hasRoom = ({ rows, columns }: Tile) =>
    arithmetic === "f32" || 16 * rows * columns <= tuning.profile.gemm.spill.sums;
  // Half empty tiles waste more than they share.
  const fits = ({ rows, columns }: Tile) => m > rows * SIDE / 2 && n > columns * SIDE / 2;
  // Other tiles gain nothing without real workgroup memory, nor where numbers of f16 are unpacked one by one; f16 is
  // served by no other way, however small it is.
  const few = storage === "f16" || tuning.profile.cores !== undefined;
  const offered = (tile: Tile) => !few || tile.rows === tile.columns;
  return TILES.filter((tile) =>
    hasRoom(tile) && offered(tile) && (fits(tile) || storage === "f16" && tile === TILES[0])
  ).map((
    tile,
  ) => ({
    name: `workgroup ${tile.rows * SIDE}x${tile.columns * SIDE}`,
    cost: cost(shape, tile, tuning),
    ...errorOf(arithmetic),
    build: () => plan(shape, tile, tuning, arithmetic),
  }));
}

function threadsOf({ m, n, batch }: GemmShape, { rows, columns }: Tile): number {
  return ceilDiv(m, rows * SIDE) * ceilDiv(n, columns * SIDE) * (batch?.count ?? 1) * GROUP;
}

/** Says how many parts of the sum each product has: there are more where a tile leaves much of the device idle. */
function splitOf(shape: GemmShape, tile: Tile, { profile }: Tuning): Split {
  return chooseSplit(shape, threadsOf(shape, tile), wantedThreads(profile));
}

function cost(shape: GemmShape, tile: Tile, tuning: Tuning): number {
  const { m, n, batch } = shape, { rows, columns } = tile;
  // Tiles keep a device busy when there are as many of them as it wants.
  const profile: DeviceProfile = { ...tuning.profile, threads: wantedThreads(tuning.profile) };
  const { load4Ns, scalars4Ns, loadNs, workgroup4Ns, blockNs, turnNs, dispatchNs } = profile.gemm;
  const { splits, chunk } = splitOf(shape, tile, tuning), { a, b } = readsOf(shape), step = stepOf(tile);
  // A thread stages an eighth of a vec4 of each block for each k, and loads it while others are multiplied.
  const staged = (read: string) => ((read === "fours" ? load4Ns : scalars4Ns) / IN_FLIGHT + workgroup4Ns) / 8;
  const perK = turnNs / step + (rows + columns) * workgroup4Ns + rows * columns * blockNs / 4 +
    rows * staged(a) + columns * staged(b);
  const sums = timeOf(threadsOf(shape, tile) * splits, ceilDiv(chunk, step) * step * perK, profile);
  // Each part is written and read again.
  const parts = splits > 1 ? dispatchNs + timeOf(m * n * (batch?.count ?? 1), 2 * splits * loadNs, profile) : 0;
  return spillOf(16 * rows * columns, profile) * sums + parts;
}

function plan(shape: GemmShape, tile: Tile, tuning: Tuning, arithmetic: Arithmetic): Launch {
  const { m, n, k } = shape;
  const { count, a: aBatch, b: bBatch } = batchOf(shape);
  const reads = readsOf(shape), unrolled = tuning.profile.cores ? 0 : 1, split = splitOf(shape, tile, tuning);
  const tilesM = ceilDiv(m, tile.rows * SIDE), tilesN = ceilDiv(n, tile.columns * SIDE);
  const grid = linearGrid(tilesM * tilesN, 1);
  const [aRow, aCol] = shape.a === "k" ? [k, 1] : [1, m];
  const [bRow, bCol] = shape.b === "k" ? [k, 1] : [1, n];
  const launch = splitLaunch(shape, split, reads.b === "half" ? "halfB" : "b", (epilogue) => ({
    program: tileProgram(shape, tile, reads, unrolled, epilogue, arithmetic),
    uniforms: [m, n, k, split.chunk, aRow, aCol, bRow, bCol, tilesM, tilesN, grid[0], count, aBatch, bBatch],
    grid: [grid[0], grid[1], split.splits * count],
  }));
  if (reads.b !== "half") return { ...launch, ...errorOf(arithmetic) };
  const size = (count - 1) * bBatch + n * k;
  return { ...launch, prepare: [halveStep(size)], scratch: { ...launch.scratch, halfB: 4 * ceilDiv(size, 2) } };
}

function halveStep(size: number): Step {
  const grid = linearGrid(ceilDiv(size, 2), GROUP);
  return { plan: { program: HALVE, uniforms: [size, grid[0] * GROUP], grid }, bindings: ["b", "halfB"] };
}

const HALVE: Program = { name: "round to f16", source: halve, access: ["read", "read_write"] };

const BODIES: Readonly<Record<Arithmetic, string>> = {
  f32: `${inF32}\n${tileSource}`,
  f16: `${inF16}\n${tileSource}`,
};

function tileProgram(
  { n, a, b }: Pick<GemmShape, "n" | "a" | "b">,
  tile: Tile,
  reads: Reads,
  unrolled: 0 | 1,
  epilogue: Epilogue,
  arithmetic: Arithmetic = "f32",
): Program {
  const constants = {
    A_ROWS: a === "rows" ? 1 : 0,
    B_ROWS: b === "rows" ? 1 : 0,
    MB: tile.rows,
    NB: tile.columns,
    STEP: stepOf(tile),
    UNROLLED: unrolled,
    Y_FOURS: n % 4 === 0 ? 1 : 0,
    ...epilogueConstants(epilogue),
  };
  const access = ["read", "read", "read", "read", "read_write"] as const;
  return {
    name: nameIn(arithmetic, "gemm by tiles"),
    source: readingSource(BODIES[arithmetic], reads, epilogue),
    constants,
    access,
    ...featuresOf(arithmetic),
  };
}

export function tilePrograms(): Program[] {
  const [small] = TILES, even = { n: 4, a: "k", b: "k" } as const;
  const reads = (["fours", "ones"] as const).flatMap((a) =>
    (["fours", "ones", "half"] as const).map((b) => ({ a, b }))
  );
  return [
    HALVE,
    ...reads.flatMap((read) => [
      tileProgram(even, small, read, 0, {}),
      tileProgram({ n: 5, a: "rows", b: "rows" }, small, read, 0, EPILOGUES[3]),
    ]),
    tileProgram(even, small, reads[0], 1, {}),
    ...halfPrograms(),
    ...TILES.slice(1).map((tile) => tileProgram(even, tile, reads[0], 0, {})),
    ...[...EPILOGUES.slice(1), { activation: "gelu" } as const, { activation: "geluTanh" } as const]
      .map((e) => tileProgram(even, small, reads[0], 0, e)),
  ];
}

/** These have steps that are unrolled; what isn't served by fours is the same text with other reads. */
function halfPrograms(): Program[] {
  const even = { n: 4, a: "k", b: "k" } as const, fours = { a: "fours", b: "fours" } as const;
  const ones = { a: "ones", b: "ones" } as const;
  return [
    ...TILES.filter(({ rows }) => rows <= 2).map((tile) => tileProgram(even, tile, fours, 1, {}, "f16")),
    tileProgram({ n: 5, a: "rows", b: "rows" }, TILES[0], ones, 1, EPILOGUES[3], "f16"),
    tileProgram({ n: 4, a: "rows", b: "rows" }, TILES[0], fours, 1, EPILOGUES[2], "f16"),
    tileProgram(even, TILES[0], fours, 1, { activation: "gelu" }, "f16"),
  ];
}
