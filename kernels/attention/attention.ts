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
import {
  contiguousRows,
  fitUniform,
  layRows,
  type Reads,
  type RowPlace,
  type Rows,
  type RowsShape,
  variants as rowsVariants,
  widthOf,
} from "./operand_rows.ts";

export type { RowPlace } from "./operand_rows.ts";

/** Q and Y are [heads, queries, depth], and K and V are [heads, keys, depth]; `heads` counts those of all samples. */
export interface AttentionShape {
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  /** It is at most `MAX_DEPTH`. */
  readonly depth: number;
  /** The scores q·k are multiplied by it. */
  readonly scale: number;
  /**
   * This says where the heads of q, k, v and y lie within larger values. By default they lie one after another, and
   * gradients know nothing else.
   */
  readonly places?: HeadPlaces;
}

/** Says where q, k and v are read and y is written, where they aren't tensors of their own. */
export interface HeadPlaces {
  /** A sample has so many heads. */
  readonly perSample: number;
  /** This says where the rows of the queries lie. */
  readonly q: RowPlace;
  /** This says where the rows of the keys lie. */
  readonly k: RowPlace;
  /** This says where the rows of the values lie. */
  readonly v: RowPlace;
  /** This says where the rows of the output lie; the output begins with the first number. */
  readonly y: RowPlace;
}

/** A workgroup can sum rows up to this depth: 8 threads share a row, with up to 4 vec4 each. */
export const MAX_DEPTH = 128;

/**
 * Computes Y = softmax(scale · Q·Kᵀ)·V. The operands are q, k, v, y, and lse [heads, queries], which the gradient
 * reads.
 */
export function planAttention(shape: AttentionShape, tuning: Tuning): Launch {
  return choose(attentionClass(shape), attentionCandidates(shape, tuning), tuning).build();
}

export function attentionCandidates(shape: AttentionShape, tuning: Tuning): Candidate[] {
  const { heads, queries, keys, depth } = shape;
  const { perSample, q, k, v, y } = shape.places ?? contiguousPlaces(shape);
  const operands: RowsShape = {
    heads,
    perSample,
    depth,
    operands: { q: { rows: queries, place: q }, k: { rows: keys, place: k }, v: { rows: keys, place: v } },
  };
  return candidates(shape, operands, 2, FORWARD_WAYS, tuning, ({ reads, slices }) => {
    const rows = layRows(operands, reads);
    const inFours = (["q", "k", "v"] as const).map(rows.place).flatMap(({ first, sample, head, row }) =>
      [first, sample, head, row].map((n) => n / 4)
    );
    return {
      steps: [
        ...rows.steps,
        ...tiles(shape, rows, {
          program: forward[reads][slices][chunksOf(shape)],
          operands: ["q", "k", "v"],
          others: ["lse", "y"],
          rows: queries,
          sizes: [
            queries,
            keys,
            widthOf(depth),
            depth,
            perSample,
            f32bits(shape.scale),
            ...inFours,
            y.sample,
            y.head,
            y.row,
          ],
        }),
      ],
      scratch: rows.scratch,
      tables: {},
    };
  });
}

/** One head to a sample is as good as any number where heads lie one after another. */
function contiguousPlaces({ queries, keys, depth }: AttentionShape): HeadPlaces {
  const [own, other] = [queries, keys].map((rows) => contiguousRows(rows, depth, 1));
  return { perSample: 1, q: own, k: other, v: other, y: own };
}

export type AttentionInput = "q" | "k" | "v";

/**
 * Plans the gradients of `wanted`. The operands are q, k, v, y, dy, lse, and those of dq, dk and dv that are wanted.
 */
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
  const { heads, queries, keys, depth, scale } = shape;
  const { q, k, v } = contiguousPlaces(shape);
  const operands: RowsShape = {
    heads,
    perSample: 1,
    depth,
    operands: {
      q: { rows: queries, place: q },
      k: { rows: keys, place: k },
      v: { rows: keys, place: v },
      dy: { rows: queries, place: q },
    },
  };
  const products = wanted.reduce((sum, input) => sum + (input === "v" ? 2 : 3), 0);
  return candidates(shape, operands, products, GRADIENT_WAYS, tuning, ({ reads }) => {
    const rows = layRows(operands, reads);
    const pitch = (operand: string) => rows.place(operand).head / rows.place(operand).row;
    const gradients = wanted.flatMap((input) => {
      const names = input === "q" ? ["q", "k", "dy", "v"] : ["k", "q", "v", "dy"];
      const [own, other] = input === "q" ? [queries, keys] : [keys, queries];
      return tiles(shape, rows, {
        program: gradient[reads][input][chunksOf(shape)],
        operands: names,
        others: ["lse", "delta", `d${input}`],
        rows: own,
        sizes: [own, other, pitch(names[0]), pitch(names[1]), widthOf(depth), depth, f32bits(scale)],
      });
    });
    return {
      steps: [{ plan: planDelta(heads * queries, depth), bindings: ["y", "dy", "delta"] }, ...rows.steps, ...gradients],
      scratch: { delta: 4 * heads * queries, ...rows.scratch },
      tables: {},
    };
  });
}

export function attentionClass({ heads, queries, keys, depth, places }: AttentionShape): string {
  return `attention ${heads}x${queries}x${keys}x${depth}${places ? " in place" : ""}`;
}

export function attentionGradClass(shape: AttentionShape, wanted: readonly AttentionInput[]): string {
  return `gradient of ${attentionClass(shape)} for ${wanted.join("")}`;
}

export function variants(): Program[] {
  return [
    ...FORWARD_WAYS.flatMap(({ reads, slices }) => forward[reads][slices]),
    ...GRADIENT_WAYS.flatMap(({ reads }) => Object.values(gradient[reads]).flat()),
    ...bothWidths(delta),
    ...rowsVariants(),
  ];
}

interface Way {
  readonly name: string;
  readonly reads: Reads;
  /**
   * A workgroup has so many slices of 64 threads, which share out the keys: more of them keep a device busy that has
   * few queries.
   */
  readonly slices: 1 | 2;
}

const GRADIENT_WAYS: readonly Way[] = [
  { name: "storage", reads: "storage", slices: 1 },
  { name: "uniform", reads: "uniform", slices: 1 },
];
const FORWARD_WAYS: readonly Way[] = [...GRADIENT_WAYS, { name: "storage, two slices", reads: "storage", slices: 2 }];
const TILE = 32;
const MAX_GROUPS = 65_535;
/** A thread has one of these numbers of vec4 columns; a number between them takes the next larger one. */
const CHUNKS = [1, 2, 4] as const;

/** Joining what two slices have takes as long as so many keys. */
const JOINING = 16;

const forward: Readonly<Record<Reads, Readonly<Record<1 | 2, readonly Program[]>>>> = {
  storage: { 1: forwardPrograms("storage", 1), 2: forwardPrograms("storage", 2) },
  uniform: { 1: forwardPrograms("uniform", 1), 2: forwardPrograms("uniform", 2) },
};
const gradient: Readonly<Record<Reads, Readonly<Record<AttentionInput, readonly Program[]>>>> = {
  storage: gradientPrograms("storage"),
  uniform: gradientPrograms("uniform"),
};
const delta = vectorPrograms("attention delta", deltaSource, ["read", "read", "read_write"]);

function forwardPrograms(reads: Reads, slices: 1 | 2): Program[] {
  const input: Access = reads === "uniform" ? "uniform" : "read";
  return CHUNKS.map((count) => ({
    name: `attention from ${reads}`,
    source: reads === "uniform" ? uniformText(source) : source,
    constants: { CHUNKS: count, SLICES: slices },
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

/** It is a place in `CHUNKS`. */
function chunksOf({ depth }: AttentionShape): number {
  if (depth > MAX_DEPTH) throw new RangeError(`heads of ${depth} numbers, at most ${MAX_DEPTH} are supported`);
  return CHUNKS.findIndex((count) => 8 * count >= widthOf(depth));
}

/** There are `products` sums of heads · queries · keys · depth terms. */
function candidates(
  shape: AttentionShape,
  operands: RowsShape,
  products: number,
  ways: readonly Way[],
  tuning: Tuning,
  build: (way: Way) => Launch,
): Candidate[] {
  const { heads, queries, keys, depth } = shape;
  const { attention: { termNs, dispatchNs } } = tuning.profile;
  return ways.filter(({ reads, slices }) => (reads === "storage" || fitUniform(operands)) && keys > TILE * (slices - 1))
    .map((way) => {
      const { name, reads, slices } = way;
      const terms = products * heads * queries * (keys + JOINING * (slices - 1)) * depth;
      const dispatches = reads === "uniform" ? heads / layRows(operands, reads).bound : 1;
      const running = busyThreads(64 * slices * heads * ceilDiv(queries, TILE), tuning);
      return { name, cost: terms * termNs[reads] / running + dispatches * dispatchNs, build: () => build(way) };
    });
}

/** Says how many of the launched threads run at a time. Of a few cores each takes a workgroup, whatever its threads. */
function busyThreads(launched: number, { profile: { threads, cores } }: Tuning): number {
  return cores ? threads : Math.min(threads, launched);
}

interface Tiles {
  readonly program: Program;
  /** `operands` are read by heads; `others` are bound as well. */
  readonly operands: readonly string[];
  readonly others: readonly string[];
  /** So many rows are made. */
  readonly rows: number;
  /** The uniforms that don't tell which heads are made. */
  readonly sizes: readonly number[];
}

/** Makes a dispatch for each run of heads that is bound at once. */
function tiles({ heads }: AttentionShape, laid: Rows, { program, operands, others, rows, sizes }: Tiles): Step[] {
  const bindings = [...operands.map(laid.name), ...others];
  return Array.from({ length: ceilDiv(heads, laid.bound) }, (_, i) => {
    const first = i * laid.bound;
    const count = Math.min(heads - first, laid.bound);
    const row = Math.min(count, MAX_GROUPS);
    const plan: Plan = {
      program,
      uniforms: [first, count, row, ...sizes],
      grid: [ceilDiv(rows, TILE), row, ceilDiv(count, row)],
    };
    return { plan, bindings, windows: laid.windows(first, operands) };
  });
}

function planDelta(rows: number, depth: number): Plan {
  const { program, width } = chooseWidth(delta, depth);
  const grid = linearGrid(rows, 64);
  return { program, uniforms: [rows, grid[0], depth / width], grid };
}
