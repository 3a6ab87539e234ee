/** Block-sparse rows (BSR) are square blocks of the GEMM view [F, C·KH·KW] that are stored whole or not at all. */
import type { Plan, Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { reduceStep } from "../gemm/plan.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, epilogueConstants, EPILOGUES, type Launch } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import type { Height, ListCost, TapLine, TapLists } from "./cut.ts";
import type { LinearShape, PackedWeight, SparseFormat } from "./format.ts";
import { countNonzeros, matrixShape, packedWeight } from "./packed.ts";
import { tapsConv, tapsGemm } from "./taps.ts";
import source from "./bsr_gemm.wgsl" with { type: "text" };

/** Blocks have these sides, the largest first: larger ones share more loads. */
const BLOCKS = [32, 16, 8, 4] as const;

/** This share of the numbers in stored blocks must not be zero, for the blocks to be what the zeros are about. */
const EXPLAINED = 0.95;
const GROUP = 64;
/** A split of fewer blocks spends more on adding up than it wins. */
const SHORTEST_SPLIT = 4;

export const bsr: SparseFormat = {
  name: "bsr",
  pack,
  conv: (shape, packed, epilogue, tuning) =>
    tapsConv(shape, epilogue, () => tapLists(packed), listCost(packed), tuning),
  gemm: (shape, packed, tuning) => [
    ...tapsGemm(shape, () => tapLists(packed), listCost(packed), tuning),
    // Its tiles are made for CPUs: on a GPU the tall ones spill, and the others are few.
    ...tuning.profile.waves ? [] : storageGemm(shape, packed, tuning),
  ],
};

/**
 * The parameter is `block`, the side. The index is `line`, pairs of a block row and its first block, longest rows
 * first, and the end (with an unused row before it), and `column`, each block's block column. bsr_gemm.wgsl says how
 * the values lie.
 */
function pack(weight: Float32Array, shape: readonly number[]): PackedWeight | undefined {
  const { rows, columns } = matrixShape(shape);
  const nonzeros = countNonzeros(weight);
  for (const block of BLOCKS) {
    const lines = storedBlocks(weight, rows, columns, block);
    const inside = lines.reduce((sum, line, r) => {
      const height = Math.min(block, rows - r * block);
      return sum + line.reduce((part, c) => part + height * Math.min(block, columns - c * block), 0);
    }, 0);
    const count = lines.reduce((sum, line) => sum + line.length, 0);
    if (nonzeros < EXPLAINED * inside || count * block * block >= rows * columns) continue;
    return packBlocks(weight, rows, columns, block, lines);
  }
}

/** Gives for each block row the block columns that aren't all zero. */
function storedBlocks(weight: Float32Array, rows: number, columns: number, block: number): number[][] {
  const across = ceilDiv(columns, block);
  const used = Array.from({ length: ceilDiv(rows, block) }, () => new Uint8Array(across));
  for (let r = 0; r < rows; r++) {
    const line = used[Math.floor(r / block)];
    for (let c = 0; c < columns; c++) if (weight[r * columns + c] !== 0) line[Math.floor(c / block)] = 1;
  }
  return used.map((line) => Array.from(line.keys()).filter((c) => line[c]));
}

function packBlocks(
  weight: Float32Array,
  rows: number,
  columns: number,
  block: number,
  lines: readonly (readonly number[])[],
): PackedWeight {
  const order = Array.from(lines.keys()).sort((a, b) => lines[b].length - lines[a].length || a - b);
  const stored = lines.reduce((sum, line) => sum + line.length, 0) * block * block;
  const values = new Float32Array(Math.max(4, stored));
  const line: number[] = [], column: number[] = [];
  let at = 0;
  for (const r of order) {
    line.push(r, column.length);
    for (const c of lines[r]) {
      column.push(c);
      for (let k4 = 0; k4 < block; k4 += 4) {
        for (let n4 = 0; n4 < block; n4 += 4) {
          for (let i = 0; i < 16; i++, at++) {
            const row = r * block + n4 + i % 4, k = c * block + k4 + Math.floor(i / 4);
            if (row < rows && k < columns) values[at] = weight[row * columns + k];
          }
        }
      }
    }
  }
  const index = { line: Uint32Array.from([...line, 0, column.length]), column: Uint32Array.from([...column, 0]) };
  return packedWeight({ format: "bsr", parameters: { block }, rows, columns, stored, values, index });
}

/** A stored block is a tap for each of its columns; rows of blocks are lines of at most 16 filters. */
function tapLists({ parameters: { block }, rows, columns, index }: PackedWeight): TapLists {
  const height = lineHeight(block), quads = block / 4;
  const lines: TapLine[] = [];
  for (let i = 0; i + 2 < index.line.length; i += 2) {
    for (let part = 0; part < block && index.line[i] * block + part < rows; part += height) {
      const taps = [];
      for (let b = index.line[i + 1]; b < index.line[i + 3]; b++) {
        for (let k = 0; k < block && index.column[b] * block + k < columns; k++) {
          const four = (Math.floor(k / 4) * quads + part / 4) * 4 + k % 4;
          taps.push({ column: index.column[b] * block + k, source: b * block ** 2 + 4 * four });
        }
      }
      lines.push({ first: index.line[i] * block + part, taps });
    }
  }
  return { filters: rows, height, perFilter: 1, perFour: 16, lines };
}

function listCost({ parameters: { block }, rows, stored }: PackedWeight): ListCost {
  const height = lineHeight(block);
  return { lines: ceilDiv(rows, height), height, taps: stored / height };
}

function lineHeight(block: number): Height {
  return Math.min(block, 16) as Height;
}

/** A thread's tile has one of these heights, in fours of rows. */
const HEIGHTS = [4, 2, 1] as const;
/** Reading x one by one takes so much code that a taller tile compiles for seconds. */
const SCALAR_HEIGHTS = [1] as const;

function storageGemm(shape: LinearShape, packed: PackedWeight, tuning: Tuning): Candidate[] {
  const heights: readonly number[] = readsFours(shape, packed) ? HEIGHTS : SCALAR_HEIGHTS;
  const needed = heights.filter((bm) => bm === 1 || shape.m > 2 * bm);
  return needed.flatMap((bm) => {
    const tile = gemmTile(shape, packed, bm);
    const wanted = ceilDiv(tuning.profile.threads, tile.threads);
    const splits = Math.max(1, Math.min(wanted, Math.floor(tile.longest / SHORTEST_SPLIT)));
    return Array.from(new Set([1, splits]), (n): Candidate => ({
      name: `storage, ${4 * bm} rows${n > 1 ? ", split" : ""}`,
      cost: gemmCost(shape, packed, tile, n, tuning.profile),
      build: () => gemmLaunch(shape, packed, tile, n),
    }));
  });
}

/** Says whether rows of x are whole blocks. */
function readsFours({ k }: LinearShape, { parameters }: PackedWeight): boolean {
  return k % parameters.block === 0;
}

interface GemmTile {
  /** A thread makes so many fours of rows and of columns. */
  readonly bm: number;
  readonly bn: number;
  /** A block's rows are cut into so many parts, each of which is a thread's columns of Y. */
  readonly parts: number;
  readonly tilesM: number;
  readonly threads: number;
  /** The longest line has so many blocks. */
  readonly longest: number;
}

function gemmTile({ m }: LinearShape, { parameters: { block }, rows, index }: PackedWeight, bm: number): GemmTile {
  const bn = Math.min(4, block / 4), parts = block / 4 / bn, tilesM = ceilDiv(m, 4 * bm);
  return { bm, bn, parts, tilesM, threads: ceilDiv(rows, block) * parts * tilesM, longest: index.line[3] };
}

function gemmCost(
  s: LinearShape,
  w: PackedWeight,
  { bm, bn, parts, tilesM, threads }: GemmTile,
  splits: number,
  { threads: wanted, conv }: DeviceProfile,
): number {
  const { block } = w.parameters, { loopNs, loadNs, load4Ns, fmaNs, storeNs } = conv;
  const perStep = loopNs + 4 * (bm + bn) * load4Ns + bm * bn * 64 * fmaNs;
  const blocks = w.stored / block ** 2;
  const sums = blocks * (loadNs + loopNs + block / 4 * perStep) * parts * tilesM;
  const stores = s.m * s.n * storeNs * splits * (splits > 1 ? 2 : 1);
  return (sums + stores) * Math.max(1, wanted / (threads * splits));
}

function gemmLaunch(s: LinearShape, w: PackedWeight, tile: GemmTile, splits: number): Launch {
  const { block } = w.parameters, size = s.m * s.n, split = splits > 1;
  const grid = linearGrid(tile.threads, GROUP);
  const plan: Plan = {
    program: gemmProgram({
      X_MODE: readsFours(s, w) ? 0 : 1,
      BM: tile.bm,
      BN: tile.bn,
      ...epilogueConstants(split ? {} : s),
    }),
    uniforms: [
      ...[s.m, s.n, s.k, block / 4, block / 4, tile.parts, tile.tilesM, tile.threads],
      ...[splits, grid[0] * GROUP],
    ],
    grid: [grid[0], grid[1], splits],
  };
  const bias = !split && s.bias === "add" ? "bias" : "x", residual = !split && s.residual === "add" ? "residual" : "x";
  return {
    steps: [
      { plan, bindings: ["x", "values", "line", "column", bias, residual, split ? "partial" : "y"] },
      ...(split ? [reduceStep(size, splits, s, 1, s.n)] : []),
    ],
    scratch: split ? { partial: splits * size * 4 } : {},
    tables: w.index,
  };
}

function gemmProgram(constants: Record<string, number>): Program {
  const access = ["read", "read", "read", "read", "read", "read", "read_write"] as const;
  return { name: "block-sparse matrix product", source, constants, access };
}

/** Lists every constant with each of its values while the others have their smallest. */
export function variants(): Program[] {
  const plain = epilogueConstants({});
  return [
    ...[[4, 4], [2, 1], [1, 2]].map(([BM, BN]) => gemmProgram({ X_MODE: 0, BM, BN, ...plain })),
    gemmProgram({ X_MODE: 1, BM: 1, BN: 1, ...plain }),
    ...EPILOGUES.map((e) => gemmProgram({ X_MODE: 0, BM: 1, BN: 1, ...epilogueConstants(e) })),
  ];
}
