/**
 * Patterns of 3×3 kernels: sets of four taps, the centre among them. A layer has a library of a few, and each of its kernels
 * keeps one (docs/pipeline.md). A pattern is the bits of its taps, bit 3·kh + kw.
 */

/** Of nine. */
export const PATTERN_TAPS = 4;
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

/** Of each kernel what its best pattern retains, Σ w² in float64, and that pattern: the first of equals. */
export function bestPatterns(
  weight: ArrayLike<number>,
  patterns: readonly number[],
): { readonly energies: Float64Array; readonly taps: Uint16Array } {
  const kernels = weight.length / 9;
  const energies = new Float64Array(kernels).fill(-1);
  const taps = new Uint16Array(kernels);
  for (let q = 0; q < kernels; q++) {
    for (const bits of patterns) {
      let sum = 0;
      for (let k = 0; k < 9; k++) if (bits >> k & 1) sum += weight[9 * q + k] ** 2;
      if (sum > energies[q]) [energies[q], taps[q]] = [sum, bits];
    }
  }
  return { energies, taps };
}
