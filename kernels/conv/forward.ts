import { reduceStep } from "../gemm/plan.ts";
import { type Epilogue, type Launch, type Step, type Tuning, UNTUNED } from "../gemm/steps.ts";
import { type Gather, gatherSteps, gatherTile } from "./indirect.ts";
import { inputHalo, inputRuns, tapOffsets, unrolled } from "./input.ts";
import { inFours, NO_WEIGHT, packedBytes, type Packing, packStep } from "./pack.ts";
import { type Halo, haloBytes, isBare, padStep } from "./pad.ts";
import { type RowsConv, rowsSteps, rowsTile } from "./rows.ts";
import { convOutput, type ConvShape, convTaps } from "./shape.ts";

/** A launch whose `prepare` depends on the weights only: inference runs it once, training before every step. */
export interface ConvLaunch extends Launch {
  readonly prepare: readonly Step[];
}

/**
 * y[N,F,OH,OW] = act(conv(x, w) + bias[F] + residual). Operands "x", "w", "y", and, as the epilogue says, "bias" and
 * "residual" (shape of y). Scratch: "packed" (weights, made by `prepare`), "padded" (x with its halo), "partial".
 */
export function planConvForward(shape: ConvShape, epilogue: Epilogue = {}, tuning: Tuning = UNTUNED): ConvLaunch {
  const s = unrolled(shape);
  const rows = byRows(s, epilogue, tuning), taps = byTaps(s, epilogue, tuning);
  return rows && rows.cost < taps.cost ? rows.plan() : taps.plan();
}

interface Candidate {
  readonly cost: number;
  plan(): ConvLaunch;
}

function byRows(s: ConvShape, epilogue: Epilogue, tuning: Tuning): Candidate | undefined {
  const input = inputRuns(s);
  if (!input) return undefined;
  const [rows, cols] = convOutput(s);
  const { halo, runs, x } = input;
  const y = outputStrides(s, rows, cols);
  const conv: RowsConv = { filters: s.filters / s.groups, groups: s.groups, runs, batch: s.batch, rows, cols, x, y };
  const tile = rowsTile(conv, tuning.threads);
  return {
    cost: tile.cost,
    plan: () =>
      assemble(s, halo, runs.order, inFours(runs.offsets, 0), epilogue, tile.splits, (names, e, ySplit) => {
        return rowsSteps(conv, tile, names, e, ySplit);
      }),
  };
}

function byTaps(s: ConvShape, epilogue: Epilogue, tuning: Tuning): Candidate {
  const [rows, cols] = convOutput(s);
  const halo = inputHalo(s), plane = halo.rows * halo.cols, taps = convTaps(s);
  const gather: Gather = {
    filters: s.filters / s.groups,
    taps,
    groups: s.groups,
    batch: s.batch,
    rows,
    cols,
    x: [s.channels * plane, s.channels / s.groups * plane, s.stride[0] * halo.cols, s.stride[1]],
    y: outputStrides(s, rows, cols),
  };
  const tile = gatherTile(gather, tuning.threads);
  const order = Array.from(inFours(Array.from({ length: taps }, (_, k) => k), NO_WEIGHT));
  return {
    cost: tile.cost,
    plan: () =>
      assemble(s, halo, order, inFours(tapOffsets(s, halo), 0), epilogue, tile.splits, (names, e, ySplit) => {
        return gatherSteps(gather, names, e, tile.splits, ySplit);
      }),
  };
}

type Names = { readonly x: string; readonly packed: string; readonly taps: string; readonly y: string };

function assemble(
  s: ConvShape,
  halo: Halo,
  order: readonly number[],
  taps: Uint32Array<ArrayBuffer>,
  epilogue: Epilogue,
  splits: number,
  convolve: (names: Names, epilogue: Epilogue, ySplit: number) => Step[],
): ConvLaunch {
  const [rows, cols] = convOutput(s);
  const size = s.batch * s.filters * rows * cols;
  const bare = isBare(halo);
  const names = { x: bare ? "x" : "padded", packed: "packed", taps: "taps", y: splits > 1 ? "partial" : "y" };
  const filters = s.filters / s.groups, perFilter = convTaps(s);
  const packing: Packing = {
    groups: s.groups,
    filters,
    taps: order.length,
    perGroup: filters * perFilter,
    perFilter,
  };
  return {
    prepare: [packStep(packing, "w", "order", "packed")],
    steps: [
      ...(bare ? [] : [padStep(halo, "x", "padded")]),
      ...convolve(names, splits > 1 ? {} : epilogue, size),
      ...(splits > 1 ? [reduceStep(size, splits, epilogue, rows * cols, s.filters)] : []),
    ],
    scratch: {
      packed: packedBytes(packing),
      ...(bare ? {} : { padded: haloBytes(halo) }),
      ...(splits > 1 ? { partial: splits * size * 4 } : {}),
    },
    tables: { order: Uint32Array.from(order), taps },
  };
}

function outputStrides(s: ConvShape, rows: number, cols: number): [number, number, number, number, number] {
  return [s.filters * rows * cols, rows * cols, cols, 1, 0];
}
