/** Plans F(2×2,3×3) in one dispatch, which transforms pixels as it loads them and sums as it stores them (winograd_fused.wgsl). */
import type { Program } from "../../src/gpu/types.ts";
import { type DeviceProfile, wantedThreads } from "../device_profile.ts";
import { reduceStep } from "../gemm/plan.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Step } from "../launch.ts";
import type { Candidate } from "../tuning.ts";
import { dispatchCost, waitsOf } from "./gpu_costs.ts";
import { filtersStep, squaresOf, winogradError, type WinogradLaunch, type WinogradWork } from "./winograd.ts";
import source from "./winograd_fused.wgsl" with { type: "text" };

/** A workgroup of four waves makes so many filters of so many squares. */
const BLOCKS = [1, 2] as const, FILTERS = 32, SQUARES = 32, WAVES = 4;
type Blocks = typeof BLOCKS[number];

/** A workgroup that makes fewer steps than this of a sum spends more on adding up than it wins. */
const FEWEST_STEPS = 8;
/** A thread loads so many vec4 in a step, writes so many to workgroup memory, and makes so many multiply-adds. */
const FOURS = { pixels: { 1: 4, 2: 2 }, filters: 2, written: { 1: 4, 2: 3 } } as const, MULTIPLY_ADDS = 256;
/** Transforming a row of a channel's square takes so many instructions. */
const TRANSFORM = 16;

export function fusedCandidates(
  work: WinogradWork,
  epilogue: Epilogue,
  profile: DeviceProfile,
): Candidate<WinogradLaunch>[] {
  return BLOCKS.filter((blocks) => 64 * blocks <= profile.conv.spill.sums).map((blocks) => {
    const { cost, splits } = cheapest(work, blocks, profile);
    const error = winogradError(work, 2);
    return {
      name: `winograd 2x2, ${FILTERS * blocks} filters`,
      cost,
      error,
      build: () => ({ ...fusedLaunch(work, blocks, splits, epilogue), error }),
    };
  });
}

function groupsOf(work: WinogradWork, blocks: Blocks): number {
  const [down, along] = squaresOf(work, 2);
  return ceilDiv(work.rows, FILTERS * blocks) * ceilDiv(work.images * down * along, SQUARES);
}

/** A step takes four channels of 32 filters, or two of 64. */
function stepsOf({ depth }: WinogradWork, blocks: Blocks): number {
  return ceilDiv(depth, 4 / blocks);
}

/** Says over how many workgroups each sum is shared out, where that pays for adding up. */
function cheapest(work: WinogradWork, blocks: Blocks, profile: DeviceProfile): { cost: number; splits: number } {
  const wanted = Math.ceil(profile.waves! / (WAVES * groupsOf(work, blocks)));
  const most = Math.max(1, Math.min(wanted, Math.floor(stepsOf(work, blocks) / FEWEST_STEPS)));
  const [whole, parts] = [1, most].map((splits) => ({ splits, cost: costOf(work, blocks, splits, profile) }));
  return parts.cost < whole.cost ? parts : whole;
}

/** Estimates how long all threads' instructions take, as for other tiles in workgroup memory (implicit_tiles.ts). */
function costOf(work: WinogradWork, blocks: Blocks, splits: number, profile: DeviceProfile): number {
  const { loopNs, load4Ns, loadNs, storeNs, fmaNs, workgroup4Ns } = profile.conv;
  const passes = 2 / blocks, loads = FOURS.pixels[blocks] + FOURS.filters;
  const read = (4 / blocks) * (4 + 4 * blocks);
  const step = loopNs + loads * load4Ns + (FOURS.written[blocks] + read) * workgroup4Ns +
    (MULTIPLY_ADDS + passes * TRANSFORM) * fmaNs;
  const threads = 64 * WAVES * groupsOf(work, blocks) * splits, stores = 16 * blocks;
  const steps = ceilDiv(stepsOf(work, blocks), splits);
  const [height, width] = work.outputs, size = work.images * work.rows * height * width;
  const idle = waitsOf(threads, size, profile) * Math.max(1, wantedThreads(profile) / threads);
  const time = threads * (steps * step + stores * (storeNs + workgroup4Ns)) * idle;
  // Filters are transformed before each call, unless they are fixed.
  const added = splits === 1 ? 0 : size * (splits * loadNs + storeNs) + dispatchCost(1, profile);
  return time + added + dispatchCost(1, profile);
}

function fusedLaunch(work: WinogradWork, blocks: Blocks, splits: number, epilogue: Epilogue): WinogradLaunch {
  const { rows, depth, images, height, width, outputs, from, names } = work;
  const [down, along] = squaresOf(work, 2), squares = down * along, size = images * rows * outputs[0] * outputs[1];
  const filters = FILTERS * blocks, filterBlocks = ceilDiv(rows, filters), steps = stepsOf(work, blocks);
  const chunk = ceilDiv(steps, splits), parts = ceilDiv(steps, chunk), whole = parts > 1 ? {} : epilogue;
  const depthInAll = steps * 4 / blocks, rowsInAll = filterBlocks * filters;
  const grid = linearGrid(groupsOf(work, blocks), 1);
  const uniforms = [
    ...[rows, depth, images, height, width, ...outputs, from[0] >>> 0, from[1] >>> 0],
    ...[along, squares, filterBlocks, grid[0], steps, chunk, size],
  ];
  const operand = (name: "bias" | "residual") => whole[name] === "add" ? name : names.x;
  return {
    prepare: [
      filtersStep(work, 2, {
        rowsInAll,
        depthInAll,
        block: filters,
        apart: { block: 16 * depthInAll * filters, depth: 16 * filters, place: filters },
      }),
    ],
    steps: [
      {
        plan: {
          program: fusedProgram(blocks, whole),
          uniforms,
          grid: [grid[0], grid[1], parts],
        },
        bindings: [names.x, "filters", operand("bias"), operand("residual"), parts > 1 ? "partial" : names.y],
      },
      ...(parts > 1 ? [renamed(reduceStep(size, parts, epilogue, outputs[0] * outputs[1], rows), names.y)] : []),
    ],
    scratch: {
      filters: 4 * 16 * rowsInAll * depthInAll,
      ...(parts > 1 ? { partial: 4 * parts * size } : {}),
    },
    tables: {},
  };
}

/** The sum of the parts is called "y" in other plans. */
function renamed(step: Step, y: string): Step {
  return { ...step, bindings: step.bindings.map((name) => name === "y" ? y : name) };
}

function fusedProgram(MB: Blocks, epilogue: Epilogue): Program {
  return {
    name: "winograd convolution",
    source,
    constants: { MB, ...epilogueConstants(epilogue) },
    access: ["read", "read", "read", "read", "read_write"],
  };
}

export function fusedVariants(): Program[] {
  return [...EPILOGUES.map((epilogue) => fusedProgram(1, epilogue)), fusedProgram(2, {})];
}
