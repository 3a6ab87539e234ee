/** Plans kernels that only ask whether a device does what WGSL says. */
import type { Plan, Program } from "../../src/gpu/types.ts";
import halfSource from "./half.wgsl" with { type: "text" };
import subgroupSource from "./subgroup_sums.wgsl" with { type: "text" };
import workgroupSource from "./workgroup_sum.wgsl" with { type: "text" };

/** A workgroup of the test of subgroups has so many threads. */
export const SUBGROUP_TEST_GROUP = 64;
/** A workgroup of the test of workgroup memory has so many threads. */
export const MEMORY_TEST_GROUP = 256;

/**
 * Sets wide ← wide · 3 + ¼ through f16, in two dispatches. The bindings are wide (f32 [size]) and narrow (f16 [size]).
 */
export function planHalf(size: number): Plan[] {
  return [1, 0].map((NARROW) => ({
    program: halfProgram(NARROW),
    uniforms: [size],
    grid: [Math.ceil(size / 64), 1, 1],
  }));
}

/**
 * Sums over subgroups, and finds each thread's first fellow. The bindings are x, sums and first, all u32 [groups · 64].
 */
export function planSubgroupSums(groups: number): Plan {
  return { program: SUBGROUP_SUMS, uniforms: [0], grid: [groups, 1, 1] };
}

/**
 * Sums over workgroups, and counts the words of their memory that weren't 0 at their start. The bindings are x, u32
 * [groups · 256], and sums and dirty, u32 [groups].
 */
export function planWorkgroupSum(groups: number): Plan {
  return { program: WORKGROUP_SUM, uniforms: [0], grid: [groups, 1, 1] };
}

export function variants(): Program[] {
  return [halfProgram(1), halfProgram(0), SUBGROUP_SUMS, WORKGROUP_SUM];
}

function halfProgram(NARROW: number): Program {
  const access = ["read_write", "read_write"] as const;
  return { name: "half precision", source: halfSource, constants: { NARROW }, access, features: ["f16"] };
}

const WORKGROUP_SUM: Program = {
  name: "workgroup sum",
  source: workgroupSource,
  access: ["read", "read_write", "read_write"],
};

const SUBGROUP_SUMS: Program = {
  name: "subgroup sums",
  source: subgroupSource,
  access: ["read", "read_write", "read_write"],
  features: ["subgroups"],
};
