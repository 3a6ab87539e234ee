import type { Access, Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { itemPrograms, planItems } from "../items.ts";
import { bothWidths, type VectorPrograms } from "../vector.ts";
import gelu from "./gelu.wgsl" with { type: "text" };
import source from "./unary.wgsl" with { type: "text" };
import gradSource from "./unary_grad.wgsl" with { type: "text" };

/**
 * Says what the gradient of each function is made of beside dy: its input, or its output. The order is the shaders'
 * KIND. `scale` is linear: its gradient is itself on dy.
 */
const SAVED = {
  relu: "y",
  clip: "y",
  gelu: "x",
  geluTanh: "x",
  sigmoid: "y",
  tanh: "y",
  leakyRelu: "x",
  hardSigmoid: "y",
  hardSwish: "x",
  scale: "y",
  elu: "x",
  softplus: "x",
  mish: "x",
  abs: "x",
} as const satisfies Readonly<Record<string, "x" | "y">>;
export type UnaryKind = keyof typeof SAVED;

/** Says what the gradient kernel of a kind reads beside dy. */
export function savedFor(kind: UnaryKind): "x" | "y" {
  return SAVED[kind];
}

/**
 * Computes y = f(x) on `size` elements. The bindings are x and y. `a` and `b` are clip's bounds, or hardSigmoid's slope
 * and offset; `a` is scale's factor, leakyRelu's slope or elu's alpha.
 */
export function planUnary(kind: UnaryKind, size: number, a = 0, b = 0): Plan {
  return planItems(forward[kind], size, [size], () => [f32bits(a), f32bits(b)]);
}

/** Computes dx = dy · f'(x). The bindings are saved (see savedFor), dy and dx. */
export function planUnaryGrad(kind: Exclude<UnaryKind, "scale">, size: number, a = 0, b = 0): Plan {
  return planItems(backward[kind], size, [size], () => [f32bits(a), f32bits(b)]);
}

export function variants(): Program[] {
  const { scale: _, ...gradients } = backward;
  return [...Object.values(forward), ...Object.values(gradients)].flatMap(bothWidths);
}

const forward = byKind(`${gelu}\n${source}`, "", ["read", "read_write"]);
const backward = byKind(`${gelu}\n${gradSource}`, " gradient", ["read", "read", "read_write"]);

function byKind(text: string, suffix: string, access: readonly Access[]): Record<UnaryKind, VectorPrograms> {
  const made = Object.keys(SAVED).map((kind, KIND) => [kind, itemPrograms(kind + suffix, text, access, { KIND })]);
  return Object.fromEntries(made) as Record<UnaryKind, VectorPrograms>;
}
