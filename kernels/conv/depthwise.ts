import type { Plan, Program } from "../../src/gpu/types.ts";
import { ceilDiv, type Epilogue, epilogueConstants, type Step } from "../launch.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { linearGrid } from "../grid.ts";
import { waitsOf } from "./gpu_costs.ts";
import type { GatherNames } from "./indirect.ts";
import { NO_WEIGHT } from "./pack.ts";
import type { RowsConv } from "./direct_rows.ts";
import type { Runs } from "./tap_runs.ts";
import source from "./depthwise.wgsl" with { type: "text" };

/** Groups of more filters than this share too many loads for a thread per filter to be the best. */
export const FEW_FILTERS = 2;

const GROUP = 64;

export interface DepthwiseTile {
  /** A thread computes so many rows. */
  readonly subs: number;
  /** The estimated time, in ns of a group of 8 lanes, compares ways. */
  readonly cost: number;
}

/** Chooses the cheapest height of tile that still keeps the device busy, or the one with most threads. */
export function depthwiseTile(r: RowsConv, profile: DeviceProfile): DepthwiseTile {
  const { threads, conv } = profile, outputs = r.rows * r.cols * r.batch * r.filters * r.groups;
  const { width, offsets } = r.runs, { loopNs, loadNs, load4Ns, fmaNs, storeNs } = conv;
  const lines = width > 5 ? 4 : width > 1 ? 3 : 2;
  const candidates = [4, 2, 1].map((subs) => {
    const count = tiles(r, subs);
    const perRun = loopNs + loadNs + (subs * lines + ceilDiv(width, 4)) * load4Ns + subs * 8 * width * fmaNs;
    const cost = count * (offsets.length * perRun + subs * 8 * storeNs) * Math.max(1, threads / count) *
      waitsOf(count, outputs, profile);
    return { subs, cost };
  });
  return candidates.reduce((a, b) => b.cost < a.cost ? b : a);
}

export function depthwiseSteps(r: RowsConv, tile: DepthwiseTile, names: GatherNames, epilogue: Epilogue): Step[] {
  const grid = linearGrid(tiles(r, tile.subs), GROUP);
  const tilesH = ceilDiv(r.rows, tile.subs), tilesV = ceilDiv(r.cols, 8);
  const uniforms = [
    ...[r.filters * r.groups, r.filters, r.runs.offsets.length, r.batch, r.rows, r.cols, grid[0] * GROUP, tilesH],
    ...[...r.x, tilesV],
    ...r.y,
  ];
  const constants = { KW: r.runs.width, SUBS: tile.subs, ...epilogueConstants(epilogue) };
  const plan: Plan = { program: depthwiseProgram(constants), uniforms, grid };
  const bias = epilogue.bias === "add" ? "bias" : names.x;
  const residual = epilogue.residual === "add" ? "residual" : names.x;
  return [{ plan, bindings: [names.x, names.packed, names.taps, bias, residual, names.y] }];
}

/** Fills each run's weights up to fours. */
export function fillRuns({ width, order, offsets }: Runs): number[] {
  const filled = ceilDiv(width, 4) * 4;
  return offsets.flatMap((_, j) => {
    return Array.from({ length: filled }, (_, k) => k < width ? order[j * width + k] : NO_WEIGHT);
  });
}

function tiles(r: RowsConv, subs: number): number {
  return ceilDiv(r.rows, subs) * ceilDiv(r.cols, 8) * r.batch * r.filters * r.groups;
}

export function depthwiseProgram(constants: Record<string, number>): Program {
  return {
    name: "depthwise convolution",
    source,
    constants,
    access: ["read", "read", "read", "read", "read", "read_write"],
  };
}
