import type { Access, Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Launch, type Step } from "../launch.ts";
import { type Candidate, choose, type Tuning } from "../tuning.ts";
import { uniformText } from "../uniform.ts";
import { bothWidths, chooseWidth, vectorPrograms } from "../vector.ts";
import source from "./attention.wgsl" with { type: "text" };
import gradSource from "./attention_grad.wgsl" with { type: "text" };
import deltaSource from "./delta.wgsl" with { type: "text" };
import { fitUniform, layRows, type Reads, type Rows, type RowsShape, widthOf } from "./operand_rows.ts";

/** Q and Y [heads, queries, depth], K and V [heads, keys, depth]; `heads` counts those of all samples. */
export interface AttentionShape {
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  /** At most `MAX_DEPTH`. */
  readonly depth: number;
  /** The factor on the scores q·k. */
  readonly scale: number;
}

/** What a workgroup can sum: 8 threads to a row with up to 4 vec4 each. */
export const MAX_DEPTH = 128;

/** softmax(scale · Q·Kᵀ)·V. Operands: q, k, v, y, and lse [heads, queries], which the gradient reads. */
export function planAttention(shape: AttentionShape, tuning: Tuning): Launch {
  return choose(attentionClass(shape), attentionCandidates(shape, tuning), tuning).build();
}

export function attentionCandidates(shape: AttentionShape, tuning: Tuning): Candidate[] {
  const { heads, queries, keys, depth } = shape;
  const operands: RowsShape = { heads, depth, rows: { q: queries, k: keys, v: keys } };
  return candidates(shape, operands, 2, tuning, (reads) => {
    const rows = layRows(operands, reads);
    const program = forward[reads][chunksOf(shape)];
    return {
      steps: [...rows.steps, ...tiles(program, shape, rows, ["q", "k", "v"], [queries, keys, keys], ["lse", "y"])],
      scratch: rows.scratch,
      tables: {},
    };
  });
}

export type AttentionInput = "q" | "k" | "v";

/** The gradients of `wanted`. Operands: q, k, v, y, dy, lse, and dq, dk, dv as they are wanted. */
export function planAttentionGrad(
  shape: AttentionShape,
  wanted: readonly AttentionInput[],
  tuning: Tuning,
): Launch {
  return choose(attentionGradClass(shape, wanted), attentionGradCandidates(shape, wanted, tuning), tuning).build();
}

export function attentionGradCandidates(
  shape: AttentionShape,
  wanted: readonly AttentionInput[],
  tuning: Tuning,
): Candidate[] {
  const { heads, queries, keys, depth } = shape;
  const operands: RowsShape = { heads, depth, rows: { q: queries, k: keys, v: keys, dy: queries } };
  const products = wanted.reduce((sum, input) => sum + (input === "v" ? 2 : 3), 0);
  return candidates(shape, operands, products, tuning, (reads) => {
    const rows = layRows(operands, reads);
    const gradients = wanted.flatMap((input) => {
      const names = input === "q" ? ["q", "k", "dy", "v"] : ["k", "q", "v", "dy"];
      const counts = input === "q" ? [queries, keys, queries, keys] : [keys, queries, keys, queries];
      const program = gradient[reads][input][chunksOf(shape)];
      return tiles(program, shape, rows, names, counts, ["lse", "delta", `d${input}`]);
    });
    return {
      steps: [{ plan: planDelta(heads * queries, depth), bindings: ["y", "dy", "delta"] }, ...rows.steps, ...gradients],
      scratch: { delta: 4 * heads * queries, ...rows.scratch },
      tables: {},
    };
  });
}

export function attentionClass({ heads, queries, keys, depth }: AttentionShape): string {
  return `attention ${heads}x${queries}x${keys}x${depth}`;
}

export function attentionGradClass(shape: AttentionShape, wanted: readonly AttentionInput[]): string {
  return `gradient of ${attentionClass(shape)} for ${wanted.join("")}`;
}

export function variants(): Program[] {
  return [
    ...READS.flatMap((reads) => [...forward[reads], ...Object.values(gradient[reads]).flat()]),
    ...bothWidths(delta),
  ];
}

const READS = ["storage", "uniform"] as const;
const TILE = 32;
const MAX_GROUPS = 65_535;
/** vec4 columns of a thread; the next larger serves what lies between. */
const CHUNKS = [1, 2, 4] as const;

const forward: Readonly<Record<Reads, readonly Program[]>> = {
  storage: forwardPrograms("storage"),
  uniform: forwardPrograms("uniform"),
};
const gradient: Readonly<Record<Reads, Readonly<Record<AttentionInput, readonly Program[]>>>> = {
  storage: gradientPrograms("storage"),
  uniform: gradientPrograms("uniform"),
};
const delta = vectorPrograms("attention delta", deltaSource, ["read", "read", "read_write"]);

function forwardPrograms(reads: Reads): Program[] {
  const input: Access = reads === "uniform" ? "uniform" : "read";
  return CHUNKS.map((count) => ({
    name: `attention from ${reads}`,
    source: reads === "uniform" ? uniformText(source) : source,
    constants: { CHUNKS: count },
    access: [input, input, input, "read_write", "read_write"],
  }));
}

function gradientPrograms(reads: Reads): Readonly<Record<AttentionInput, readonly Program[]>> {
  const input: Access = reads === "uniform" ? "uniform" : "read";
  const programs = (output: number): Program[] =>
    CHUNKS.map((count) => ({
      name: `attention gradient from ${reads}`,
      source: reads === "uniform" ? uniformText(gradSource) : gradSource,
      constants: { OUTPUT: output, CHUNKS: count },
      access: [input, input, input, input, "read", "read", "read_write"],
    }));
  return { q: programs(0), k: programs(1), v: programs(2) };
}

/** Place in `CHUNKS`. */
function chunksOf({ depth }: AttentionShape): number {
  if (depth > MAX_DEPTH) throw new RangeError(`heads of ${depth} numbers, at most ${MAX_DEPTH} are supported`);
  return CHUNKS.findIndex((count) => 8 * count >= widthOf(depth));
}

/** `products`: how many sums of heads · queries · keys · depth terms there are. */
function candidates(
  shape: AttentionShape,
  operands: RowsShape,
  products: number,
  tuning: Tuning,
  build: (reads: Reads) => Launch,
): Candidate[] {
  const { heads, queries, keys, depth } = shape;
  const terms = products * heads * queries * keys * depth;
  const { threads, attention: { termNs, dispatchNs } } = tuning.profile;
  const ways = fitUniform(operands) ? READS : ["storage"] as const;
  return ways.map((reads) => {
    const dispatches = reads === "uniform" ? heads / layRows(operands, reads).bound : 1;
    return {
      name: reads,
      cost: terms * termNs[reads] / threads + dispatches * dispatchNs,
      build: () => build(reads),
    };
  });
}

/** A dispatch for each run of heads that is bound at once; `counts` are the rows of the operands, the first's are made. */
function tiles(
  program: Program,
  { heads, depth, scale }: AttentionShape,
  rows: Rows,
  operands: readonly string[],
  counts: readonly number[],
  others: readonly string[],
): Step[] {
  const [own, other] = counts;
  const bindings = [...operands.map(rows.name), ...others];
  return Array.from({ length: ceilDiv(heads, rows.bound) }, (_, i) => {
    const first = i * rows.bound;
    const count = Math.min(heads - first, rows.bound);
    const row = Math.min(count, MAX_GROUPS);
    const sizes = [first, count, row, own, other, rows.pitch(own), rows.pitch(other), widthOf(depth), depth];
    const plan: Plan = {
      program,
      uniforms: [...sizes, f32bits(scale)],
      grid: [ceilDiv(own, TILE), row, ceilDiv(count, row)],
    };
    return { plan, bindings, windows: rows.windows(first, counts) };
  });
}

function planDelta(rows: number, depth: number): Plan {
  const { program, width } = chooseWidth(delta, depth);
  const grid = linearGrid(rows, 64);
  return { program, uniforms: [rows, grid[0], depth / width], grid };
}
