import type { Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import type { Launch } from "../launch.ts";
import { inTeams, planTeams, teamCandidates, teamPrograms, teamVariants } from "../teams.ts";
import { type Candidate, choose, type Tuning } from "../tuning.ts";
import source from "./group_norm.wgsl" with { type: "text" };
import gradSource from "./group_norm_grad.wgsl" with { type: "text" };
import sumsSource from "./group_norm_sums.wgsl" with { type: "text" };

/** x is [batch, channels, inner], normalised over each of `groups` runs of channels; `groups` divides `channels`. */
export interface GroupNormShape {
  readonly batch: number;
  readonly channels: number;
  readonly inner: number;
  readonly groups: number;
}

/** The operands are x, gamma, beta, y, and statistics [batch, groups, 2], which the gradients read. */
export function planGroupNorm(shape: GroupNormShape, epsilon: number, tuning: Tuning): Launch {
  return choose(groupNormClass(shape, "forward"), groupNormCandidates(shape, epsilon, tuning), tuning).build();
}

export function groupNormCandidates(shape: GroupNormShape, epsilon: number, tuning: Tuning): Candidate[] {
  const { batch, channels, inner, groups } = shape;
  const rows = batch * groups, span = channels / groups;
  return teamCandidates(rows, span * items(inner), tuning, (lanes) => ({
    steps: [{
      plan: planTeams(forward, lanes, rows, inner, (width) => [groups, span, inner / width, f32bits(epsilon)]),
      bindings: ["x", "gamma", "beta", "statistics", "y"],
    }],
    scratch: {},
    tables: {},
  }));
}

/** Plans all three gradients. Its operands are x, dy, gamma, statistics, dx, dgamma and dbeta. */
export function planGroupNormGrad(shape: GroupNormShape, tuning: Tuning): Launch {
  return choose(groupNormClass(shape, "gradient"), groupNormGradCandidates(shape, tuning), tuning).build();
}

export function groupNormGradCandidates(shape: GroupNormShape, tuning: Tuning): Candidate[] {
  const { batch, channels, inner, groups } = shape;
  const rows = batch * groups, maps = batch * channels, span = channels / groups;
  return teamCandidates(rows, span * items(inner), tuning, (lanes) => {
    const plan = planTeams(gradient, lanes, rows, inner, (width) => [groups, span, inner / width, batch]);
    const [x, y, z] = plan.grid;
    return {
      steps: [
        {
          plan: planTeams(sums, lanes, maps, inner, (width) => [span, inner / width]),
          bindings: ["x", "dy", "statistics", "partials"],
        },
        {
          plan: { ...plan, uniforms: [...plan.uniforms, 64 * x * y * z] },
          bindings: ["x", "dy", "gamma", "partials", "dgamma", "dbeta", "dx"],
        },
      ],
      scratch: { partials: 16 * maps },
      tables: {},
    };
  });
}

export function groupNormClass(
  { batch, channels, inner, groups }: GroupNormShape,
  pass: "forward" | "gradient",
): string {
  return `group norm ${pass} ${batch}x${channels}x${inner} in ${groups}`;
}

export function variants(): Program[] {
  return [forward, sums, gradient].flatMap(teamVariants);
}

const forward = teamPrograms(
  "group norm",
  inTeams(source),
  ["read", "read", "read", "read_write", "read_write"],
  "counted",
);
const sums = teamPrograms("group norm sums", inTeams(sumsSource), ["read", "read", "read", "read_write"], "uncounted");
const gradient = teamPrograms(
  "group norm gradient",
  inTeams(gradSource),
  ["read", "read", "read", "read", "read_write", "read_write", "read_write"],
  "counted",
);

function items(inner: number): number {
  return inner % 4 === 0 ? inner / 4 : inner;
}
