/**
 * How the elements of one tensor fall into disjoint groups. The tensor is viewed as [F, C, KK]: filters, input channels,
 * kernel taps (a matrix has KK = 1, a per-filter vector also C = 1). Element (f, c, k) belongs to group f·gf + c·gc + k·gk;
 * an axis with stride 0 is summed over. `groups` is the length of the score vector, which coupled tensors share.
 */
export interface GroupLayout {
  readonly F: number;
  readonly C: number;
  readonly KK: number;
  readonly gf: number;
  readonly gc: number;
  readonly gk: number;
  readonly groups: number;
}

/** filter = a row of the GEMM view, column = one (c, kh, kw) over all filters, element = unstructured. */
export type Granularity = "filter" | "channel" | "column" | "kernel" | "element";

/** The groups of a weight [F, C, KH, KW], a matrix [F, C] or a vector [F]. */
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

/** The grid of groups and, per group, the grid of elements that it sums: sizes along f, c and k. */
export interface Axes {
  readonly kept: readonly [number, number, number];
  readonly summed: readonly [number, number, number];
  /** Elements per group. */
  readonly length: number;
}

export function axes({ F, C, KK, gf, gc, gk }: GroupLayout): Axes {
  const kept = [gf ? F : 1, gc ? C : 1, gk ? KK : 1] as const;
  const summed = [gf ? 1 : F, gc ? 1 : C, gk ? 1 : KK] as const;
  return { kept, summed, length: summed[0] * summed[1] * summed[2] };
}

export function layoutSize({ F, C, KK }: GroupLayout): number {
  return F * C * KK;
}

/** @throws RangeError unless the kept axes number the groups 0 … groups−1, each once. */
export function checkLayout(layout: GroupLayout): GroupLayout {
  const { F, C, KK, gf, gc, gk, groups } = layout;
  const text = `[${F}, ${C}, ${KK}] with group strides ${gf}, ${gc}, ${gk}`;
  if (![F, C, KK, groups].every((n) => Number.isInteger(n) && n >= 1)) {
    throw new RangeError(`group layout ${text}: sizes and the number of groups must be positive integers`);
  }
  // Mixed radix: sorted by stride, each stride is the product of the sizes below it.
  const sizes = [[gf, F], [gc, C], [gk, KK]].filter(([stride, n]) => stride !== 0 && n > 1).sort((a, b) => a[0] - b[0]);
  let radix = 1;
  for (const [stride, n] of sizes) {
    if (stride !== radix) throw new RangeError(`group layout ${text}: groups overlap or leave holes`);
    radix *= n;
  }
  if (radix !== groups) throw new RangeError(`group layout ${text} makes ${radix} groups, not ${groups}`);
  return layout;
}
