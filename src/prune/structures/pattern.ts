/**
 * Patterns of 3×3 kernels: sets of four taps, the centre among them. A layer has a library of a few, and each of its kernels
 * keeps one (docs/pipeline.md). A pattern is the bits of its taps, bit 3·kh + kw.
 */

import { groupLayout } from "../../../kernels/project/layout.ts";
import { overTokens, withoutKernels } from "./refusals.ts";
import type { Constraint, StructureKind, StructureOf } from "./types.ts";

/** A 3×3 kernel, of which the taps of its best pattern stay; whole kernels may go beside. */
export const pattern: StructureKind<StructureOf<"pattern">> = {
  summary: "a 3×3 kernel, of which 4 taps stay",
  shrinks: false,
  counted: false,
  spans: "layer",
  fault: ({ library }) =>
    Number.isInteger(library) && library >= 1 && library <= PATTERNS
      ? undefined
      : `library is ${library}, expected a whole number of 1 to ${PATTERNS} patterns`,
  label: ({ library }) => `pattern of ${library}`,
  layout: (_, _layer, shape) => groupLayout("kernel", shape),
  refusal(_, layer, shape) {
    const [KH, KW] = layer.kernel;
    const other = KH === 3 && KW === 3 ? undefined : `its kernels are ${KH}×${KW}, patterns are of 3×3`;
    return overTokens(layer) ?? withoutKernels(layer, shape) ?? other;
  },
  rule: ({ library }) => ({ kind: "pattern", library, patterns: [] }),
};

/** Of nine. */
export const PATTERN_TAPS = 4;
/** Ways to choose them: the centre and 3 of the 8 others. */
export const PATTERNS = 56;
const CENTRE = 4;

/**
 * The patterns that the kernels of a weight [F, C, 3, 3] would choose most often, were they free: the centre and the three
 * largest others; ties to the lower tap, and among patterns to the lower bits. At most `most`, fewer where fewer occur.
 */
export function patternLibrary(weight: ArrayLike<number>, most: number): number[] {
  const votes = new Map<number, number>();
  for (let e = 0; e < weight.length; e += 9) {
    const size = Array.from({ length: 9 }, (_, k) => Math.abs(weight[e + k]));
    // A kernel that is gone has no say.
    if (size.every((x) => x === 0)) continue;
    const others = [0, 1, 2, 3, 5, 6, 7, 8].sort((a, b) => size[b] - size[a] || a - b).slice(0, PATTERN_TAPS - 1);
    const bits = others.reduce((sum, tap) => sum | 1 << tap, 1 << CENTRE);
    votes.set(bits, (votes.get(bits) ?? 0) + 1);
  }
  const ranked = [...votes].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, most).map(([bits]) => bits);
  return ranked.length > 0 ? ranked : [0b000_011_011];
}

/**
 * A constraint's groups, scored: of kernels that take a pattern the score of their best one, the first of equals, with its taps.
 *
 * @param score of each group of a grouping; asked once for each pattern
 */
export function scoreUnderPatterns(
  constraint: Constraint,
  score: (groups: Constraint) => Float64Array,
): { readonly scores: Float64Array; readonly taps?: Uint16Array } {
  const { rule, groups } = constraint;
  if (rule?.kind !== "pattern" || rule.patterns.length === 0) return { scores: score(constraint) };
  const scores = new Float64Array(groups).fill(-Infinity);
  const taps = new Uint16Array(groups);
  rule.patterns.forEach((bits, index) => {
    const found = score({ ...constraint, pattern: { taps: bits, index, count: rule.patterns.length } });
    for (let q = 0; q < groups; q++) if (found[q] > scores[q]) [scores[q], taps[q]] = [found[q], bits];
  });
  return { scores, taps };
}
