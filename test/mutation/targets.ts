/** The code whose formulas decide something: what it must be held to by tests with known values. */
export const TARGETS: readonly RegExp[] = [
  /^src\/prune\/(budget|criteria|rules)\//,
  /^src\/prune\/structures\//,
  /^src\/prune\/groups\//,
  /^src\/prune\/rewrite\/(constant_propagation|liveness|regions)\.ts$/,
  /^src\/prune\/methods\/(purify|rho)\.ts$/,
  /^src\/graph\/validate\.ts$/,
  /^src\/measure\/tune\.ts$/,
  /^kernels\/(gemm|conv)\/(cost|plan|split|forward|dgrad|wgrad|class)\.ts$/,
  /^kernels\/profile/,
];

export function isTarget(path: string): boolean {
  return path.endsWith(".ts") && TARGETS.some((target) => target.test(path));
}

/** A mutant that changes nothing anybody could see, and why. It is found by its line's text, so it survives moves. */
export interface Equivalent {
  readonly path: string;
  /** The line without its indentation. */
  readonly text: string;
  /** What the mutated text is, to tell the mutants of a line apart. */
  readonly after: string;
  readonly because: string;
}

export const EQUIVALENT: readonly Equivalent[] = [];
