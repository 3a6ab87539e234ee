import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import { vectorPrograms } from "../vector.ts";
import copySource from "./copy.wgsl" with { type: "text" };
import fmaSource from "./fma.wgsl" with { type: "text" };

const GROUP = 64;
/** So many are enough to fill the largest GPU with a few chains each. */
const FMA_THREADS = 65_536;
const STEPS_PER_ROUND = 32;
/** These numbers of chains may be the best for each width: few where registers are few, many where latency is long. */
const CHAINS: Readonly<Record<1 | 4, readonly number[]>> = { 1: [2, 4, 5, 6, 8], 4: [1, 2, 3, 4, 8] };
const PER_THREAD: readonly number[] = [1, 4];

export interface FmaVariant {
  /** A chain has so many lanes: it is of f32 or of vec4<f32>. */
  readonly width: 1 | 4;
  readonly chains: number;
}

export const FMA_VARIANTS: readonly FmaVariant[] = ([1, 4] as const).flatMap((width) =>
  CHAINS[width].map((chains) => ({ width, chains }))
);
export const COPY_VARIANTS = PER_THREAD;

/** The buffer "y" has so many bytes. */
export const FMA_BYTES = FMA_THREADS * 16;

/** Runs `rounds` rounds of multiply-adds; binds y. `flops` counts two per multiply-add. */
export function planFma({ width, chains }: FmaVariant, rounds: number): Plan & { readonly flops: number } {
  return {
    program: fmaProgram({ width, chains }),
    uniforms: [rounds, f32bits(0.5), f32bits(1)],
    grid: [FMA_THREADS / GROUP, 1, 1],
    flops: FMA_THREADS * rounds * STEPS_PER_ROUND * chains * width * 2,
  };
}

/** Copies `bytes` (a multiple of 16) from the first binding to the second, `perThread` vec4 by a thread. */
export function planCopy(bytes: number, perThread: number): Plan {
  const count = bytes / 16;
  const grid = linearGrid(Math.ceil(count / perThread), GROUP);
  return { program: copyProgram(perThread), uniforms: [count, grid[0] * grid[1] * GROUP, grid[0] * GROUP], grid };
}

/** Lists every program that these planners can emit. */
export function variants(): Program[] {
  return [...FMA_VARIANTS.map(fmaProgram), ...COPY_VARIANTS.map(copyProgram)];
}

function fmaProgram({ width, chains }: FmaVariant): Program {
  const { one, four } = vectorPrograms("peak multiply-add", fmaSource, ["read_write"], { CHAINS: chains });
  return width === 4 ? four : one;
}

function copyProgram(perThread: number): Program {
  return { name: "copy", source: copySource, constants: { PER_THREAD: perThread }, access: ["read", "read_write"] };
}
