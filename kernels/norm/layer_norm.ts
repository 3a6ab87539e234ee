import type { Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { ceilDiv, type Launch } from "../launch.ts";
import { sliceCount } from "../reduce/sum.ts";
import { planTeams, teamCandidates, teamPrograms, teamVariants } from "../teams.ts";
import { type Candidate, choose, type Tuning } from "../tuning.ts";
import { planParameterSums } from "./batch_norm.ts";
import source from "./layer_norm.wgsl" with { type: "text" };
import gradSource from "./layer_norm_grad.wgsl" with { type: "text" };
import sumsSource from "./layer_norm_sums.wgsl" with { type: "text" };

/** Each of the rows [rows, length] is normalised for itself. */
export interface LayerNormShape {
  readonly rows: number;
  readonly length: number;
}

/** The operands are x, gamma, beta, y, and statistics [rows, 2], which the gradients read. */
export function planLayerNorm(shape: LayerNormShape, epsilon: number, tuning: Tuning): Launch {
  return choose(layerNormClass(shape, "forward"), layerNormCandidates(shape, epsilon, tuning), tuning).build();
}

export function layerNormCandidates({ rows, length }: LayerNormShape, epsilon: number, tuning: Tuning): Candidate[] {
  return teamCandidates(rows, items(length), tuning, (lanes) => ({
    steps: [{
      plan: planTeams(forward, lanes, rows, length, (width) => [length / width, f32bits(epsilon)]),
      bindings: ["x", "gamma", "beta", "statistics", "y"],
    }],
    scratch: {},
    tables: {},
  }));
}

/** The operands are x, dy, gamma, statistics and dx. */
export function planLayerNormGrad(shape: LayerNormShape, tuning: Tuning): Launch {
  return choose(layerNormClass(shape, "gradient"), layerNormGradCandidates(shape, tuning), tuning).build();
}

export function layerNormGradCandidates({ rows, length }: LayerNormShape, tuning: Tuning): Candidate[] {
  return teamCandidates(rows, items(length), tuning, (lanes) => ({
    steps: [{
      plan: planTeams(gradient, lanes, rows, length, (width) => [length / width]),
      bindings: ["x", "dy", "gamma", "statistics", "dx"],
    }],
    scratch: {},
    tables: {},
  }));
}

/** Computes dγ and dβ. The operands are x, dy, statistics, dgamma and dbeta. */
export function planLayerNormParameters({ rows, length }: LayerNormShape): Launch {
  const columns = ceilDiv(length, 64);
  const perSlice = ceilDiv(rows, sliceCount(rows * Math.min(length, 64), columns, 64 * LEAST_ROWS));
  const slices = ceilDiv(rows, perSlice);
  return {
    steps: [
      {
        plan: { program: sums, uniforms: [rows, length, perSlice], grid: [columns, slices, 1] },
        bindings: ["x", "dy", "statistics", "partials"],
      },
      { plan: planParameterSums(length, slices), bindings: ["partials", "dgamma", "dbeta"] },
    ],
    scratch: { partials: 8 * slices * length },
    tables: {},
  };
}

export function layerNormClass({ rows, length }: LayerNormShape, pass: "forward" | "gradient"): string {
  return `layer norm ${pass} ${rows}x${length}`;
}

export function variants(): Program[] {
  return [...teamVariants(forward), ...teamVariants(gradient), sums];
}

const LEAST_ROWS = 8;

const forward = teamPrograms("layer norm", source, ["read", "read", "read", "read_write", "read_write"], "counted");
const gradient = teamPrograms(
  "layer norm gradient",
  gradSource,
  ["read", "read", "read", "read", "read_write"],
  "counted",
);
const sums: Program = { name: "layer norm sums", source: sumsSource, access: ["read", "read", "read", "read_write"] };

function items(length: number): number {
  return length % 4 === 0 ? length / 4 : length;
}
