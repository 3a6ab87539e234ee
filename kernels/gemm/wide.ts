/**
 * Plans products in wide tiles: a thread makes up to 32 × 16 outputs from k-major operands in storage. They are for
 * CPUs, where every load costs as much as several multiply-adds and spilled accumulators lie in the nearest cache.
 */
import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import { spillOf, timeOf } from "./cost.ts";
import kmajor from "./kmajor.wgsl" with { type: "text" };
import { type Contiguous, type GemmShape, packedLaunch } from "./shape.ts";
import { chooseSplit, reducePaddedStep } from "./split.ts";
import wide from "./wide.wgsl" with { type: "text" };

/** A thread's tile has so many fours of rows, and of columns. */
const TILES = [[8, 4], [4, 4], [2, 4], [4, 2]] as const;
/**
 * This is a SIMD group of a software adapter: the fewer threads in a workgroup, the better a few wide tiles spread over
 * cores.
 */
const GROUP = 8;
/** A packing workgroup has so many threads along either side. */
const PACK_SIDE = 8;

/** There are none for batches, nor where a tile would be mostly empty. */
export function wideCandidates(shape: GemmShape, tuning: Tuning): Candidate[] {
  const { m, n, batch } = shape;
  if (batch !== undefined) return [];
  const fits = (fours: number, size: number) => size > 2 * fours;
  return TILES.filter(([bm, bn]) => fits(bm, m) && fits(bn, n)).map(([bm, bn]) => ({
    name: `wide ${4 * bm}x${4 * bn}`,
    cost: cost(shape, bm, bn, tuning),
    build: () => plan(shape, bm, bn, tuning),
  }));
}

function tilesOf({ m, n }: GemmShape, bm: number, bn: number): readonly [number, number] {
  return [ceilDiv(m, 4 * bm), ceilDiv(n, 4 * bn)];
}

function cost(shape: GemmShape, bm: number, bn: number, { profile }: Tuning): number {
  const { m, n, k } = shape, [tilesM, tilesN] = tilesOf(shape, bm, bn);
  const { load4Ns, blockNs, turnNs, dispatchNs } = profile.gemm;
  const { splits, chunk } = chooseSplit(shape, tilesM * tilesN, profile.threads);
  const turn = turnNs + (bm + bn) * load4Ns + bm * bn * blockNs / 4;
  const sums = timeOf(tilesM * tilesN * splits, chunk * turn, profile);
  const packed = [
    ...packing(shape.a, m) ? [m * k] : [],
    ...packing(shape.b, n) && shape.fixed !== "b" ? [n * k] : [],
  ];
  const packs = packed.reduce((ns, size) => ns + timeOf(size / 16, turnNs + 8 * load4Ns, profile) + dispatchNs, 0);
  return spillOf(16 * bm * bn, profile) * (sums + packs) + (splits > 1 || n % 4 !== 0 ? dispatchNs : 0);
}

function plan(shape: GemmShape, bm: number, bn: number, { profile }: Tuning): Launch {
  const { m, n, k } = shape, [tilesM, tilesN] = tilesOf(shape, bm, bn);
  const { splits, chunk } = chooseSplit(shape, tilesM * tilesN, profile.threads);
  const a = operand("a", "packedA", m, k, shape.a), b = operand("b", "packedB", n, k, shape.b);
  const columns = 4 * ceilDiv(n, 4);
  const grid = linearGrid(tilesM * tilesN, GROUP);
  const product = (epilogue: Epilogue): Plan => ({
    program: wideProgram({ BM: bm, BN: bn, ...epilogueConstants(epilogue) }),
    uniforms: [m, k, chunk, ceilDiv(m, 4), columns / 4, tilesM, tilesN, grid[0] * GROUP],
    grid: [grid[0], grid[1], splits],
  });
  const whole = splits === 1 && columns === n;
  const steps: Step[] = whole
    ? [{
      plan: product(shape),
      bindings: [
        a.name,
        b.name,
        shape.bias === "add" ? "bias" : a.name,
        shape.residual === "add" ? "residual" : a.name,
        "y",
      ],
    }]
    : [
      { plan: product({}), bindings: [a.name, b.name, a.name, a.name, "partial"] },
      reducePaddedStep([m, n, columns], splits, shape),
    ];
  const scratch = { ...a.scratch, ...b.scratch, ...(whole ? {} : { partial: 4 * splits * m * columns }) };
  return packedLaunch({ steps: [...a.steps, ...steps], scratch, tables: {} }, b.steps, shape);
}

/** Says whether a matrix of so many rows must be packed before it can be read k-major in fours. */
function packing(contiguous: Contiguous, rows: number): boolean {
  return contiguous === "k" || rows % 4 !== 0;
}

/** Gives the k-major form of an operand: itself, or `packed` in scratch and the step that makes it. */
function operand(from: string, packed: string, rows: number, k: number, contiguous: Contiguous) {
  if (!packing(contiguous, rows)) return { name: from, steps: [], scratch: {} };
  const fours = ceilDiv(rows, 4), steps = contiguous === "rows" ? k : ceilDiv(k, 4);
  const [groups, lines, layers] = [ceilDiv(fours, PACK_SIDE), ...linearGrid(steps, PACK_SIDE)];
  const form = contiguous === "rows" ? 2 : k % 4 === 0 ? 0 : 1;
  const step: Step = {
    plan: { program: packProgram(form), uniforms: [rows, k, fours, PACK_SIDE * lines], grid: [groups, lines, layers] },
    bindings: [from, packed],
  };
  return { name: packed, steps: [step], scratch: { [packed]: 16 * fours * k } };
}

function wideProgram(constants: Record<string, number>): Program {
  const access = ["read", "read", "read", "read", "read_write"] as const;
  return { name: "gemm in wide tiles", source: wide, constants: { ...constants, GROUP }, access };
}

function packProgram(from: number): Program {
  return { name: "pack k-major", source: kmajor, constants: { FROM: from }, access: ["read", "read_write"] };
}

export function widePrograms(): Program[] {
  const plain = epilogueConstants({});
  return [
    ...[0, 1, 2].map(packProgram),
    ...TILES.map(([bm, bn]) => wideProgram({ BM: bm, BN: bn, ...plain })),
    ...EPILOGUES.slice(1).map((e) => wideProgram({ BM: 2, BN: 4, ...epilogueConstants(e) })),
  ];
}
