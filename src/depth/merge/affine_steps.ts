/**
 * The steps that affine runs are made of: windows of lines that are weighted and added up, sums of values, tables of numbers, and
 * values that only change their layout.
 */

/** Where a value has its channels and its pixels: the axes' places. Tokens are a column of pixels; a row [N,K] is one. */
export interface Layout {
  readonly channels: number;
  /** Rows, then columns; null where there are none. */
  readonly pixels: readonly [number | null, number | null];
}

/** What one output line reads: lines t = i · stride − pad + p · dilation for p = 0 … kernel − 1, zeros where there is none. */
export interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
  readonly dilation: number;
}

/** A convolution, in the widest sense: y[f] = Σ weight[f,c,p,q] · x[c, window] + bias[f]. */
export interface LayerStep {
  readonly kind: "layer";
  readonly read: string;
  readonly layout: Layout;
  readonly filters: number;
  readonly groups: number;
  readonly windows: readonly [Window, Window];
  /** It divides by how many lines of its window lie inside, along both axes. */
  readonly average: "inside" | "none";
  /** It adds numbers. */
  readonly bias: boolean;
  /** Multiplies by a weight of its own that mixes channels or pixels: what a network calls a layer. */
  readonly weighted: boolean;
  /** Its numbers: a weight [filters, channels / groups, rows, columns], and a bias [filters] where it has one. */
  numbers(read: (param: string) => Float64Array): LayerNumbers;
}

export interface LayerNumbers {
  readonly weight: Float64Array;
  readonly bias?: Float64Array;
}

/** Values with a sign each, added to the channels that begin at `firsts`: a sum, or a concatenation. */
export interface SumStep {
  readonly kind: "sum";
  readonly reads: readonly string[];
  readonly signs: readonly number[];
  readonly firsts: readonly number[];
  readonly filters: number;
  readonly layout: Layout;
}

/** A number for each channel and each region that a pixel may lie in, [channels, rows' regions, columns' regions]. */
export interface TableStep {
  readonly kind: "table";
  readonly read: string;
  readonly layout: Layout;
  readonly rows: readonly number[];
  readonly cols: readonly number[];
  /** Regions along rows, and along columns, that the table has. */
  readonly size: readonly [number, number];
  numbers(read: (param: string) => Float64Array): Float64Array;
}

/** The same numbers, maybe with their axes in another order. */
export interface SameStep {
  readonly kind: "same";
  readonly read: string;
  readonly layout: Layout;
}

export type Step = LayerStep | SumStep | TableStep | SameStep;

export const POINT: Window = { kernel: 1, stride: 1, pad: 0, dilation: 1 };
const POINTS = [POINT, POINT] as const;

/** A layer that reads one pixel for each that it makes; what differs is put over it. */
export function layerStep(read: string, layout: Layout, filters: number, groups: number) {
  return {
    kind: "layer",
    read,
    layout,
    filters,
    groups,
    windows: POINTS,
    average: "none",
    bias: false,
    weighted: true,
  } as const;
}

/** A layer that takes each channel by itself and mixes nothing. */
export function perChannel(read: string, layout: Layout, channels: number) {
  return { ...layerStep(read, layout, channels, channels), weighted: false } as const;
}

export function sameLayout(a: Layout, b: Layout): boolean {
  return a.channels === b.channels && a.pixels.every((axis, i) => axis === b.pixels[i]);
}
