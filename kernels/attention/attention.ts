import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Launch, type Step } from "../launch.ts";
import { planEmbed } from "../shape/shape.ts";
import { bothWidths, chooseWidth, vectorPrograms } from "../vector.ts";
import source from "./attention.wgsl" with { type: "text" };
import gradSource from "./attention_grad.wgsl" with { type: "text" };
import deltaSource from "./delta.wgsl" with { type: "text" };

/** Q and Y [heads, queries, depth], K and V [heads, keys, depth]; `heads` counts those of all samples. */
export interface AttentionShape {
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  /** At most `MAX_DEPTH`. */
  readonly depth: number;
  /** Of the scores q·k. */
  readonly scale: number;
}

/** What a workgroup can sum: 8 threads to a row with up to 4 vec4 each. */
export const MAX_DEPTH = 128;

/** softmax(scale · Q·Kᵀ)·V. Operands: q, k, v, y, and lse [heads, queries], which the gradient reads. */
export function planAttention(shape: AttentionShape): Launch {
  const { queries, keys } = shape;
  const rows = padded(shape, { q: queries, k: keys, v: keys });
  const plan = planTiles(forward[chunks(shape) - 1], shape, queries, keys);
  return {
    steps: [...rows.steps, { plan, bindings: [...["q", "k", "v"].map(rows.name), "lse", "y"] }],
    scratch: rows.scratch,
    tables: {},
  };
}

export type AttentionInput = "q" | "k" | "v";

/** The gradients of `wanted`. Operands: q, k, v, y, dy, lse, and dq, dk, dv as they are wanted. */
export function planAttentionGrad(shape: AttentionShape, wanted: readonly AttentionInput[]): Launch {
  const { heads, queries, keys, depth } = shape;
  const rows = padded(shape, { q: queries, k: keys, v: keys, dy: queries });
  const gradients = wanted.map((input): Step => {
    const [own, other] = input === "q" ? [queries, keys] : [keys, queries];
    const operands = input === "q" ? ["q", "k", "dy", "v"] : ["k", "q", "v", "dy"];
    return {
      plan: planTiles(gradient[input][chunks(shape) - 1], shape, own, other),
      bindings: [...operands.map(rows.name), "lse", "delta", `d${input}`],
    };
  });
  return {
    steps: [{ plan: planDelta(heads * queries, depth), bindings: ["y", "dy", "delta"] }, ...rows.steps, ...gradients],
    scratch: { delta: 4 * heads * queries, ...rows.scratch },
    tables: {},
  };
}

export function variants(): Program[] {
  return [...forward, ...Object.values(gradient).flat(), ...bothWidths(delta)];
}

const TILE = 32;
const MAX_GROUPS = 65_535;
const CHUNKS = [1, 2, 3, 4] as const;

const forward = CHUNKS.map((count): Program => ({
  name: "attention",
  source,
  constants: { CHUNKS: count },
  access: ["read", "read", "read", "read_write", "read_write"],
}));
const gradient: Readonly<Record<AttentionInput, readonly Program[]>> = {
  q: gradientPrograms(0),
  k: gradientPrograms(1),
  v: gradientPrograms(2),
};
const delta = vectorPrograms("attention delta", deltaSource, ["read", "read", "read_write"]);

function gradientPrograms(output: number): Program[] {
  return CHUNKS.map((count) => ({
    name: "attention gradient",
    source: gradSource,
    constants: { OUTPUT: output, CHUNKS: count },
    access: ["read", "read", "read", "read", "read", "read", "read_write"],
  }));
}

/** vec4 of a row. */
function widthOf({ depth }: AttentionShape): number {
  return ceilDiv(depth, 4);
}

function chunks(shape: AttentionShape): number {
  if (shape.depth > MAX_DEPTH) {
    throw new RangeError(`heads of ${shape.depth} numbers, at most ${MAX_DEPTH} are supported`);
  }
  return ceilDiv(widthOf(shape), 8);
}

function planTiles(program: Program, shape: AttentionShape, rows: number, others: number): Plan {
  const { heads, depth, scale } = shape;
  const row = Math.min(heads, MAX_GROUPS);
  return {
    program,
    uniforms: [heads, row, rows, others, widthOf(shape), depth, f32bits(scale)],
    grid: [ceilDiv(rows, TILE), row, ceilDiv(heads, row)],
  };
}

function planDelta(rows: number, depth: number): Plan {
  const { program, width } = chooseWidth(delta, depth);
  const grid = linearGrid(rows, 64);
  return { program, uniforms: [rows, grid[0], depth / width], grid };
}

/** Copies of the operands whose rows are filled up with zeros to whole vec4; none where they are already. */
function padded(shape: AttentionShape, rowsOf: Readonly<Record<string, number>>) {
  const { heads, depth } = shape;
  const width = 4 * widthOf(shape);
  if (width === depth) return { steps: [], scratch: {}, name: (operand: string) => operand };
  const name = (operand: string) => `${operand}.padded`;
  const steps = Object.entries(rowsOf).map(([operand, rows]): Step => {
    const n = heads * rows;
    const placement = { small: [n, 1, 1, depth], big: [n, 1, 1, width], first: [0, 0, 0], steps: [1, 1, 1] } as const;
    return { plan: planEmbed(placement), bindings: [operand, name(operand)] };
  });
  const bytes = Object.entries(rowsOf).map(([operand, rows]) => [name(operand), 4 * heads * rows * width] as const);
  return { steps, scratch: Object.fromEntries(bytes), name };
}
