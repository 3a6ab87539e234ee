import { arithmeticOf } from "../arithmetic.ts";
import { reduceStep } from "../gemm/plan.ts";
import type { Epilogue, Launch, Step } from "../launch.ts";
import { type Candidate, choose, type Tuning, UNTUNED } from "../tuning.ts";
import { convClass } from "./class.ts";
import { isOnePixel, planColumnsForward } from "./kept_columns.ts";
import { endsWithGelu } from "../activation.ts";
import { convProfile, dispatchCost } from "./gpu_costs.ts";
import { type Gather, type GatherNames, gatherSteps, gatherTile } from "./indirect.ts";
import { fitsIm2col, im2colCost, im2colForward } from "./im2col.ts";
import { forwardProduct, implicitCandidates } from "./implicit_gemm.ts";
import { inputHalo, inputRuns, type RowsInput, tapOffsets, unrolled } from "./input.ts";
import { inFours, NO_WEIGHT, packedBytes, type Packing, packStep } from "./pack.ts";
import { filledUp, type Halo, haloBytes, isBare, padStep } from "./pad.ts";
import { type RowsConv, rowsSteps, rowsTileName, rowsTiles } from "./direct_rows.ts";
import { bareDepthwiseCandidates } from "./depthwise_bare.ts";
import { depthwiseSteps, depthwiseTile, FEW_FILTERS, fillRuns } from "./depthwise.ts";
import { direct4x4Cost, direct4x4Forward, fitsDirect4x4 } from "./direct4x4.ts";
import { convOutput, type ConvShape, convTaps } from "./shape.ts";
import { fitsWinograd, winogradForward } from "./winograd.ts";
import { winogradCandidates } from "./winograd_ways.ts";

/** A launch whose `prepare` depends on the weights only: inference runs it once, training before every step. */
export interface ConvLaunch extends Launch {
  readonly prepare: readonly Step[];
}

/**
 * Computes y[N,F,OH,OW] = act(conv(x, w) + bias[F] + residual). The operands are "x", "w", "y" and, as the epilogue
 * says, "bias" and "residual" (shape of y). The scratch buffers are "packed" (weights, made by `prepare`), "padded" (x
 * with its halo) and "partial".
 */
export function planConvForward(shape: ConvShape, epilogue: Epilogue = {}, tuning: Tuning = UNTUNED): ConvLaunch {
  return choose(convForwardClass(shape), convForwardCandidates(shape, epilogue, tuning), tuning).build();
}

/**
 * Names what a measurement is valid for. The epilogue isn't in it: weights are packed before it is known, so that all
 * epilogues of a shape must go the same way.
 */
export function convForwardClass(s: ConvShape): string {
  return convClass("forward", s);
}

/**
 * Gives the ways that can do the shape: by taps always, by rows where columns aren't dilated, and those made for some. GELU
 * is only done by implicit GEMM, which GPUs have for all but depthwise layers.
 */
export function convForwardCandidates(
  shape: ConvShape,
  epilogue: Epilogue,
  given: Tuning,
): Candidate<ConvLaunch>[] {
  if (isOnePixel(shape)) {
    const build = () => ({ ...planColumnsForward(shape, epilogue, given), prepare: [] });
    return [{ name: "kept columns", cost: 0, build }];
  }
  const s = unrolled(shape), tuning = { ...given, profile: convProfile(given.profile) };
  if (endsWithGelu(epilogue)) {
    return implicitCandidates(forwardProduct(s), epilogue, tuning.profile, arithmeticOf(tuning));
  }
  const input = inputRuns(s);
  const ways = [byTaps(s, tuning)];
  if (input) ways.push(...byRows(s, input, tuning));
  if (input && s.filters / s.groups <= FEW_FILTERS) ways.push(byDepthwise(s, input, tuning));
  const candidates: Candidate<ConvLaunch>[] = ways.map((way) => ({
    ...way,
    cost: way.cost + dispatchCost((isBare(way.halo) ? 0 : 1) + (way.splits > 1 ? 1 : 0), tuning.profile),
    build: () => assemble(s, way, epilogue),
  }));
  if (fitsDirect4x4(s, "forward")) {
    const cost = direct4x4Cost(s, tuning.profile, "forward");
    candidates.push({ name: "direct 4x4", cost, build: () => direct4x4Forward(s, epilogue) });
  }
  if (fitsIm2col(s)) {
    candidates.push({ name: "im2col", cost: im2colCost(s, tuning.profile), build: () => im2colForward(s, epilogue) });
  }
  candidates.push(...bareDepthwiseCandidates(s, epilogue, tuning.profile));
  if (!s.taps) {
    candidates.push(...implicitCandidates(forwardProduct(s), epilogue, tuning.profile, arithmeticOf(tuning)));
  }
  if (fitsWinograd(s, tuning.profile)) {
    candidates.push(...winogradCandidates(winogradForward(s), epilogue, tuning.profile));
  }
  return candidates;
}

/** This is one way to compute the convolution. */
interface Way {
  readonly name: string;
  readonly cost: number;
  readonly halo: Halo;
  readonly packing: Packing;
  readonly order: readonly number[];
  readonly offsets: readonly number[];
  readonly splits: number;
  convolve(names: GatherNames, epilogue: Epilogue, ySplit: number): Step[];
}

/** Gives a way for each tile. */
function byRows(s: ConvShape, input: RowsInput, tuning: Tuning): Way[] {
  const conv = rowsConv(s, input), { order, offsets } = input.runs;
  return rowsTiles(conv, tuning.profile).map((tile) => ({
    name: rowsTileName(tile),
    cost: tile.cost,
    splits: tile.splits,
    halo: input.halo,
    order,
    offsets,
    packing: packing(s, order.length),
    convolve: (names, epilogue, ySplit) => rowsSteps(conv, tile, names, epilogue, ySplit),
  }));
}

function byDepthwise(s: ConvShape, input: RowsInput, tuning: Tuning): Way {
  const conv = rowsConv(s, input), order = fillRuns(input.runs);
  const tile = depthwiseTile(conv, tuning.profile);
  const perFilter = convTaps(s);
  return {
    name: "depthwise rows of 8",
    cost: tile.cost,
    splits: 1,
    halo: input.halo,
    order,
    offsets: input.runs.offsets,
    packing: { groups: s.filters, filters: 1, taps: order.length, unit: 1, perGroup: perFilter, perFilter },
    convolve: (names, epilogue) => depthwiseSteps(conv, tile, names, epilogue),
  };
}

function byTaps(s: ConvShape, tuning: Tuning): Way {
  const [rows, cols] = convOutput(s);
  const halo = filledUp(inputHalo(s)), plane = halo.rows * halo.cols, taps = convTaps(s);
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
  const tile = gatherTile(gather, tuning.profile);
  const order = Array.from(inFours(Array.from({ length: taps }, (_, k) => k), NO_WEIGHT));
  return {
    name: "indirect",
    cost: tile.cost,
    splits: tile.splits,
    halo,
    order,
    offsets: tapOffsets(s, halo),
    packing: packing(s, order.length),
    convolve: (names, epilogue, ySplit) => gatherSteps(gather, names, epilogue, tile.splits, ySplit),
  };
}

function assemble(s: ConvShape, way: Way, epilogue: Epilogue): ConvLaunch {
  const [rows, cols] = convOutput(s);
  const size = s.batch * s.filters * rows * cols;
  const bare = isBare(way.halo), split = way.splits > 1;
  const names = { x: bare ? "x" : "padded", packed: "packed", taps: "taps", y: split ? "partial" : "y" };
  return {
    prepare: [packStep(way.packing, "w", "order", "packed")],
    steps: [
      ...(bare ? [] : [padStep(way.halo, "x", "padded")]),
      ...way.convolve(names, split ? {} : epilogue, size),
      ...(split ? [reduceStep(size, way.splits, epilogue, rows * cols, s.filters)] : []),
    ],
    scratch: {
      packed: packedBytes(way.packing),
      ...(bare ? {} : { padded: haloBytes(way.halo) }),
      ...(split ? { partial: way.splits * size * 4 } : {}),
    },
    tables: { order: Uint32Array.from(way.order), taps: inFours(way.offsets, 0) },
  };
}

function packing(s: ConvShape, taps: number): Packing {
  const filters = s.filters / s.groups, perFilter = convTaps(s);
  return { groups: s.groups, filters, taps, unit: 4, perGroup: filters * perFilter, perFilter };
}

function rowsConv(s: ConvShape, { runs, x }: RowsInput): RowsConv {
  const [rows, cols] = convOutput(s);
  const y = outputStrides(s, rows, cols);
  return { filters: s.filters / s.groups, groups: s.groups, runs, batch: s.batch, rows, cols, x, y };
}

function outputStrides(s: ConvShape, rows: number, cols: number): [number, number, number, number, number] {
  return [s.filters * rows * cols, rows * cols, cols, 1, 0];
}
