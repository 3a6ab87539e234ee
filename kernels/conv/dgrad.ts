import { ceilDiv, type Launch, type Step } from "../launch.ts";
import { type Candidate, choose, type Tuning, UNTUNED } from "../tuning.ts";
import { convClass } from "./class.ts";
import { columnPlaces, isOnePixel, planColumnsDgrad, scatterColumnsStep } from "./kept_columns.ts";
import { convProfile, dispatchCost } from "./gpu_costs.ts";
import { gatherSteps, gatherTile } from "./indirect.ts";
import { unrolled } from "./input.ts";
import { inFours, NO_WEIGHT, packedBytes, packStep } from "./pack.ts";
import { filledUp, type Halo, haloBytes, isBare, padStep } from "./pad.ts";
import { rowsSteps, rowsTile } from "./direct_rows.ts";
import { depthwiseSteps, depthwiseTile, fillRuns } from "./depthwise.ts";
import { cutRuns, type RawRun } from "./tap_runs.ts";
import { direct4x4Cost, direct4x4Dgrad, fitsDirect4x4 } from "./direct4x4.ts";
import { convOutput, type ConvShape } from "./shape.ts";
import { type Axes, gradientAxes, type Phase } from "./dgrad_phases.ts";
import { implicitCandidates } from "./implicit_gemm.ts";
import { gradientProduct } from "./implicit_dgrad.ts";
import { fitsFullRows, fullRowsCost, fullRowsDgrad } from "./dgrad_full_rows.ts";
import { fitsWinograd } from "./winograd.ts";
import { winogradGradientCandidates } from "./winograd_ways.ts";

/**
 * Computes dx[N,C,H,W] from dy and w; the operands are "dy", "w" and "dx". A stride s makes s² phases: input rows i ≡ r
 * (mod s) only meet taps kh with kh·d ≡ r, so each phase is a dense convolution of padded dy with its own taps, written
 * with stride s.
 */
export function planConvDgrad(shape: ConvShape, tuning: Tuning = UNTUNED): Launch {
  return choose(convDgradClass(shape), convDgradCandidates(shape, tuning), tuning).build();
}

export function convDgradClass(shape: ConvShape): string {
  return convClass("dgrad", shape);
}

/**
 * Offers to go by taps always, by runs of them where columns aren't dilated (with threads of 4 channels, or of 1 in a
 * depthwise layer), and in tiles of 4×4 pixels and by full rows where those can do the shape.
 */
export function convDgradCandidates(shape: ConvShape, given: Tuning): Candidate[] {
  if (isOnePixel(shape)) return [{ name: "kept columns", cost: 0, build: () => planColumnsDgrad(shape, given) }];
  const s = unrolled(shape), tuning = { ...given, profile: convProfile(given.profile) };
  const axes = gradientAxes(s);
  const ways = [byTaps(s, axes, tuning)];
  if (s.dilation[1] === 1 || s.kernel[1] === 1) {
    ways.push(byRows(s, axes, tuning, 4));
    if (s.channels === s.groups) ways.push(byRows(s, axes, tuning, 1));
  }
  const candidates: Candidate[] = ways.map((way) => ({
    ...way,
    cost: way.cost + dispatchCost(2 * way.parts.length - (isBare(way.halo) ? 1 : 0), tuning.profile),
    build: () => assemble(s, way),
  }));
  const { profile } = tuning;
  if (fitsDirect4x4(s, "dgrad")) {
    candidates.push({ name: "direct 4x4", cost: direct4x4Cost(s, profile, "dgrad"), build: () => direct4x4Dgrad(s) });
  }
  if (fitsFullRows(s)) {
    candidates.push({
      name: "direct full rows",
      cost: fullRowsCost(s, profile),
      build: () => fullRowsDgrad(s),
    });
  }
  if (!s.taps) candidates.push(...implicitCandidates(gradientProduct(s, axes), {}, profile));
  if (fitsWinograd(s, profile)) candidates.push(...winogradGradientCandidates(s, profile));
  return candidates;
}

/** This is the part of dx that one phase makes. */
interface Part {
  readonly taps: Uint32Array<ArrayBuffer>;
  readonly order: readonly number[];
  steps(names: { x: string; packed: string; taps: string; y: string }): Step[];
}

/** This is one way to compute the gradient. */
interface Way {
  readonly name: string;
  readonly halo: Halo;
  readonly parts: readonly Part[];
  readonly cost: number;
  /** Channels are packed in multiples of it. */
  readonly unit: 1 | 4;
}

/** Goes by runs of taps, with threads that make 4 (or 8) channels of dx, or 1. */
function byRows(s: ConvShape, axes: Axes, tuning: Tuning, unit: 1 | 4): Way {
  const starts = axes.horizontal.flatMap((h) => h.taps.map((t) => t.at));
  const start = starts.length ? Math.min(...starts) : 0;
  // Runs start at multiples of 4 of padded dy.
  const left = ceilDiv(Math.max(0, start), 4) * 4 - start;
  const bare = gradientHalo(s, axes);
  const halo: Halo = { ...bare, left, cols: ceilDiv(bare.cols - bare.left + left, 4) * 4 };
  const fours = halo.cols / 4;
  const filters = s.filters / s.groups, perGroup = s.channels / s.groups, [kh, kw] = s.kernel;
  let cost = 0;
  const parts = eachPhase(axes, (v, h) => {
    const raw: RawRun[] = [];
    for (let f = 0; f < filters; f++) {
      for (const a of v.taps) {
        const weights: (number | undefined)[] = [];
        for (const b of h.taps) weights[b.at - start] = f * perGroup * kh * kw + a.k * kw + b.k;
        raw.push({ offset: (f * halo.rows + a.at + halo.top) * fours + (start + left) / 4, weights });
      }
    }
    const runs = cutRuns(raw);
    const image = s.filters * halo.rows * fours;
    const conv = {
      filters: perGroup,
      groups: s.groups,
      runs,
      batch: s.batch,
      rows: v.count,
      cols: h.count,
      x: [image, image / s.groups, fours] as const,
      y: outputStrides(s, v, h),
    };
    const taps = inFours(runs.offsets, 0);
    if (unit === 1) {
      const tile = depthwiseTile(conv, tuning.profile);
      cost += tile.cost;
      return { taps, order: fillRuns(runs), steps: (names) => depthwiseSteps(conv, tile, names, {}) };
    }
    const tile = rowsTile(conv, tuning.profile);
    cost += tile.cost;
    return { taps, order: runs.order, steps: (names) => rowsSteps(conv, { ...tile, splits: 1 }, names, {}, 0) };
  });
  return { name: unit === 4 ? "direct rows" : "depthwise rows of 8", halo, parts, cost, unit };
}

function byTaps(s: ConvShape, axes: Axes, tuning: Tuning): Way {
  const halo = filledUp(gradientHalo(s, axes));
  const filters = s.filters / s.groups, perGroup = s.channels / s.groups, [kh, kw] = s.kernel;
  let cost = 0;
  const parts = eachPhase(axes, (v, h) => {
    const offsets: number[] = [], order: number[] = [];
    for (let f = 0; f < filters; f++) {
      for (const a of v.taps) {
        for (const b of h.taps) {
          offsets.push((f * halo.rows + a.at + halo.top) * halo.cols + b.at + halo.left);
          order.push(f * perGroup * kh * kw + a.k * kw + b.k);
        }
      }
    }
    const image = s.filters * halo.rows * halo.cols;
    const gather = {
      filters: perGroup,
      taps: offsets.length,
      groups: s.groups,
      batch: s.batch,
      rows: v.count,
      cols: h.count,
      x: [image, image / s.groups, halo.cols, 1] as const,
      y: outputStrides(s, v, h),
    };
    cost += gatherTile(gather, tuning.profile).cost;
    return {
      taps: inFours(offsets, 0),
      order: order.length ? Array.from(inFours(order, NO_WEIGHT)) : [],
      steps: (names) => gatherSteps(gather, names, {}, 1, 0),
    };
  });
  return { name: "indirect", halo, parts, cost, unit: 4 };
}

function assemble(s: ConvShape, { halo, parts, unit }: Way): Launch {
  const filters = s.filters / s.groups, perGroup = s.channels / s.groups, size = s.kernel[0] * s.kernel[1];
  const steps: Step[] = [];
  const scratch: Record<string, number> = {};
  const tables: Record<string, Uint32Array<ArrayBuffer>> = {};
  const x = isBare(halo) ? "dy" : "padded";
  if (x === "padded") {
    steps.push(padStep(halo, "dy", "padded"));
    scratch.padded = haloBytes(halo);
  }
  if (s.taps) {
    steps.push(scatterColumnsStep(s.filters, s.taps.length, s.channels * size, "w", "places", "dense"));
    scratch.dense = s.filters * s.channels * size * 4;
    tables.places = columnPlaces(s.channels * size, s.taps);
  }
  parts.forEach((part, i) => {
    const [packed, order, taps] = [`packed ${i}`, `order ${i}`, `taps ${i}`];
    const packing = {
      groups: s.groups,
      filters: perGroup,
      taps: part.order.length,
      unit,
      perGroup: filters * perGroup * size,
      perFilter: size,
    };
    tables[taps] = part.taps;
    scratch[packed] = Math.max(16, packedBytes(packing));
    // Without taps (a stride beyond the kernel) dx is 0 there, and that is what an empty sum writes.
    if (part.order.length > 0) {
      tables[order] = Uint32Array.from(part.order);
      steps.push(packStep(packing, s.taps ? "dense" : "w", order, packed));
    }
    steps.push(...part.steps({ x, packed, taps, y: "dx" }));
  });
  return { steps, scratch, tables };
}

function eachPhase(axes: Axes, part: (vertical: Phase, horizontal: Phase) => Part): Part[] {
  return axes.vertical.flatMap((v) => axes.horizontal.map((h) => part(v, h)));
}

/** Holds dy with zeros wherever any phase looks beyond it. */
function gradientHalo(s: ConvShape, axes: Axes): Halo {
  const [height, width] = convOutput(s);
  const [top, bottom] = reach(height, axes.vertical), [left, right] = reach(width, axes.horizontal);
  const planes = s.batch * s.filters;
  return { planes, height, width, rows: height + top + bottom, cols: width + left + right, top, left, phases: 1 };
}

/** Says how far the phases look before and behind `size` outputs. */
function reach(size: number, phases: readonly Phase[]): [number, number] {
  let before = 0, behind = 0;
  for (const { count, taps } of phases) {
    for (const { at } of taps) {
      before = Math.max(before, -at);
      behind = Math.max(behind, at + count - size);
    }
  }
  return [before, behind];
}

function outputStrides(s: ConvShape, v: Phase, h: Phase): [number, number, number, number, number] {
  const plane = s.height * s.width;
  return [s.channels * plane, plane, s.stride[0] * s.width, s.stride[1], v.first * s.width + h.first];
}
