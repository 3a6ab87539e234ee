import type { Program } from "../../src/gpu/types.ts";
import type { Launch } from "../launch.ts";
import { inTeams, planTeams, teamCandidates, type TeamPrograms, teamPrograms, teamVariants } from "../teams.ts";
import { type Candidate, choose, type Tuning } from "../tuning.ts";
import source from "./softmax.wgsl" with { type: "text" };
import gradSource from "./softmax_grad.wgsl" with { type: "text" };

export type SoftmaxPass = "forward" | "gradient";

/**
 * Plans the softmax of each row of x [rows, length]. The operands are x and y; those of the gradient are y, dy and dx.
 */
export function planSoftmax(rows: number, length: number, pass: SoftmaxPass, tuning: Tuning): Launch {
  return choose(softmaxClass(rows, length, pass), softmaxCandidates(rows, length, pass, tuning), tuning).build();
}

export function softmaxCandidates(rows: number, length: number, pass: SoftmaxPass, tuning: Tuning): Candidate[] {
  const { programs, bindings } = passes[pass];
  return teamCandidates(rows, length % 4 === 0 ? length / 4 : length, tuning, (lanes) => ({
    steps: [{ plan: planTeams(programs, lanes, rows, length, (width) => [length / width]), bindings }],
    scratch: {},
    tables: {},
  }));
}

export function softmaxClass(rows: number, length: number, pass: SoftmaxPass): string {
  return `softmax ${pass} ${rows}x${length}`;
}

export function variants(): Program[] {
  return Object.values(passes).flatMap(({ programs }) => teamVariants(programs));
}

const passes: Readonly<Record<SoftmaxPass, { programs: TeamPrograms; bindings: readonly string[] }>> = {
  forward: {
    programs: teamPrograms("softmax", inTeams(source), ["read", "read_write"], "uncounted"),
    bindings: ["x", "y"],
  },
  gradient: {
    programs: teamPrograms("softmax gradient", inTeams(gradSource), ["read", "read", "read_write"], "uncounted"),
    bindings: ["y", "dy", "dx"],
  },
};
