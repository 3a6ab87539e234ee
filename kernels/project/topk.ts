import type { Plan, Program } from "../../src/gpu/types.ts";
import order from "./order.wgsl" with { type: "text" };
import smallSource from "./topk_small.wgsl" with { type: "text" };

/** Up to this many scores one workgroup selects alone, in one dispatch shared by up to 16 selections. */
export const SMALL = 4096;
const JOBS = 16;

/** Keeps the k largest of the scores [offset, offset + groups), and marks them at the same places of the mask. */
export interface Selection {
  readonly offset: number;
  readonly groups: number;
  readonly k: number;
}

/**
 * This makes the exact top-k of each selection, where ties go to the lower index; status slot i belongs to selection i.
 */
export interface TopK {
  /** Each of these dispatches makes up to 16 selections. It binds scores, mask and status. */
  readonly small: readonly Plan[];
  /** These are too long for one workgroup: each wants a chain of dispatches (topk_long.ts). */
  readonly long: readonly (Selection & { readonly slot: number })[];
}

/** @throws RangeError unless 0 ≤ k ≤ groups */
export function planTopK(selections: readonly Selection[]): TopK {
  for (const { groups, k } of selections) {
    if (!(Number.isInteger(groups) && Number.isInteger(k) && groups >= 1 && k >= 0 && k <= groups)) {
      throw new RangeError(`top-k: cannot keep ${k} of ${groups} groups`);
    }
  }
  const jobs = selections.map((s, slot) => ({ ...s, slot }));
  const short = jobs.filter((j) => j.groups <= SMALL);
  const small: Plan[] = [];
  for (let i = 0; i < short.length; i += JOBS) {
    const batch = short.slice(i, i + JOBS);
    small.push({
      program: smallProgram,
      uniforms: batch.flatMap((j) => [j.offset, j.groups, j.k, j.slot]),
      grid: [batch.length, 1, 1],
    });
  }
  return { small, long: jobs.filter((j) => j.groups > SMALL) };
}

/** Lists every program that this planner can emit. */
export function variants(): Program[] {
  return [smallProgram];
}

const smallProgram: Program = {
  name: "top-k",
  source: `${order}\n${smallSource}`,
  access: ["read", "read_write", "read_write"],
};
