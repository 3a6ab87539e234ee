/** Reasons that several structures share why a layer can't be given them, and the layout of weights that lie the other way. */

import { checkLayout, type GroupLayout } from "../../../kernels/project/layout.ts";
import type { Layer } from "../rules/layer_view.ts";
import { memberOf } from "./elements.ts";

/** The weight [C, F, …] of a projection or a transposed convolution has its filters along the second axis. */
export function overTokens({ axes }: Layer): string | undefined {
  return axes.channel === 0
    ? "its weight has its filters along the second axis: only filters, channels and single weights are taken of it"
    : undefined;
}

export function keepsColumns({ columnAt }: Layer): string | undefined {
  return columnAt && "it keeps single columns already";
}

export function withoutKernels(layer: Layer, shape: readonly number[]): string | undefined {
  const [KH, KW] = layer.kernel;
  if (layer.columnAt) return keepsColumns(layer);
  if (shape.length === 2) return "a fully connected layer has no kernels";
  return KH * KW === 1 ? `its kernels are ${KH}×${KW}: single weights` : undefined;
}

/** Of a matrix [C, F] a row is a channel; undefined for a weight whose filters come first. */
export function matrixRows({ axes, weight, channels }: Layer, shape: readonly number[]): GroupLayout | undefined {
  if (axes.channel !== 0) return undefined;
  const at = { offset: 0, repeat: 1, period: channels };
  return memberOf({ param: weight, axis: 0, at }, shape, "weight").layout;
}

/** Of a matrix [C, F] a column is a filter. */
export function matrixFilters([C, F]: readonly number[]): GroupLayout {
  return checkLayout({ F: C, C: F, KK: 1, gf: 0, gc: 1, gk: 0, groups: F });
}
