import type { Program } from "../../src/gpu/types.ts";
import {
  type BindingWindow,
  ceilDiv,
  type Epilogue,
  epilogueConstants,
  EPILOGUES,
  type Launch,
  type Step,
} from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import { timeOf } from "./cost.ts";
import pack from "./pack.wgsl" with { type: "text" };
import panels from "./panels.wgsl" with { type: "text" };
import { type Contiguous, type GemmShape, packedLaunch } from "./shape.ts";

/** A packed block has so many rows and so many summed columns: together they are what a uniform binding may hold. */
const ROWS = 256, COLUMNS = 64;
const BLOCK_BYTES = 4 * ROWS * COLUMNS;
/** A uniform binding may start at multiples of so many elements; buffers end at a multiple of it too. */
const ALIGNED = 64;
/** A dispatch binds so many blocks of one operand. */
const BOUND = 4;
const GROUP = 64;
/** More would fill the queue with small work. */
const MOST_DISPATCHES = 512;

/** There are none for batches, nor where packing can't pay. */
export function panelCandidates(shape: GemmShape, tuning: Tuning): Candidate[] {
  if (!fitsPanels(shape)) return [];
  return [{ name: "uniform panels", cost: cost(shape, tuning), build: () => planPanels(shape) }];
}

function cost(shape: GemmShape, { profile }: Tuning): number {
  const { m, n, k } = shape, { load4Ns, uniform4Ns, blockNs, turnNs, dispatchNs, divergence } = profile.gemm;
  const sums = timeOf(ceilDiv(m, 8) * ceilDiv(n, 8), k * (turnNs + 4 * uniform4Ns + blockNs), profile);
  const packing = timeOf((m + (shape.fixed ? 0 : n)) * k / 4, uniform4Ns + turnNs + load4Ns, profile);
  return divergence * (sums + packing) + panelDispatches(shape) * dispatchNs;
}

/**
 * Packs both operands into blocks (scratch "panelsA" and "panelsB") that are read through uniform bindings. It is for
 * shapes that `fitsPanels`.
 */
function planPanels(shape: GemmShape): Launch {
  const { m, n, k } = shape;
  const blocks = ceilDiv(k, COLUMNS);
  const steps = packSteps("a", "panelsA", m, k, shape.a);
  for (let i = 0; i < m; i += ROWS) {
    for (let j = 0; j < n; j += ROWS) {
      for (let first = 0; first < blocks; first += BOUND) steps.push(productStep(shape, i, j, first));
    }
  }
  const bytes = (rows: number) => ceilDiv(rows, ROWS) * blocks * BLOCK_BYTES;
  const launch = { steps, scratch: { panelsA: bytes(m), panelsB: bytes(n) }, tables: {} };
  return packedLaunch(launch, packSteps("b", "panelsB", n, k, shape.b), shape);
}

/** Says whether each operand fills a uniform binding, and each packed number is read for many outputs. */
function fitsPanels({ m, n, k, batch }: GemmShape): boolean {
  const window = BLOCK_BYTES / 4;
  return batch === undefined && Math.min(m, n, k) >= 32 && m * k >= window && n * k >= window &&
    panelDispatches({ m, n, k }) <= MOST_DISPATCHES;
}

/** Counts the dispatches that pack, and those that multiply. */
function panelDispatches({ m, n, k }: Pick<GemmShape, "m" | "n" | "k">): number {
  const packing = ceilDiv(m * k * 4, BLOCK_BYTES) + ceilDiv(n * k * 4, BLOCK_BYTES);
  return packing + ceilDiv(m, ROWS) * ceilDiv(n, ROWS) * ceilDiv(k, COLUMNS * BOUND);
}

/** Adds four blocks of k, from block `first` on, to the 256 × 256 outputs from (m0,n0). */
function productStep(shape: GemmShape, m0: number, n0: number, first: number): Step {
  const blocks = ceilDiv(shape.k, COLUMNS);
  const m = Math.min(shape.m, m0 + ROWS), n = Math.min(shape.n, n0 + ROWS);
  const k = Math.min(shape.k - first * COLUMNS, BOUND * COLUMNS);
  const tilesM = ceilDiv(m - m0, 8), tilesN = ceilDiv(n - n0, 8);
  const epilogue: Epilogue = first + BOUND >= blocks ? shape : {};
  const windows: Record<number, BindingWindow> = {};
  for (let i = 0; i < BOUND; i++) {
    const block = Math.min(first + i, blocks - 1);
    windows[i] = { byteOffset: (m0 / ROWS * blocks + block) * BLOCK_BYTES, byteLength: BLOCK_BYTES };
    windows[BOUND + i] = { byteOffset: (n0 / ROWS * blocks + block) * BLOCK_BYTES, byteLength: BLOCK_BYTES };
  }
  return {
    plan: {
      program: panelsProgram({ ADD: first > 0 ? 1 : 0, ...epilogueConstants(epilogue) }),
      uniforms: [m0, n0, m, n, shape.n, k, tilesM, tilesN],
      grid: [ceilDiv(tilesM * tilesN, GROUP), 1, 1],
    },
    bindings: [
      ...Array(BOUND).fill("panelsA"),
      ...Array(BOUND).fill("panelsB"),
      epilogue.bias === "add" ? "bias" : "a",
      epilogue.residual === "add" ? "residual" : "a",
      "y",
    ],
    windows,
  };
}

/**
 * Packs a window of 64 KiB of the operand at a time; the last one is moved back so that it ends where the operand's
 * buffer does.
 */
function packSteps(from: string, to: string, rows: number, k: number, contiguous: Contiguous): Step[] {
  const size = rows * k, words = BLOCK_BYTES / 4;
  return Array.from({ length: ceilDiv(size, words) }, (_, i): Step => {
    const first = i * words;
    const start = Math.min(first, ceilDiv(size - words, ALIGNED) * ALIGNED);
    const skip = (first - start) / 4;
    return {
      plan: {
        program: packProgram(contiguous),
        uniforms: [contiguous === "k" ? k : rows, ceilDiv(k, COLUMNS), start, skip, size],
        grid: [ceilDiv(words / 4 - skip, GROUP), 1, 1],
      },
      bindings: [from, to],
      windows: { 0: { byteOffset: 4 * start, byteLength: BLOCK_BYTES } },
    };
  });
}

function packProgram(contiguous: Contiguous): Program {
  const constants = { ROWS: contiguous === "rows" ? 1 : 0 };
  return { name: "pack panels", source: pack, constants, access: ["uniform", "read_write"] };
}

function panelsProgram(constants: Record<string, number>): Program {
  const access = [...Array<"uniform">(2 * BOUND).fill("uniform"), "read", "read", "read_write"] as const;
  return { name: "gemm of panels", source: panels, constants, access };
}

export function panelPrograms(): Program[] {
  return [
    packProgram("k"),
    packProgram("rows"),
    panelsProgram({ ADD: 1, ...epilogueConstants({}) }),
    ...EPILOGUES.map((e) => panelsProgram({ ADD: 0, ...epilogueConstants(e) })),
  ];
}
