/** What blocks of each kind look like, in the letters of their steps (steps.ts). */
import type { BlockKind } from "../types.ts";

/** Norms, scales and changes of layout, which may stand anywhere, and dropout. */
const N = "[BLSMI]*";
const A = `A${N}`;

/** An expansion and a depthwise convolution, or that one alone, and a projection; at least one activation in between. */
const INVERTED = `(?:P${N}${A}D${N}(?:${A})?|D${N}${A})P${N}`;

/** The branch beside a shortcut, from the block's input to the sum. */
export const RESIDUAL_KINDS: readonly (readonly [BlockKind, RegExp])[] = [
  ["basic", new RegExp(`^${N}[CG]${N}${A}[CGP]${N}$|^${N}P${N}${A}[CG]${N}$`)],
  ["bottleneck", new RegExp(`^${N}P${N}${A}[CG]${N}${A}P${N}$`)],
  ["inverted", new RegExp(`^${N}${INVERTED}$`)],
  ["convnext", new RegExp(`^${N}D${N}P${N}${A}P${N}$`)],
  ["mlp", new RegExp(`^${N}P${N}${A}P${N}$`)],
];

/**
 * Steps of a row without a shortcut. Batch norms at the end, and the activation behind them, belong to it. What stands between
 * the last two convolutions may be a gate: a reason to refuse it.
 */
export const ROW_KINDS: readonly (readonly ["inverted" | "convolutions", RegExp])[] = [
  ["inverted", /(?:P[BSI]*AI*D[BSI]*X?A?|D[BSI]*X?A)I*X?P[BSI]*A?/g],
  ["convolutions", /[CG][BSI]*AI*[CG][BSI]*A?/g],
];

/** What makes numbers of others by weights. */
export const LAYER = /[CGDP]/;

/** All that a branch may do where it computes a linear function of its input, and a constant. */
export const LINEAR = /^[CGDPBSZMI]*$/;

/** A shortcut: its input as it is, or projected, subsampled or padded. */
export const SHORTCUT = /^[CGPBSZMI]*$/;
