/**
 * Says how the elements of one tensor fall into disjoint groups. The tensor is viewed as [F, C, KK]: filters, input
 * channels, kernel taps (a matrix has KK = 1, a per-filter vector also C = 1). Element (f, c, k) belongs to group
 * ⌊f/bf⌋·gf + ⌊c/bc⌋·gc + k·gk; an axis with stride 0 is summed over. `groups` is the length of the score vector, which
 * coupled tensors share.
 */
export interface GroupLayout {
  /** It has so many filters. */
  readonly F: number;
  /** It has so many input channels. */
  readonly C: number;
  /** A kernel has so many taps. */
  readonly KK: number;
  /** The next filter's group is so many further. */
  readonly gf: number;
  /** The next channel's group is so many further. */
  readonly gc: number;
  /** The next tap's group is so many further. */
  readonly gk: number;
  /**
   * So many filters share a group (and `bc` channels), by default 1. The last blocks are smaller where they don't
   * divide F and C.
   */
  readonly bf?: number;
  /** It is 1 by default. */
  readonly bc?: number;
  /** There are so many groups. */
  readonly groups: number;
}

/**
 * Says which of its constraint's groups a member's own groups are: number i is number offset + i, or, where they follow
 * in no such order, map[i]. Outside of 0 … groups − 1 it is none of them.
 */
export type GroupPlaces = { readonly offset: number } | { readonly map: readonly number[] };

/** A filter is a row of the GEMM view, a column one (c, kh, kw) over all filters, an element a single weight. */
export type Granularity = "filter" | "channel" | "column" | "kernel" | "element";

/** Gives the groups of a weight [F, C, KH, KW], a matrix [F, C] or a vector [F]. */
export function groupLayout(granularity: Granularity, shape: readonly number[]): GroupLayout {
  const [F, C = 1, ...kernel] = shape;
  const KK = kernel.reduce((a, b) => a * b, 1);
  const strides: Record<Granularity, [gf: number, gc: number, gk: number, groups: number]> = {
    filter: [1, 0, 0, F],
    channel: [0, 1, 0, C],
    column: [0, KK, 1, C * KK],
    kernel: [C, 1, 0, F * C],
    element: [C * KK, KK, 1, F * C * KK],
  };
  const [gf, gc, gk, groups] = strides[granularity];
  return checkLayout({ F, C, KK, gf, gc, gk, groups });
}

/** The groups are tiles of `rows` × `columns` of the GEMM view [F, C·KH·KW]. */
export function blockLayout(shape: readonly number[], [rows, columns]: readonly [number, number]): GroupLayout {
  const [F, ...filter] = shape;
  const C = filter.reduce((a, b) => a * b, 1);
  const across = Math.ceil(C / columns);
  const groups = Math.ceil(F / rows) * across;
  return checkLayout({ F, C, KK: 1, gf: across, gc: 1, gk: 0, bf: rows, bc: columns, groups });
}

/** A group is one tap of all kernels in a tile of `filters` × `channels`, for a weight [F, C, KH, KW]. */
export function punchedLayout(shape: readonly number[], [filters, channels]: readonly [number, number]): GroupLayout {
  const [F, C, ...kernel] = shape;
  const KK = kernel.reduce((a, b) => a * b, 1);
  const gf = Math.ceil(C / channels) * KK;
  const groups = Math.ceil(F / filters) * gf;
  return checkLayout({ F, C, KK, gf, gc: KK, gk: 1, bf: filters, bc: channels, groups });
}

/** The groups are the rows, or the columns, of every kernel of a weight [F, C, KH, KW]. */
export function vectorLayout([F, C, KH, KW]: readonly number[], direction: "row" | "column"): GroupLayout {
  return checkLayout(
    direction === "row"
      ? { F, C: C * KH, KK: KW, gf: C * KH, gc: 1, gk: 0, groups: F * C * KH }
      : { F: F * C, C: KH, KK: KW, gf: KW, gc: 0, gk: 1, groups: F * C * KW },
  );
}

/** These are the sizes along f, c and k of the grid of groups and of the grid of elements that each group sums. */
export interface Axes {
  readonly kept: readonly [number, number, number];
  readonly summed: readonly [number, number, number];
  /** A group of whole blocks has so many elements. */
  readonly length: number;
}

export function axes({ F, C, KK, gf, gc, gk, bf = 1, bc = 1 }: GroupLayout): Axes {
  const kept = [gf ? Math.ceil(F / bf) : 1, gc ? Math.ceil(C / bc) : 1, gk ? KK : 1] as const;
  const summed = [gf ? bf : F, gc ? bc : C, gk ? 1 : KK] as const;
  return { kept, summed, length: summed[0] * summed[1] * summed[2] };
}

export function layoutSize({ F, C, KK }: GroupLayout): number {
  return F * C * KK;
}

/** @throws RangeError unless the kept axes number the groups 0 … groups−1, each once. */
export function checkLayout(layout: GroupLayout): GroupLayout {
  const { F, C, KK, gf, gc, gk, bf = 1, bc = 1, groups } = layout;
  const text = `[${F}, ${C}, ${KK}] with group strides ${gf}, ${gc}, ${gk}`;
  if (![F, C, KK, bf, bc, groups].every((n) => Number.isInteger(n) && n >= 1)) {
    throw new RangeError(`group layout ${text}: sizes, blocks and the number of groups must be positive integers`);
  }
  // Mixed radix: sorted by stride, each stride is the product of the sizes below it.
  const sizes = [[gf, Math.ceil(F / bf)], [gc, Math.ceil(C / bc)], [gk, KK]].filter(([stride, n]) =>
    stride !== 0 && n > 1
  ).sort((a, b) => a[0] - b[0]);
  let radix = 1;
  for (const [stride, n] of sizes) {
    if (stride !== radix) throw new RangeError(`group layout ${text}: groups overlap or leave holes`);
    radix *= n;
  }
  if (radix !== groups) throw new RangeError(`group layout ${text} makes ${radix} groups, not ${groups}`);
  return layout;
}

/**
 * Cuts the layout along F into windows of at most `maxBytes` of weights, and says where each begins. Every cut falls on
 * whole blocks, and so that weights and groups of a window begin at multiples of 256 bytes: on every 64th block at the
 * latest.
 *
 * @throws RangeError where so many filters are too many already, or the groups of a window are not neighbours
 */
export function layoutWindows(layout: GroupLayout, maxBytes: number): LayoutWindow[] {
  const { F, C, KK, gf, bf = 1, groups } = layout;
  const unit = bf * Math.max(stepsTo64(bf * C * KK), stepsTo64(gf));
  if (4 * F * C * KK <= maxBytes) return [{ layout, element: 0, group: 0 }];
  const rows = Math.floor(maxBytes / (4 * C * KK * unit)) * unit;
  const blocks = Math.ceil(F / bf);
  if (rows === 0 || (gf !== 0 && gf * blocks !== groups)) {
    throw new RangeError(`group layout [${F}, ${C}, ${KK}] can't be cut into windows of ${maxBytes} bytes`);
  }
  return Array.from({ length: Math.ceil(F / rows) }, (_, i) => {
    const part = Math.min(rows, F - i * rows);
    return {
      layout: { ...layout, F: part, groups: gf === 0 ? groups : gf * Math.ceil(part / bf) },
      element: i * rows * C * KK,
      group: gf * i * rows / bf,
    };
  });
}

/** Says after how many steps of this length the numbers that are passed divide by 64. */
function stepsTo64(length: number): number {
  let steps = 64;
  while (steps > 1 && length * steps / 2 % 64 === 0) steps /= 2;
  return steps;
}

/** A window is a stretch of filters with its own layout, and its first element and group in the whole tensor's. */
export interface LayoutWindow {
  readonly layout: GroupLayout;
  readonly element: number;
  readonly group: number;
}
