import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import gemm from "./gemm.wgsl" with { type: "text" };
import reduce from "./reduce.wgsl" with { type: "text" };
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import { type Candidate, choose, type Tuning, UNTUNED } from "../tuning.ts";
import { fitsPanels, panelDispatches, panelPrograms, planPanels } from "./panels.ts";
import type { Contiguous, GemmShape } from "./shape.ts";

export type { Batch, Contiguous, GemmShape } from "./shape.ts";

const GROUP = 64;
/** A split shorter than this spends more on adding up than it wins. */
const SHORTEST_SPLIT = 64;

/** Every WebGPU device has so many workgroups in a dimension; batches and splits of k share the third. */
const MAX_GROUPS = 65_535;

/**
 * Y[m,n] = act(A·Bᵀ + bias[n] + residual[m,n]); operands "a", "b", "y" and, as the epilogue says, "bias", "residual".
 * nt, nn and tn products differ in `a` and `b` only. Any sizes ≥ 1. k is split (scratch "partial") when m·n is small.
 *
 * @throws RangeError for a batch of more products than a grid has layers
 */
export function planGemm(shape: GemmShape, tuning: Tuning = UNTUNED): Launch {
  return choose(gemmClass(shape), gemmCandidates(shape, tuning), tuning).build();
}

/** What a measurement is valid for. Epilogues cost the same whichever way the sum is made. */
export function gemmClass({ m, n, k, a, b, batch }: GemmShape): string {
  const layout = `${a === "k" ? "n" : "t"}${b === "k" ? "t" : "n"}`;
  const batches = batch ? ` x${2 ** Math.ceil(Math.log2(batch.count))}` : "";
  return `gemm ${layout} ${m}x${n}x${k}${batches}`;
}

/**
 * ns per group of 8 lanes on a software adapter: a vec4 from storage (22 with AVX-512, 240 with AVX2), a vec4 from a
 * uniform array, a multiply-add, a loop's turn.
 */
const LOAD = 80, UNIFORM_LOAD = 14, FMA = 0.4, TURN = 27;
/** ns of a dispatch that waits for the one before. */
const DISPATCH = 5_000;

/** The ways that can win somewhere: tiles of 4 or 8 rows and columns in registers, and panels in uniform arrays. */
export function gemmCandidates(shape: GemmShape, tuning: Tuning): Candidate[] {
  const { m, n } = shape;
  const tiles = [[2, 2], [1, 2], [2, 1], [1, 1]].filter(([bm, bn]) => (bm === 1 || m > 4) && (bn === 1 || n > 4));
  const candidates: Candidate[] = tiles.map(([bm, bn]) => ({
    name: `${4 * bm}x${4 * bn}`,
    cost: registerCost(shape, bm, bn, tuning),
    build: () => planRegisters(shape, bm, bn, tuning),
  }));
  if (fitsPanels(shape)) {
    candidates.push({ name: "uniform panels", cost: panelCost(shape, tuning), build: () => planPanels(shape) });
  }
  return candidates;
}

function registerCost({ m, n, k, a, b, batch }: GemmShape, bm: number, bn: number, { threads }: Tuning): number {
  const tiles = ceilDiv(m, 4 * bm) * ceilDiv(n, 4 * bn) * (batch?.count ?? 1);
  const load = (contiguous: Contiguous, rows: number) => mode(contiguous, rows, k) === 2 ? 2 * LOAD : LOAD;
  const turn = TURN + 4 * (bm * load(a, m) + bn * load(b, n)) + 64 * bm * bn * FMA;
  return Math.max(tiles, Math.min(threads, tiles * ceilDiv(k, SHORTEST_SPLIT))) / threads * ceilDiv(k, 4) * turn;
}

function panelCost(shape: GemmShape, { threads }: Tuning): number {
  const { m, n, k } = shape;
  const turn = TURN + 4 * UNIFORM_LOAD + 64 * FMA;
  const packing = (m + n) * k * LOAD / threads;
  const sums = panelDispatches(shape) * DISPATCH;
  // GPUs broadcast from uniform arrays only what all lanes read alike.
  const penalty = threads > UNTUNED.threads ? 8 : 1;
  return penalty * (ceilDiv(m, 8) * ceilDiv(n, 8) * k * turn / threads + packing + sums);
}

function planRegisters(shape: GemmShape, bm: number, bn: number, tuning: Tuning): Launch {
  const { m, n, k } = shape;
  const { count: batches, a: aBatch, b: bBatch } = shape.batch ?? { count: 1, a: 0, b: 0 };
  if (batches > MAX_GROUPS) throw new RangeError(`gemm: a batch of ${batches} products; at most ${MAX_GROUPS} fit`);
  const tilesM = ceilDiv(m, 4 * bm), tilesN = ceilDiv(n, 4 * bn);
  const chunk = chooseChunk(tilesM * tilesN * batches, k, tuning.threads, Math.floor(MAX_GROUPS / batches));
  const splits = ceilDiv(k, chunk);
  const grid = linearGrid(tilesM * tilesN, GROUP);
  const [aRow, aCol] = shape.a === "k" ? [k, 1] : [1, m];
  const [bRow, bCol] = shape.b === "k" ? [k, 1] : [1, n];
  const one = m === 1 ? 1 : 0;
  // A single row is contiguous along k either way.
  const aMode = mode(one ? "k" : shape.a, m, k, aBatch);
  const constants = { A_MODE: aMode, B_MODE: mode(shape.b, n, k, bBatch), BM: bm, BN: bn, ONE_ROW: one };
  const plan: Plan = {
    program: gemmProgram({ ...constants, ...epilogueConstants(splits > 1 ? {} : shape) }),
    uniforms: [m, n, k, chunk, aRow, aCol, bRow, bCol, tilesM, tilesN, grid[0] * GROUP, batches, aBatch, bBatch],
    grid: [grid[0], grid[1], splits * batches],
  };
  const bias = shape.bias === "add" ? "bias" : "a";
  const residual = shape.residual === "add" ? "residual" : "a";
  if (splits === 1) {
    return { steps: [{ plan, bindings: ["a", "b", bias, residual, "y"] }], scratch: {}, tables: {} };
  }
  return {
    steps: [{ plan, bindings: ["a", "b", "a", "a", "partial"] }, reduceStep(batches * m * n, splits, shape, 1, n)],
    scratch: { partial: splits * batches * m * n * 4 },
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
function chooseChunk(tiles: number, k: number, threads: number, most: number): number {
  const wanted = Math.min(most, ceilDiv(threads, tiles), Math.max(1, Math.floor(k / SHORTEST_SPLIT)));
  return ceilDiv(ceilDiv(k, wanted), 4) * 4;
}

/** The shader's A_MODE / B_MODE for matrices of `rows` × k, `batch` elements apart. */
function mode(contiguous: Contiguous, rows: number, k: number, batch = 0): number {
  if (batch % 4 !== 0) return 2;
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
    ...panelPrograms(),
  ];
}
