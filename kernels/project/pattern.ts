import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import type { NormInput } from "./norms.ts";
import patternSource from "./pattern.wgsl" with { type: "text" };
import tapsSource from "./taps.wgsl" with { type: "text" };

const THREADS = 64;
/** There are C(8, 3) patterns of 4 taps with the centre. */
export const MOST_PATTERNS = 56;

/**
 * The bindings are w, u, frozen, scores and taps. pattern.wgsl has the formula; a pattern is the bits of its taps, bit
 * 3·kh + kw.
 */
export function planPatterns(kernels: number, patterns: readonly number[], inputs: readonly NormInput[]): Plan {
  if (patterns.length < 1 || patterns.length > MOST_PATTERNS || patterns.some((bits) => bits < 1 || bits > 511)) {
    throw new RangeError(`patterns [${patterns}]: expected 1 to ${MOST_PATTERNS} sets of the 9 taps of a kernel`);
  }
  const grid = linearGrid(kernels, THREADS);
  return {
    program: patternProgram(inputs),
    uniforms: [grid[0] * THREADS, kernels, patterns.length, 0, ...patterns],
    grid,
  };
}

/** The bindings are taps and keep. taps.wgsl has the formula. */
export function planTaps(kernels: number): Plan {
  const grid = linearGrid(kernels, THREADS);
  return { program: tapsProgram, uniforms: [grid[0] * THREADS, kernels], grid };
}

/** Lists every program that this planner can emit. */
export function variants(): Program[] {
  const inputs: NormInput[][] = [[], ["dual"], ["frozen"], ["dual", "frozen"]];
  return [...inputs.map(patternProgram), tapsProgram];
}

const tapsProgram: Program = { name: "taps", source: tapsSource, access: ["read", "read_write"] };

function patternProgram(inputs: readonly NormInput[]): Program {
  return {
    name: "patterns",
    source: patternSource,
    constants: { DUAL: Number(inputs.includes("dual")), FROZEN: Number(inputs.includes("frozen")) },
    access: ["read", "read", "read", "read_write", "read_write"],
  };
}
