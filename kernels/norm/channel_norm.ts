import type { Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import type { Launch } from "../launch.ts";
import type { Reduction } from "../reduce/sum.ts";
import { teamCandidates, teamPrograms, teamVariants } from "../teams.ts";
import { type Candidate, choose, type Tuning } from "../tuning.ts";
import source from "./channel_norm.wgsl" with { type: "text" };

/** Plans a layer norm over the channels of x [outer, channels, inner]. The operands are x, gamma, beta and y. */
export function planChannelNorm(shape: Reduction, epsilon: number, tuning: Tuning): Launch {
  return choose(channelNormClass(shape), channelNormCandidates(shape, epsilon, tuning), tuning).build();
}

export function channelNormCandidates(shape: Reduction, epsilon: number, tuning: Tuning): Candidate[] {
  const { outer, channels, inner } = shape;
  const pixels = outer * inner;
  // Where pixels in fours would leave a GPU idle, each is a team's.
  const few = pixels / 4 * 8 < 64 * (tuning.profile.waves ?? 0);
  const width = inner % 4 === 0 && !few ? 4 : 1, items = pixels / width;
  return teamCandidates(items, channels, tuning, (lanes) => {
    const program = width === 4 ? programs[lanes].four : programs[lanes].one;
    const grid = linearGrid(items, 64 / lanes);
    const uniforms = [items, grid[0], channels, inner / width, f32bits(epsilon)];
    return {
      steps: [{ plan: { program, uniforms, grid }, bindings: ["x", "gamma", "beta", "y"] }],
      scratch: {},
      tables: {},
    };
  });
}

export function channelNormClass({ outer, channels, inner }: Reduction): string {
  return `layer norm over channels ${outer}x${channels}x${inner}`;
}

export function variants(): Program[] {
  return teamVariants(programs);
}

const programs = teamPrograms("layer norm over channels", source, ["read", "read", "read", "read_write"], "uncounted");
