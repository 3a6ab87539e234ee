/** Whole KH×KW kernels removed: each filter keeps a list of its input channels (connectivity pruning). */
import { inFours } from "../conv/pack.ts";
import { haloBytes, isBare, padStep } from "../conv/pad.ts";
import { convOutput } from "../conv/shape.ts";
import { type DeviceProfile, wantedThreads } from "../device_profile.ts";
import { spillOf } from "../gemm/cost.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, epilogueConstants, EPILOGUES, type Launch } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import type { Plan, Program } from "../../src/gpu/types.ts";
import type { SparseFormat } from "./format.ts";
import { uniformKernels, uniformKernelVariants } from "./kernel_list_uniform.ts";
import { linesSource, type ListInput, listInput, type Lists } from "./kernel_lines.ts";
import source from "./kernel_list.wgsl" with { type: "text" };
import { byLength } from "./lists.ts";
import { savingWeight } from "./packed.ts";

/**
 * index.starts [F+1] says where each list starts, the longest first, index.filters [F] whose it is, and index.channels
 * which kernels are kept. The values are a kernel's rows, each filled up to a multiple of four.
 */
export const kernelList: SparseFormat = {
  name: "kernel list",
  pack(weight, shape) {
    if (shape.length !== 4) return undefined;
    const [filters, channels, kh, kw] = shape, size = kh * kw;
    if (size === 1) return undefined;
    const lists = Array.from({ length: filters }, (_, f) => {
      const kept = (c: number) =>
        weight.subarray((f * channels + c) * size, (f * channels + c + 1) * size).some(Boolean);
      return Array.from({ length: channels }, (_, c) => c).filter(kept);
    });
    const { order, starts, entries } = byLength(lists);
    const width = ceilDiv(kw, 4) * 4;
    const values = new Float32Array(Math.max(4, entries.length * kh * width));
    order.forEach((f, l) => {
      for (let e = starts[l]; e < starts[l + 1]; e++) {
        for (let r = 0; r < kh; r++) {
          const from = ((f * channels + entries[e]) * kh + r) * kw;
          values.set(weight.subarray(from, from + kw), (e * kh + r) * width);
        }
      }
    });
    return savingWeight({
      format: this.name,
      parameters: { kh, kw },
      rows: filters,
      columns: channels * size,
      stored: entries.length * size,
      values,
      index: { starts: Uint32Array.from(starts), filters: Uint32Array.from(order), channels: inFours(entries, 0) },
    });
  },
  conv(shape, packed, epilogue, tuning) {
    const { kh } = packed.parameters, { starts, filters, channels } = packed.index;
    const input = listInput(shape);
    if (!input) return [];
    const whole = kh <= 3 && kh > 1 && shape.stride[0] === 1 && shape.dilation[0] === 1 && shape.kernel[1] <= 4;
    const pieces = ceilDiv(shape.kernel[1], 4);
    const lists = Array.from(filters, (filter, l) => {
      const kept = Array.from(channels.subarray(starts[l], starts[l + 1]));
      return {
        filter,
        kernels: [whole ? kept.map((c) => input.offset(c, 0, 0)) : kept.flatMap((c) => rows(input, c, kh, pieces))],
      };
    });
    const width = Math.min(4, shape.kernel[1]);
    const all: Lists = { shape, input, lists, kh: whole ? kh : 1, kw: width, masks: [], epilogue };
    return [...uniformKernels(all, tuning), ...storageKernels(all, tuning)];
  },
  gemm: () => [],
};

function rows(input: ListInput, c: number, kh: number, pieces: number): number[] {
  return Array.from({ length: kh * pieces }, (_, i) => input.offset(c, Math.floor(i / pieces), i % pieces));
}

const GROUP = 64;

/** A thread's tile has so many rows, and so many fours of columns. */
const TILES = [[8, 2], [8, 1], [4, 2], [4, 1], [1, 1]] as const;
/** GPUs have a tile between the last two, which fills them where 4 × 4 leaves them half idle. */
const GPU_TILES = [...TILES, [2, 1]] as const;

export function storageKernels(l: Lists, tuning: Tuning): Candidate[] {
  return (tuning.profile.waves ? GPU_TILES : TILES).map(([rows, fours]) => ({
    name: `storage ${rows}x${fours * 4}`,
    cost: listCost(l, rows, fours, tuning.profile),
    build: () => build(l, rows, fours),
  }));
}

function listCost(l: Lists, rows: number, fours: number, profile: DeviceProfile): number {
  const { loopNs, loadNs, load4Ns, fmaNs, storeNs } = profile.conv;
  const { shape: s, kh, kw, masks } = l, [oh, ow] = convOutput(s);
  const tiles = ceilDiv(oh, rows) * ceilDiv(ow, 4 * fours) * s.batch, count = tiles * l.lists.length;
  const entries = l.lists.reduce((sum, { kernels }) => sum + kernels.reduce((n, k) => n + k.length, 0), 0);
  const loads = (rows + kh - 1) * (fours + (kw > 1 ? 1 : 0)) + (masks.length ? 1 : kh);
  const perEntry = loopNs + loadNs + loads * load4Ns + (masks.length ? 4 : kh * kw) * rows * fours * 4 * fmaNs;
  const work = tiles * entries * perEntry + count * rows * fours * 4 * storeNs;
  return work * spillOf(rows * fours * 4, profile) * Math.max(1, wantedThreads(profile) / count);
}

function build(l: Lists, rows: number, fours: number): Launch {
  const { shape: s, input, lists, epilogue } = l, [oh, ow] = convOutput(s);
  const { halo } = input, bare = isBare(halo), x = bare ? "x" : "padded";
  const patterns = Math.max(1, l.masks.length);
  const tilesH = ceilDiv(oh, rows), tilesV = ceilDiv(ow, 4 * fours), tiles = tilesH * tilesV * s.batch;
  const grid = linearGrid(tiles * lists.length, GROUP);
  const kernels: number[] = [], bounds: number[] = [];
  for (const { filter, kernels: perPattern } of lists) {
    for (const some of perPattern) {
      bounds.push(kernels.length);
      for (const offset of some) kernels.push(offset);
    }
    bounds.push(kernels.length, filter);
  }
  const plan: Plan = {
    program: listProgram({
      KH: l.kh,
      KW: l.kw,
      ROWS: rows,
      FOURS: fours,
      WIDE: ow % 4 ? 0 : 1,
      ...maskConstants(l.masks),
      ...epilogueConstants(epilogue),
    }),
    uniforms: [
      ...[lists.length, patterns, s.filters, grid[0] * GROUP, oh, ow, tilesH, tilesV, tiles],
      ...[s.channels * halo.rows * halo.cols / 4, s.stride[0] * halo.cols / 4],
    ],
    grid,
  };
  const bias = epilogue.bias === "add" ? "bias" : x, residual = epilogue.residual === "add" ? "residual" : x;
  return {
    steps: [
      ...(bare ? [] : [padStep(halo, "x", "padded")]),
      { plan, bindings: [x, "values", "kernels", "bounds", bias, residual, "y"] },
    ],
    scratch: bare ? {} : { padded: haloBytes(halo) },
    tables: { kernels: inFours(kernels, 0), bounds: inFours(bounds, 0) },
  };
}

const MASKS = 8;

function maskConstants(masks: readonly number[]): Record<string, number> {
  if (masks.length === 0) return {};
  return { PACKED: 1, ...Object.fromEntries(Array.from({ length: MASKS }, (_, i) => [`MASK${i}`, masks[i] ?? 0])) };
}

function listProgram(constants: Record<string, number>): Program {
  const access = ["read", "read", "read", "read", "read", "read", "read_write"] as const;
  return { name: "sparse convolution by kernels", source: linesSource(source), constants, access };
}

/** Heights, widths, tiles and epilogues change one at a time; any bits may be a pattern. */
export function variants(): Program[] {
  const plain = { ROWS: 1, FOURS: 1, WIDE: 0, ...epilogueConstants({}) };
  const patterns = { KH: 3, KW: 3, ...maskConstants([27, 54, 58, 154, 178, 184, 216, 432]), ...plain };
  const sizes = [[1, 1], [2, 2], [3, 3], [3, 4]].map(([KH, KW]) => listProgram({ KH, KW, ...plain }));
  return [
    ...uniformKernelVariants(),
    ...sizes,
    listProgram({ KH: 3, KW: 3, ...plain, WIDE: 1 }),
    ...[[2, 1], [4, 1], [8, 2]].map(([ROWS, FOURS]) => listProgram({ KH: 3, KW: 3, ...plain, ROWS, FOURS })),
    ...EPILOGUES.slice(1).map((e) => listProgram({ KH: 1, KW: 1, ...plain, ...epilogueConstants(e) })),
    listProgram(patterns),
    ...[[2, 1], [4, 1], [8, 2]].map(([ROWS, FOURS]) => listProgram({ ...patterns, ROWS, FOURS })),
    ...EPILOGUES.slice(1).map((e) => listProgram({ ...patterns, ...epilogueConstants(e) })),
  ];
}
