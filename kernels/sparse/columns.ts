/**
 * Column-compacted weights keep the columns of the GEMM view [F, C·KH·KW] that some filter uses, so that only their
 * taps are gathered.
 */
import { convForwardCandidates, type ConvLaunch } from "../conv/forward.ts";
import type { ConvShape } from "../conv/shape.ts";
import { ceilDiv, type Epilogue, type Launch, type Step } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import type { TapLists } from "./cut.ts";
import type { LinearShape, PackedWeight, SparseFormat } from "./format.ts";
import { countNonzeros, matrixShape, packedWeight } from "./packed.ts";
import { tapsConv } from "./taps.ts";

/** This share of the numbers in kept columns must not be zero, for the columns to be what the zeros are about. */
const EXPLAINED = 0.95;

export const columns: SparseFormat = { name: "columns", pack, conv, gemm };

/**
 * The index is `taps`, the kept columns, ascending, and the values are [F, taps]. A weight of zeros keeps its first
 * column.
 */
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
  const lines = ceilDiv(shape.filters, 16);
  return [
    ...tapsConv(
      shape,
      epilogue,
      () => tapLists(packed),
      { lines, height: 16, taps: lines * kept.taps!.length },
      tuning,
    ),
    ...convForwardCandidates(kept, epilogue, tuning).map(({ name, cost, build }): Candidate => ({
      name,
      cost,
      build: () => renamed(build()),
    })),
  ];
}

/** Every sixteen filters keep all the taps. */
function tapLists({ rows, values, index: { taps } }: PackedWeight): TapLists {
  const lines = Array.from({ length: ceilDiv(rows, 16) }, (_, i) => ({
    first: 16 * i,
    taps: Array.from(taps, (column, t) => ({ column, source: 16 * i * taps.length + t })),
  }));
  const perFilter = values.length / rows;
  return { filters: rows, height: 16, perFilter, perFour: 4 * perFilter, lines };
}

/** A linear layer is a convolution of images of one pixel. */
function gemm({ m, n, k, ...epilogue }: LinearShape, packed: PackedWeight, tuning: Tuning): Candidate[] {
  const pixel = { height: 1, width: 1, kernel: [1, 1], stride: [1, 1], pads: [0, 0, 0, 0], dilation: [1, 1] } as const;
  const kept: ConvShape = {
    ...pixel,
    batch: m,
    channels: k,
    filters: n,
    groups: 1,
    taps: Array.from(packed.index.taps),
  };
  return convForwardCandidates(kept, epilogue, tuning).map(({ name, cost, build }): Candidate => ({
    name,
    cost,
    build: () => renamed(build()),
  }));
}

/** Gives a dense planner's launch whose weight is the packed values. */
function renamed({ prepare, steps, ...launch }: ConvLaunch): Launch {
  const rename = (list: readonly Step[]) =>
    list.map((step) => ({ ...step, bindings: step.bindings.map((name) => name === "w" ? "values" : name) }));
  return { ...launch, prepare: rename(prepare), steps: rename(steps) };
}
