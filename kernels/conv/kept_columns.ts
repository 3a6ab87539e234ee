/**
 * Kept columns of a matrix: a linear layer that kept some of its inputs is a narrower matrix product of those, and a
 * column-compacted weight is spread out to its dense form.
 */
import type { Program } from "../../src/gpu/types.ts";
import { type GemmShape, planGemm } from "../gemm/plan.ts";
import type { Epilogue, Launch, Step } from "../launch.ts";
import type { Tuning } from "../tuning.ts";
import { linearGrid } from "../grid.ts";
import gather from "./gather_columns.wgsl" with { type: "text" };
import scatter from "./scatter_columns.wgsl" with { type: "text" };
import type { ConvShape } from "./shape.ts";

/** Says whether images have one pixel: then a column-compacted convolution is a linear layer with its kept inputs. */
export function isOnePixel(s: ConvShape): s is ConvShape & { readonly taps: readonly number[] } {
  const ones = [s.height, s.width, ...s.kernel, ...s.stride];
  return s.taps !== undefined && ones.every((n) => n === 1) && s.pads.every((p) => p === 0);
}

type OnePixel = ConvShape & { readonly taps: readonly number[] };

/** Computes y[N,F] = act(x[:,taps]·wᵀ + bias + residual); the operands are those of `planConvForward`. */
export function planColumnsForward(s: OnePixel, epilogue: Epilogue, tuning: Tuning): Launch {
  const product = gemm(
    { m: s.batch, n: s.filters, k: s.taps.length, a: "k", b: "k", ...epilogue },
    tuning,
    "kept",
    "w",
    "y",
  );
  return withKept(s, product);
}

/** Computes dw[F,T] = dyᵀ·x[:,taps]; the operands are "x", "dy" and "y" (= dw). */
export function planColumnsWgrad(s: OnePixel, tuning: Tuning): Launch {
  const product = gemm({ m: s.filters, n: s.taps.length, k: s.batch, a: "rows", b: "rows" }, tuning, "dy", "kept", "y");
  return withKept(s, product);
}

/** Computes dx[N,C], which is zero where an input wasn't kept; the operands are "dy", "w" and "dx". */
export function planColumnsDgrad(s: OnePixel, tuning: Tuning): Launch {
  const product = gemm({ m: s.batch, n: s.taps.length, k: s.filters, a: "k", b: "rows" }, tuning, "dy", "w", "narrow");
  return {
    steps: [...product.steps, scatterColumnsStep(s.batch, s.taps.length, s.channels, "narrow", "places", "dx")],
    scratch: { ...product.scratch, narrow: s.batch * s.taps.length * 4 },
    tables: { places: columnPlaces(s.channels, s.taps) },
  };
}

function withKept(s: OnePixel, product: Launch): Launch {
  const size = s.batch * s.taps.length;
  const grid = linearGrid(size, 64);
  const uniforms = [size, grid[0] * 64, s.taps.length, s.channels];
  const keep: Step = { plan: { program: GATHER, uniforms, grid }, bindings: ["x", "taps", "kept"] };
  return {
    steps: [keep, ...product.steps],
    scratch: { ...product.scratch, kept: size * 4 },
    tables: { taps: Uint32Array.from(s.taps) },
    ...product.error !== undefined && { error: product.error },
  };
}

/** Plans a matrix product, and renames its operands. */
function gemm(shape: GemmShape, tuning: Tuning, a: string, b: string, y: string): Launch {
  const names: Record<string, string> = { a, b, y };
  const launch = planGemm(shape, tuning);
  const steps = launch.steps.map((step) => ({ ...step, bindings: step.bindings.map((name) => names[name] ?? name) }));
  return { ...launch, steps };
}

/** Gives each column's place among the kept ones, and 0xffffffff for one that wasn't kept. */
export function columnPlaces(columns: number, taps: readonly number[]): Uint32Array<ArrayBuffer> {
  const places = new Uint32Array(columns).fill(0xffffffff);
  taps.forEach((column, t) => places[column] = t);
  return places;
}

/** Makes to[rows,columns] = from[rows,taps] at its columns' places, and 0 elsewhere. */
export function scatterColumnsStep(
  rows: number,
  taps: number,
  columns: number,
  from: string,
  places: string,
  to: string,
): Step {
  const size = rows * columns;
  const grid = linearGrid(size, 64);
  return {
    plan: { program: SCATTER, uniforms: [size, grid[0] * 64, taps, columns], grid },
    bindings: [from, places, to],
  };
}

export function columnsVariants(): Program[] {
  return [GATHER, SCATTER];
}

const GATHER: Program = { name: "gather columns", source: gather, access: ["read", "read", "read_write"] };
const SCATTER: Program = { name: "scatter columns", source: scatter, access: ["read", "read", "read_write"] };
