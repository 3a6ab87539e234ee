/**
 * Plans lists of taps for GPUs (listed_direct.wgsl): a workgroup makes a line of filters for a run of pixels, in one
 * dispatch for all lines, and in parts of the lists where lines and pixels are few.
 */
import type { Program } from "../../src/gpu/types.ts";
import { inputHalo } from "../conv/input.ts";
import { filledUp, haloBytes, isBare, padStep } from "../conv/pad.ts";
import { convOutput, type ConvShape } from "../conv/shape.ts";
import { type DeviceProfile, wantedThreads } from "../device_profile.ts";
import { spillOf } from "../gemm/cost.ts";
import { reduceStep } from "../gemm/plan.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import { type ListCost, packWeights, type TapLists } from "./cut.ts";
import type { LinearShape } from "./format.ts";
import { PANEL_ROWS, panelStep } from "./listed.ts";
import source from "./listed_direct.wgsl" with { type: "text" };

const GROUP = 64;
/** A thread makes so many pixels. */
const PIXELS = [4, 2, 1] as const;
/** A thread takes so many taps in a turn of its loop. */
const TURN = 4;
/** A part of a list of fewer taps spends more on adding up than it wins. */
const SHORTEST_PART = 32;
const MAX_GROUPS = 65_535;

/** Says where the pixels of x and y lie, as the shader's parameters of these names do. */
interface Layout {
  readonly pixels: number;
  readonly plane: number;
  readonly cols: number;
  readonly filters: number;
  readonly x: readonly [image: number, row: number, col: number];
  readonly y: readonly [image: number, pixel: number, filter: number];
  readonly epilogue: Epilogue;
}

/** Computes y = act(x·wᵀ + …) with x packed into panels of 64 rows. */
export function directGemm(shape: LinearShape, lists: () => TapLists, cost: ListCost, tuning: Tuning): Candidate[] {
  const { m, n, k } = shape, width = ceilDiv(k, 4) * 4;
  const layout: Layout = {
    pixels: m,
    plane: PANEL_ROWS,
    cols: PANEL_ROWS,
    filters: n,
    x: [width * PANEL_ROWS, 0, 1],
    y: [n * PANEL_ROWS, n, 1],
    epilogue: shape,
  };
  return candidates(layout, cost, tuning, (way) => {
    const { step, bytes } = panelStep(shape, width);
    return launch(layout, lists(), way, (column) => column * PANEL_ROWS, { step, name: "panels", bytes });
  });
}

/** Computes y = conv(x, w) with x padded where it has padding. */
export function directConv(
  shape: ConvShape,
  epilogue: Epilogue,
  lists: () => TapLists,
  cost: ListCost,
  tuning: Tuning,
): Candidate[] {
  if (shape.groups !== 1 || shape.taps) return [];
  const { batch, channels, filters, kernel: [kh, kw], stride, dilation } = shape, [rows, cols] = convOutput(shape);
  const halo = filledUp(inputHalo(shape)), plane = halo.rows * halo.cols;
  const layout: Layout = {
    pixels: batch * rows * cols,
    plane: rows * cols,
    cols,
    filters,
    x: [channels * plane, stride[0] * halo.cols, stride[1]],
    y: [filters * rows * cols, 1, rows * cols],
    epilogue,
  };
  const offset = (column: number) => {
    const c = Math.floor(column / (kh * kw)), r = Math.floor(column / kw) % kh, q = column % kw;
    return c * plane + r * dilation[0] * halo.cols + q * dilation[1];
  };
  const padded = isBare(halo)
    ? undefined
    : { step: padStep(halo, "x", "padded"), name: "padded", bytes: haloBytes(halo) };
  return candidates(layout, cost, tuning, (way) => launch(layout, lists(), way, offset, padded));
}

interface Way {
  readonly pixels: number;
  /** The taps of a line are cut into so many parts. */
  readonly splits: number;
}

function candidates(
  layout: Layout,
  cost: ListCost,
  { profile }: Tuning,
  build: (way: Way) => Launch,
): Candidate[] {
  const wanted = wantedThreads(profile) / GROUP, turns = ceilDiv(cost.taps, cost.lines * TURN);
  if (cost.lines > MAX_GROUPS || ceilDiv(layout.pixels, GROUP) > MAX_GROUPS) return [];
  return PIXELS.filter((pixels) => pixels === 1 || layout.pixels > GROUP * pixels / 2).map((pixels) => {
    const waves = ceilDiv(layout.pixels, GROUP * pixels) * cost.lines;
    const parts = Math.max(1, Math.floor(turns * TURN / SHORTEST_PART));
    const way = { pixels, splits: Math.min(parts, ceilDiv(wanted, waves)) };
    return {
      name: `line per workgroup, ${pixels === 1 ? "a pixel" : `${pixels} pixels`}`,
      cost: timeOf(layout, cost, way, waves * way.splits, profile),
      build: () => build(way),
    };
  });
}

/** Estimates the time of all threads in ns, as of other sparse products; a device that wants more of them is idle. */
function timeOf(
  { pixels: all, filters }: Layout,
  { lines, height, taps }: ListCost,
  { pixels, splits }: Way,
  waves: number,
  profile: DeviceProfile,
): number {
  const { loopNs, loadNs, fmaNs, storeNs } = profile.conv;
  const groups = ceilDiv(all, GROUP * pixels);
  const perTurn = loopNs + TURN * (pixels * (loadNs + height * fmaNs) + ceilDiv(height, 4) * loadNs);
  const sums = groups * GROUP * (taps / TURN + lines) * perTurn;
  const stores = all * filters * storeNs * (splits > 1 ? 2 * splits : 1);
  return sums * spillOf(height * pixels, profile) * Math.max(1, wantedThreads(profile) / (GROUP * waves)) + stores;
}

/** @param made is the step that makes of x what the kernel reads, if one must */
function launch(
  { pixels: all, plane, cols, filters, x, y, epilogue }: Layout,
  lists: TapLists,
  { pixels, splits }: Way,
  offset: (column: number) => number,
  made: { readonly step: Step; readonly name: string; readonly bytes: number } | undefined,
): Launch {
  const { line, tap, sources } = tablesOf(lists, offset), packed = packWeights(lists, { sources });
  const size = all * filters, split = splits > 1, finish = split ? {} : epilogue, read = made?.name ?? "x";
  const wide = y[2] === 1 && filters % 4 === 0 && lists.height > 1;
  const step: Step = {
    plan: {
      program: program({
        FB: Math.floor(lists.height / 4),
        PIXELS: pixels,
        WIDE: wide ? 1 : 0,
        ...epilogueConstants(finish),
      }),
      uniforms: [all, plane, cols, filters, ...x, ...y, splits, size],
      grid: [ceilDiv(all, GROUP * pixels), line.length / 4, splits],
    },
    bindings: [
      ...["packed", "line", "tap", read, finish.bias === "add" ? "bias" : read],
      ...[finish.residual === "add" ? "residual" : read, split ? "partial" : "y"],
    ],
  };
  const [per, biases] = [y[2], filters];
  return {
    prepare: [packed.step],
    steps: [...(made ? [made.step] : []), step, ...(split ? [reduceStep(size, splits, epilogue, per, biases)] : [])],
    scratch: {
      packed: packed.bytes,
      ...(made ? { [made.name]: made.bytes } : {}),
      ...(split ? { partial: 4 * splits * size } : {}),
    },
    tables: { line, tap, sources: packed.sources },
  };
}

/**
 * Gives the shader's tables, with the longest lines first, so that none is left over at the end, and for each tap where
 * its weights come from and how many filters it has.
 */
function tablesOf({ filters, height, lines }: TapLists, offset: (column: number) => number) {
  const line: number[] = [], tap: number[] = [], sources: number[] = [];
  for (const { first, taps } of [...lines].sort((a, b) => b.taps.length - a.taps.length)) {
    const from = tap.length / TURN;
    for (const { column, source } of taps) {
      tap.push(offset(column));
      sources.push(source, Math.min(height, filters - first));
    }
    for (; tap.length % TURN; sources.push(0, 0)) tap.push(tap[tap.length - 1]);
    line.push(first, from, tap.length / TURN, 0);
  }
  // Lists may be empty, tables never are.
  if (tap.length === 0) {
    tap.push(0, 0, 0, 0);
    sources.push(0, 0, 0, 0, 0, 0, 0, 0);
  }
  return { line: Uint32Array.from(line), tap: Uint32Array.from(tap), sources };
}

function program(constants: Record<string, number>): Program {
  const access = ["read", "read", "read", "read", "read", "read", "read_write"] as const;
  return { name: "listed taps, a line per workgroup", source, constants, access };
}

export function directVariants(): Program[] {
  const plain = { FB: 1, PIXELS: 1, WIDE: 0, ...epilogueConstants({}) };
  return [
    ...([0, 1, 2, 4] as const).map((FB) => program({ ...plain, FB })),
    ...[2, 4].map((PIXELS) => program({ ...plain, PIXELS })),
    program({ ...plain, WIDE: 1 }),
    ...EPILOGUES.slice(1).map((e) => program({ ...plain, ...epilogueConstants(e) })),
  ];
}
