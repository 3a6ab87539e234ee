/** N:M sparsity: of every M neighbouring columns of the GEMM view a row keeps at most N. */
import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, epilogueConstants, EPILOGUES, type Launch } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import type { ListCost, Tap, TapLists } from "./cut.ts";
import type { LinearShape, PackedWeight, SparseFormat } from "./format.ts";
import source from "./nm.wgsl" with { type: "text" };
import { matrixShape, packedWeight } from "./packed.ts";
import { tapsConv, tapsGemm } from "./taps.ts";

/** Each ratio is [N, M]; the sparsest comes first. */
const RATIOS = [[1, 4], [2, 4], [4, 8]] as const;

const GROUP = 64;

/**
 * A linear layer picks its columns of x by selects (nm.wgsl), or gathers them on GPUs. The taps of a convolution don't lie side by side in x, so
 * that there is nothing to select from: there each filter gathers its own taps.
 */
export const nm: SparseFormat = {
  name: "n:m",
  pack,
  conv: (shape, packed, epilogue, tuning) =>
    tapsConv(shape, epilogue, () => tapLists(packed), listCost(packed), tuning),
  // Where lists are one dispatch, gathering takes less than selecting: 4 vector instructions for 2 multiply-adds, not 11.
  gemm: (shape, packed, tuning) =>
    tuning.profile.waves
      ? tapsGemm(shape, () => tapLists(packed), listCost(packed), tuning)
      : gemm(shape, packed, tuning),
};

/**
 * The parameters are `n` and `m`; the index `place` has 4 bits for each value. Values and index lie as nm.wgsl says.
 */
function pack(weight: Float32Array, shape: readonly number[]): PackedWeight | undefined {
  const { rows, columns } = matrixShape(shape);
  const ratio = RATIOS.find(([n, m]) => columns % m === 0 && mostInGroup(weight, m) <= n);
  if (!ratio) return undefined;
  const [n, m] = ratio, n8 = ceilDiv(rows, 8), groups = columns / m;
  const values = new Float32Array(groups * n * n8 * 8), place = new Uint32Array(groups * n * n8);
  for (let r = 0; r < rows; r++) {
    for (let g = 0; g < groups; g++) {
      let slot = 0;
      for (let i = 0; i < m; i++) {
        const w = weight[r * columns + g * m + i];
        if (w === 0) continue;
        const at = (g * n + slot++) * n8 + Math.floor(r / 8);
        values[at * 8 + r % 8] = w;
        place[at] |= i << r % 8 * 4;
      }
    }
  }
  const stored = values.length;
  return packedWeight({ format: "n:m", parameters: { n, m }, rows, columns, stored, values, index: { place } });
}

/** Rows hold whole groups, so groups can be counted off without regard to rows. */
function mostInGroup(weight: Float32Array, m: number): number {
  let most = 0;
  for (let start = 0; start < weight.length; start += m) {
    let count = 0;
    for (let i = start; i < start + m; i++) if (weight[i] !== 0) count++;
    most = Math.max(most, count);
  }
  return most;
}

/** Lists every filter by itself, without the places that fill up a group. */
function tapLists({ parameters: { n, m }, rows, columns, values, index: { place } }: PackedWeight): TapLists {
  const n8 = ceilDiv(rows, 8), kept = columns / m * n;
  const lines = Array.from({ length: rows }, (_, first) => {
    const taps = Array.from({ length: kept }, (_, slot): Tap => {
      const at = slot * n8 + Math.floor(first / 8);
      const column = Math.floor(slot / n) * m + (place[at] >>> 4 * (first % 8) & 15);
      return { column, source: at * 8 + first % 8 };
    });
    return { first, taps: taps.filter(({ source }) => values[source] !== 0) };
  });
  return { filters: rows, height: 1, perFilter: 0, perFour: 0, lines };
}

function listCost({ parameters: { n, m }, rows, columns }: PackedWeight): ListCost {
  return { lines: rows, height: 1, taps: rows * columns / m * n };
}

function gemm(shape: LinearShape, packed: PackedWeight, tuning: Tuning): Candidate[] {
  const { n, m } = packed.parameters, threads = ceilDiv(shape.m, 4) * ceilDiv(shape.n, 8);
  const { loopNs, loadNs, load4Ns, fmaNs } = tuning.profile.conv;
  const selects = 4 * (m - 1), perValue = 8 * (4 + selects) * fmaNs;
  const perGroup = loopNs + m * load4Ns + n * (loopNs + loadNs + 2 * load4Ns + perValue);
  return [{
    name: "selects 4x8",
    cost: threads * shape.k / m * perGroup * Math.max(1, tuning.profile.threads / threads),
    build: () => gemmLaunch(shape, packed),
  }];
}

function gemmLaunch(s: LinearShape, packed: PackedWeight): Launch {
  const { n, m } = packed.parameters, tilesM = ceilDiv(s.m, 4), n8 = ceilDiv(s.n, 8);
  const grid = linearGrid(tilesM * n8, GROUP);
  const plan: Plan = {
    program: nmProgram({ KEPT: n, OF: m, ...epilogueConstants(s) }),
    uniforms: [s.m, s.n, s.k / 4, s.k / m, n8, tilesM, grid[0] * GROUP],
    grid,
  };
  const bias = s.bias === "add" ? "bias" : "x", residual = s.residual === "add" ? "residual" : "x";
  return {
    steps: [{ plan, bindings: ["x", "values", "place", bias, residual, "y"] }],
    scratch: {},
    tables: packed.index,
  };
}

function nmProgram(constants: Record<string, number>): Program {
  const access = ["read", "read", "read", "read", "read", "read_write"] as const;
  return { name: "N:M matrix product", source, constants, access };
}

/** Lists every constant with each of its values. */
export function variants(): Program[] {
  return [
    ...RATIOS.map(([n, m]) => nmProgram({ KEPT: n, OF: m, ...epilogueConstants({}) })),
    ...EPILOGUES.slice(1).map((e) => nmProgram({ KEPT: 1, OF: 4, ...epilogueConstants(e) })),
  ];
}
