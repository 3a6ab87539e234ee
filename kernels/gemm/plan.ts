import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import gemm from "./gemm.wgsl" with { type: "text" };
import reduce from "./reduce.wgsl" with { type: "text" };
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import { type Tuning, UNTUNED } from "../tuning.ts";

/** Which dimension of a matrix lies contiguous in memory: the summed one, or the one that the output keeps. */
export type Contiguous = "k" | "rows";

export interface GemmShape extends Epilogue {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** A is [m,k] ("k") or [k,m] ("rows") in memory. */
  readonly a: Contiguous;
  /** B is [n,k] ("k") or [k,n] ("rows") in memory. */
  readonly b: Contiguous;
}

const GROUP = 64;
/** A split shorter than this spends more on adding up than it wins. */
const SHORTEST_SPLIT = 64;

/**
 * Y[m,n] = act(A·Bᵀ + bias[n] + residual[m,n]); operands "a", "b", "y" and, as the epilogue says, "bias", "residual".
 * nt, nn and tn products differ in `a` and `b` only. Any sizes ≥ 1. k is split (scratch "partial") when m·n is small.
 */
export function planGemm(shape: GemmShape, tuning: Tuning = UNTUNED): Launch {
  const { m, n, k } = shape;
  const bm = m > 4 ? 2 : 1;
  const bn = n > 4 ? 2 : 1;
  const tilesM = ceilDiv(m, 4 * bm), tilesN = ceilDiv(n, 4 * bn);
  const chunk = chooseChunk(tilesM * tilesN, k, tuning.threads);
  const splits = ceilDiv(k, chunk);
  const grid = linearGrid(tilesM * tilesN, GROUP);
  const [aRow, aCol] = shape.a === "k" ? [k, 1] : [1, m];
  const [bRow, bCol] = shape.b === "k" ? [k, 1] : [1, n];
  const one = m === 1 ? 1 : 0;
  // A single row is contiguous along k either way.
  const aMode = mode(one ? "k" : shape.a, m, k);
  const constants = { A_MODE: aMode, B_MODE: mode(shape.b, n, k), BM: bm, BN: bn, ONE_ROW: one };
  const plan: Plan = {
    program: gemmProgram({ ...constants, ...epilogueConstants(splits > 1 ? {} : shape) }),
    uniforms: [m, n, k, chunk, aRow, aCol, bRow, bCol, tilesM, tilesN, grid[0] * GROUP],
    grid: [grid[0], grid[1], splits],
  };
  const bias = shape.bias === "add" ? "bias" : "a";
  const residual = shape.residual === "add" ? "residual" : "a";
  if (splits === 1) {
    return { steps: [{ plan, bindings: ["a", "b", bias, residual, "y"] }], scratch: {}, tables: {} };
  }
  return {
    steps: [{ plan, bindings: ["a", "b", "a", "a", "partial"] }, reduceStep(m * n, splits, shape, 1, n)],
    scratch: { partial: splits * m * n * 4 },
    tables: {},
  };
}

/** Adds up `splits` partial results of `size` elements: scratch "partial" → "y"; `per` elements in a row share a bias. */
export function reduceStep(size: number, splits: number, epilogue: Epilogue, per: number, biases: number): Step {
  const grid = linearGrid(size, GROUP);
  return {
    plan: {
      program: reduceProgram(epilogueConstants(epilogue)),
      uniforms: [size, grid[0] * GROUP, splits, per, biases],
      grid,
    },
    bindings: [
      "partial",
      epilogue.bias === "add" ? "bias" : "partial",
      epilogue.residual === "add" ? "residual" : "partial",
      "y",
    ],
  };
}

/** Length of a split of k, a multiple of 4. */
function chooseChunk(tiles: number, k: number, threads: number): number {
  const wanted = Math.min(ceilDiv(threads, tiles), Math.max(1, Math.floor(k / SHORTEST_SPLIT)));
  return ceilDiv(ceilDiv(k, wanted), 4) * 4;
}

/** The shader's A_MODE / B_MODE for a matrix of `rows` × k. */
function mode(contiguous: Contiguous, rows: number, k: number): number {
  if (contiguous === "k") return k % 4 === 0 ? 0 : 2;
  return rows % 4 === 0 ? 1 : 2;
}

function gemmProgram(constants: Record<string, number>): Program {
  return { name: "gemm", source: gemm, constants, access: ["read", "read", "read", "read", "read_write"] };
}

function reduceProgram(constants: Record<string, number>): Program {
  return { name: "reduce partial sums", source: reduce, constants, access: ["read", "read", "read", "read_write"] };
}

/** Every constant with each of its values: loads, tiles and epilogues change one at a time. */
export function variants(): Program[] {
  const plain = epilogueConstants({});
  const loads = [0, 1, 2].flatMap((a) => [0, 1, 2].map((b) => ({ A_MODE: a, B_MODE: b, BM: 1, BN: 1, ONE_ROW: 0 })));
  const tiles = [[1, 2], [2, 1], [2, 2]].map(([bm, bn]) => ({ A_MODE: 0, B_MODE: 0, BM: bm, BN: bn, ONE_ROW: 0 }));
  const rows = [0, 2].map((a) => ({ A_MODE: a, B_MODE: a, BM: 1, BN: 2, ONE_ROW: 1 }));
  return [
    ...[...loads, ...tiles, ...rows].map((constants) => gemmProgram({ ...constants, ...plain })),
    ...EPILOGUES.slice(1).map((e) =>
      gemmProgram({ A_MODE: 0, B_MODE: 0, BM: 1, BN: 1, ONE_ROW: 0, ...epilogueConstants(e) })
    ),
    ...EPILOGUES.map((e) => reduceProgram(epilogueConstants(e))),
  ];
}
