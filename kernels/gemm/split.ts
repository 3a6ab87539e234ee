/**
 * Plans long sums in parts: k is split where the outputs alone leave the device idle, and a second dispatch adds up the
 * parts.
 */
import type { Plan, Program } from "../../src/gpu/types.ts";
import { withGelu } from "../activation.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import reduce from "./reduce.wgsl" with { type: "text" };
import type { GemmShape } from "./shape.ts";

const GROUP = 64;
/** A split shorter than this spends more on adding up than it wins. */
const SHORTEST_SPLIT = 64;
/** Every WebGPU device has so many workgroups in a dimension; batches and splits of k share the third. */
const MAX_GROUPS = 65_535;

export interface Split {
  readonly splits: number;
  /** A split has so many summed columns, a multiple of 4. */
  readonly chunk: number;
}

/** Says how to split k so that products of so many threads, all batches together, fill a device that wants `wanted`. */
export function chooseSplit({ k, batch }: GemmShape, threads: number, wanted: number): Split {
  const most = Math.max(1, Math.floor(MAX_GROUPS / (batch?.count ?? 1)));
  const parts = Math.min(most, ceilDiv(wanted, threads), Math.max(1, Math.floor(k / SHORTEST_SPLIT)));
  const chunk = ceilDiv(ceilDiv(k, parts), 4) * 4;
  return { splits: ceilDiv(k, chunk), chunk };
}

/** @throws RangeError for a batch of more products than a grid has layers */
export function batchOf({ batch }: GemmShape): { readonly count: number; readonly a: number; readonly b: number } {
  const { count, a, b } = batch ?? { count: 1, a: 0, b: 0 };
  if (count > MAX_GROUPS) throw new RangeError(`gemm: a batch of ${count} products; at most ${MAX_GROUPS} fit`);
  return { count, a, b };
}

/** Gives the products of `plan` (bindings a, `b`, bias, residual, y), and the sum of their parts where k is split. */
export function splitLaunch(shape: GemmShape, { splits }: Split, b: string, plan: (e: Epilogue) => Plan): Launch {
  if (splits === 1) {
    const bias = shape.bias === "add" ? "bias" : "a", residual = shape.residual === "add" ? "residual" : "a";
    return { steps: [{ plan: plan(shape), bindings: ["a", b, bias, residual, "y"] }], scratch: {}, tables: {} };
  }
  const size = (shape.batch?.count ?? 1) * shape.m * shape.n;
  return {
    steps: [
      { plan: plan({}), bindings: ["a", b, "a", "a", "partial"] },
      reduceStep(size, splits, shape, 1, shape.n),
    ],
    scratch: { partial: splits * size * 4 },
    tables: {},
  };
}

/**
 * Adds up `splits` partial results of `size` elements: scratch "partial" → "y"; `per` elements in a row share a bias.
 */
export function reduceStep(size: number, splits: number, epilogue: Epilogue, per: number, biases: number): Step {
  const grid = linearGrid(size, GROUP);
  return sumStep(0, [size, grid[0] * GROUP, splits, per, biases, size, 0, 0], grid, epilogue);
}

/**
 * Does the same for partial results in rows of `columns` numbers that lie `stride` apart; y has no gaps, and has a bias
 * per column.
 */
export function reducePaddedStep(
  [rows, columns, stride]: readonly [number, number, number],
  splits: number,
  epilogue: Epilogue,
): Step {
  const layers = ceilDiv(rows, MAX_GROUPS), lines = ceilDiv(rows, layers);
  const grid = [ceilDiv(columns, GROUP), lines, layers] as const;
  return sumStep(1, [rows * columns, columns, splits, 1, columns, rows * stride, stride, lines], grid, epilogue);
}

function sumStep(padded: 0 | 1, uniforms: readonly number[], grid: Plan["grid"], epilogue: Epilogue): Step {
  return {
    plan: { program: reduceProgram(epilogue, padded), uniforms, grid },
    bindings: [
      "partial",
      epilogue.bias === "add" ? "bias" : "partial",
      epilogue.residual === "add" ? "residual" : "partial",
      "y",
    ],
  };
}

function reduceProgram(epilogue: Epilogue, padded: 0 | 1): Program {
  return {
    name: "reduce partial sums",
    source: withGelu(reduce, epilogue),
    constants: { ...epilogueConstants(epilogue), PADDED: padded },
    access: ["read", "read", "read", "read_write"],
  };
}

export function reducePrograms(): Program[] {
  return [
    ...EPILOGUES.map((e) => reduceProgram(e, 0)),
    ...(["gelu", "geluTanh"] as const).map((activation) => reduceProgram({ activation }, 0)),
    reduceProgram(EPILOGUES[3], 1),
  ];
}
