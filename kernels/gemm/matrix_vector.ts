/** Plans a matrix times a vector (m = 1 or n = 1): a workgroup per row of the matrix adds up its products together. */
import type { Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, epilogueConstants, EPILOGUES, type Launch } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import { timeOf } from "./cost.ts";
import row from "./matrix_vector.wgsl" with { type: "text" };
import subgroupsSource from "./matrix_vector_subgroups.wgsl" with { type: "text" };
import type { GemmShape } from "./shape.ts";
import { batchOf } from "./split.ts";

const GROUP = 64;

/** The threads of a workgroup add up pairwise in workgroup memory, or in subgroups first. */
type Adding = "pairwise" | "subgroups";

/** There are none for products of two matrices. */
export function matrixVectorCandidates(shape: GemmShape, tuning: Tuning): Candidate[] {
  if (shape.m > 1 && shape.n > 1) return [];
  const ways: Adding[] = tuning.features?.includes("subgroups") ? ["pairwise", "subgroups"] : ["pairwise"];
  return ways.map((adding) => ({
    name: adding === "pairwise" ? "row per workgroup" : "row per workgroup, subgroups",
    cost: cost(shape, adding, tuning),
    build: () => plan(shape, adding),
  }));
}

function cost(shape: GemmShape, adding: Adding, { profile }: Tuning): number {
  const { m, n, k, batch } = shape, { contiguous } = matrixOf(shape);
  const { loadNs, stridedLoadNs, load4Ns, turnNs } = profile.gemm;
  // Neighbouring threads read neighbours along k.
  const load = contiguous === "k" ? loadNs : stridedLoadNs;
  const steps = adding === "pairwise" ? 7 : 3;
  const ns = ceilDiv(k, GROUP) * (turnNs + 2 * load) + steps * (load4Ns + turnNs);
  return timeOf(m * n * (batch?.count ?? 1) * GROUP, ns, profile);
}

/** Says which operand is the matrix, and where its elements lie. */
function matrixOf({ m, n, a, b }: GemmShape) {
  return m === 1
    ? { matrix: "b", vector: "a", rows: n, contiguous: b } as const
    : { matrix: "a", vector: "b", rows: m, contiguous: a } as const;
}

function plan(shape: GemmShape, adding: Adding): Launch {
  const { k } = shape, batch = batchOf(shape);
  const { matrix, vector, rows, contiguous } = matrixOf(shape);
  const grid = linearGrid(rows, 1);
  const [rowStep, colStep] = contiguous === "k" ? [k, 1] : [1, rows];
  const biasStep = matrix === "b" ? 1 : 0;
  const bias = shape.bias === "add" ? "bias" : vector, residual = shape.residual === "add" ? "residual" : vector;
  return {
    steps: [{
      plan: {
        program: matrixVectorProgram(adding, epilogueConstants(shape)),
        uniforms: [rows, k, rowStep, colStep, biasStep, grid[0], batch[matrix], batch[vector]],
        grid: [grid[0], grid[1], batch.count],
      },
      bindings: [matrix, vector, bias, residual, "y"],
    }],
    scratch: {},
    tables: {},
  };
}

function matrixVectorProgram(adding: Adding, constants: Record<string, number>): Program {
  const access = ["read", "read", "read", "read", "read_write"] as const;
  if (adding === "pairwise") return { name: "matrix times vector", source: row, constants, access };
  const features = ["subgroups"] as const;
  return { name: "matrix times vector, subgroups", source: subgroupsSource, constants, access, features };
}

export function matrixVectorPrograms(): Program[] {
  return (["pairwise", "subgroups"] as const).flatMap((adding) =>
    EPILOGUES.map((e) => matrixVectorProgram(adding, epilogueConstants(e)))
  );
}
