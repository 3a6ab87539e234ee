/** Column-compacted weights: the columns of the GEMM view [F, C·KH·KW] that some filter uses, so that only their taps are gathered. */
import { planConvForward } from "../conv/forward.ts";
import { convMacs, type ConvShape } from "../conv/shape.ts";
import type { Epilogue, Launch } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import type { LinearShape, PackedWeight, SparseFormat } from "./format.ts";
import { countNonzeros, matrixShape, packedWeight } from "./packed.ts";

/** Share of the numbers in kept columns that must not be zero, for the columns to be what the zeros are about. */
const EXPLAINED = 0.95;
/** Of a run of three taps with its loads; measured on llvmpipe, where the taps' loads outweigh their multiply-adds. */
const MAC_NS = 1.5;

export const columns: SparseFormat = { name: "columns", pack, conv, gemm };

/** Index: `taps`, the kept columns, ascending. Values: [F, taps]. A weight of zeros keeps its first column. */
function pack(weight: Float32Array, shape: readonly number[]): PackedWeight | undefined {
  const { rows, columns } = matrixShape(shape);
  const used = new Uint8Array(columns);
  weight.forEach((w, i) => {
    if (w !== 0) used[i % columns] = 1;
  });
  const kept = Array.from(used.keys()).filter((c) => used[c]);
  if (countNonzeros(weight) < EXPLAINED * rows * kept.length) return undefined;
  const taps = kept.length > 0 ? kept : [0];
  if (taps.length === columns) return undefined;
  const values = new Float32Array(rows * taps.length);
  for (let r = 0; r < rows; r++) taps.forEach((c, t) => values[r * taps.length + t] = weight[r * columns + c]);
  const index = { taps: Uint32Array.from(taps) };
  return packedWeight({ format: "columns", parameters: {}, rows, columns, stored: values.length, values, index });
}

function conv(shape: ConvShape, packed: PackedWeight, epilogue: Epilogue, tuning: Tuning): Candidate[] {
  if (shape.groups !== 1) return [];
  const kept: ConvShape = { ...shape, taps: Array.from(packed.index.taps) };
  return [{
    name: "kept taps",
    cost: convMacs(kept) * MAC_NS,
    build: () => keptLaunch(kept, epilogue, tuning),
  }];
}

/** A linear layer is a convolution of images of one pixel. */
function gemm({ m, n, k, ...epilogue }: LinearShape, packed: PackedWeight, tuning: Tuning): Candidate[] {
  const pixel = { height: 1, width: 1, kernel: [1, 1], stride: [1, 1], pads: [0, 0, 0, 0], dilation: [1, 1] } as const;
  return conv({ ...pixel, batch: m, channels: k, filters: n, groups: 1 }, packed, epilogue, tuning);
}

/** The dense planner's launch for kept columns, its weight being the packed values. */
function keptLaunch(kept: ConvShape, epilogue: Epilogue, tuning: Tuning): Launch {
  const { prepare, steps, scratch, tables } = planConvForward(kept, epilogue, tuning);
  const renamed = [...prepare, ...steps].map((step) => ({
    ...step,
    bindings: step.bindings.map((name) => name === "w" ? "values" : name),
  }));
  return { steps: renamed, scratch, tables };
}
