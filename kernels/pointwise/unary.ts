import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import { bothWidths, chooseWidth, type VectorPrograms, vectorPrograms } from "../vector.ts";
import source from "./unary.wgsl" with { type: "text" };
import gradSource from "./unary_grad.wgsl" with { type: "text" };

/** The order is the shaders' KIND. `scale` is linear: its gradient is itself on dy. */
const KINDS = [
  "relu",
  "clip",
  "gelu",
  "geluTanh",
  "sigmoid",
  "tanh",
  "leakyRelu",
  "hardSigmoid",
  "hardSwish",
  "scale",
] as const;
export type UnaryKind = typeof KINDS[number];

/** Items of a workgroup in all pointwise kernels. */
export const ITEMS_PER_GROUP = 256;

const FROM_INPUT: readonly UnaryKind[] = ["gelu", "geluTanh", "leakyRelu", "hardSwish"];

/** What the gradient kernel of a kind reads beside dy. */
export function savedFor(kind: UnaryKind): "x" | "y" {
  return FROM_INPUT.includes(kind) ? "x" : "y";
}

/**
 * y = f(x) on `size` elements. Bindings: x, y. `a`, `b`: clip's bounds, hardSigmoid's slope and offset; `a`: scale's factor,
 * leakyRelu's slope.
 */
export function planUnary(kind: UnaryKind, size: number, a = 0, b = 0): Plan {
  return planItems(forward[kind], size, [f32bits(a), f32bits(b)]);
}

/** dx = dy · f'(x). Bindings: saved (see savedFor), dy, dx. */
export function planUnaryGrad(kind: Exclude<UnaryKind, "scale">, size: number, a = 0, b = 0): Plan {
  return planItems(backward[kind], size, [f32bits(a), f32bits(b)]);
}

/** A plan of the pointwise form: uniforms (count, row, …rest), 256 items per workgroup. */
export function planItems(programs: VectorPrograms, size: number, rest: readonly number[]): Plan {
  const { program, width } = chooseWidth(programs, size);
  const count = size / width;
  const grid = linearGrid(count, ITEMS_PER_GROUP);
  return { program, uniforms: [count, grid[0], ...rest], grid };
}

export function variants(): Program[] {
  return [...Object.values(forward), ...Object.values(backward)].flatMap(bothWidths);
}

const forward = Object.fromEntries(
  KINDS.map((kind, KIND) => [kind, vectorPrograms(kind, source, ["read", "read_write"], { KIND })]),
) as Record<UnaryKind, VectorPrograms>;

const backward = Object.fromEntries(
  KINDS.filter((kind) => kind !== "scale").map((
    kind,
    KIND,
  ) => [kind, vectorPrograms(`${kind} gradient`, gradSource, ["read", "read", "read_write"], { KIND })]),
) as Record<Exclude<UnaryKind, "scale">, VectorPrograms>;
