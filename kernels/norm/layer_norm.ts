import type { Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { ceilDiv, type Launch, type Step } from "../launch.ts";
import { sliceCount } from "../reduce/sum.ts";
import { inTeams, planTeams, teamCandidates, teamPrograms, teamVariants } from "../teams.ts";
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

/** Plans all three gradients. Its operands are x, dy, gamma, statistics, dx, dgamma and dbeta. */
export function planLayerNormGrad(shape: LayerNormShape, tuning: Tuning): Launch {
  return choose(layerNormClass(shape, "gradient"), layerNormGradCandidates(shape, tuning), tuning).build();
}

export function layerNormGradCandidates(shape: LayerNormShape, tuning: Tuning): Candidate[] {
  const { rows, length } = shape;
  const { slices, ...partial } = planSums(shape);
  return teamCandidates(rows, items(length), tuning, (lanes) => {
    const plan = planTeams(gradient, lanes, rows, length, (width) => [length / width, slices]);
    const [x, y, z] = plan.grid;
    return {
      steps: [
        partial.step,
        {
          plan: { ...plan, uniforms: [...plan.uniforms, 64 * x * y * z] },
          bindings: ["x", "dy", "gamma", "partials", "dgamma", "dbeta", "dx"],
        },
      ],
      scratch: { partials: partial.bytes },
      tables: {},
    };
  });
}

/** Computes dγ and dβ alone. The operands are x, dy, statistics, dgamma and dbeta. */
export function planLayerNormParameters(shape: LayerNormShape): Launch {
  const { step, slices, bytes } = planSums(shape);
  return {
    steps: [step, { plan: planParameterSums(shape.length, slices), bindings: ["partials", "dgamma", "dbeta"] }],
    scratch: { partials: bytes },
    tables: {},
  };
}

/** The sums of dγ and dβ over slices of the rows, behind which the rows' statistics stand once more. */
function planSums({ rows, length }: LayerNormShape): { step: Step; slices: number; bytes: number } {
  const columns = ceilDiv(length, 64);
  const perSlice = ceilDiv(rows, sliceCount(rows * Math.min(length, 64), columns, 64 * LEAST_ROWS));
  const slices = ceilDiv(rows, perSlice);
  return {
    step: {
      plan: { program: sums, uniforms: [rows, length, perSlice, slices * length], grid: [columns, slices, 1] },
      bindings: ["x", "dy", "statistics", "partials"],
    },
    slices,
    bytes: 8 * (slices * length + rows),
  };
}

export function layerNormClass({ rows, length }: LayerNormShape, pass: "forward" | "gradient"): string {
  return `layer norm ${pass} ${rows}x${length}`;
}

export function variants(): Program[] {
  return [...teamVariants(forward), ...teamVariants(gradient), sums];
}

const LEAST_ROWS = 8;

const forward = teamPrograms(
  "layer norm",
  inTeams(source),
  ["read", "read", "read", "read_write", "read_write"],
  "counted",
);
const gradient = teamPrograms(
  "layer norm gradient",
  inTeams(gradSource),
  ["read", "read", "read", "read", "read_write", "read_write", "read_write"],
  "counted",
);
const sums: Program = { name: "layer norm sums", source: sumsSource, access: ["read", "read", "read", "read_write"] };

function items(length: number): number {
  return length % 4 === 0 ? length / 4 : length;
}
