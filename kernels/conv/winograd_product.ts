/**
 * Plans F(4×4,3×3) in three dispatches: pixels are transformed, each of the 36 places is a matrix product of its own, and the
 * products are made outputs of. What goes from one to the next is 2.25 times the maps, twice.
 */
import type { Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import type { GemmShape } from "../gemm/shape.ts";
import { tileCandidates } from "../gemm/tiles.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import type { Candidate } from "../tuning.ts";
import { dispatchCost } from "./gpu_costs.ts";
import { filtersStep, squaresOf, winogradError, type WinogradLaunch, type WinogradWork } from "./winograd.ts";
import inputsSource from "./winograd_inputs.wgsl" with { type: "text" };
import outputsSource from "./winograd_outputs.wgsl" with { type: "text" };

const PLACES = 36;

/** @param fusedCost what the cheapest way in one dispatch takes, in whose costs this one's is given */
export function productCandidates(
  work: WinogradWork,
  epilogue: Epilogue,
  profile: DeviceProfile,
  fusedCost: number,
): Candidate<WinogradLaunch>[] {
  const product = productOf(work);
  const tiles = tileCandidates(product, { profile });
  if (tiles.length === 0) return [];
  const error = winogradError(work, 4);
  return [{
    name: "winograd 4x4",
    cost: fusedCost * timeOf(work, 4, profile) / timeOf(work, 2, profile) + dispatchCost(2, profile),
    error,
    build() {
      const best = tiles.reduce((best, next) => next.cost < best.cost ? next : best);
      return { ...productLaunch(work, product, best.build(), epilogue), error };
    },
  }];
}

/**
 * Counts the multiply-adds of a way, and those that the device makes while the bytes of all that is read and written pass:
 * F(2×2,3×3) keeps what it transforms to itself.
 */
function timeOf(work: WinogradWork, side: 2 | 4, { conv }: DeviceProfile): number {
  const { rows, depth, images, height, width, outputs } = work;
  const [down, along] = squaresOf(work, side), places = (side + 2) ** 2, squares = images * down * along;
  const between = side === 4 ? 2 * places * squares * (depth + rows) : 0;
  const numbers = images * (depth * height * width + rows * outputs[0] * outputs[1]) + places * depth * rows + between;
  return places * squares * depth * rows + 4 * numbers * conv.multiplyAddsPerByte;
}

/** Rows and columns are filled up to fours, so that they are read as fours. */
function productOf(work: WinogradWork): GemmShape {
  const [down, along] = squaresOf(work, 4);
  const m = 4 * ceilDiv(work.rows, 4), n = 4 * ceilDiv(work.images * down * along, 4), k = work.depth;
  return { m, n, k, a: "rows", b: "rows", batch: { count: PLACES, a: k * m, b: k * n } };
}

function productLaunch(
  work: WinogradWork,
  { m, n, k }: GemmShape,
  product: Launch,
  epilogue: Epilogue,
): WinogradLaunch {
  const { rows, images, height, width, outputs, from, names } = work;
  const [down, along] = squaresOf(work, 4), squares = down * along;
  const pixels = linearGrid(k * n, 64), sums = linearGrid(rows * images * squares, 64);
  const operand = (name: "bias" | "residual") => epilogue[name] === "add" ? name : "products";
  const own: Readonly<Record<string, string>> = { a: "filters", b: "pixels", y: "products" };
  return {
    prepare: [
      filtersStep(work, 4, {
        rowsInAll: m,
        depthInAll: k,
        block: m,
        apart: { block: 0, depth: m, place: k * m },
      }),
    ],
    steps: [
      {
        plan: {
          program: INPUTS,
          uniforms: [
            ...[k, images, height, width, from[0] >>> 0, from[1] >>> 0, along, squares],
            ...[n, k * n, pixels[0] * 64, k * n],
          ],
          grid: pixels,
        },
        bindings: [names.x, "pixels"],
      },
      ...product.steps.map((step): Step => ({ ...step, bindings: step.bindings.map((name) => own[name] ?? name) })),
      {
        plan: {
          program: outputsProgram(epilogue),
          uniforms: [
            ...[rows, ...outputs, along, squares, images * squares, rows * images * squares, sums[0] * 64],
            ...[n, m * n],
          ],
          grid: sums,
        },
        bindings: ["products", operand("bias"), operand("residual"), names.y],
      },
    ],
    scratch: {
      ...product.scratch,
      filters: 4 * PLACES * k * m,
      pixels: 4 * PLACES * k * n,
      products: 4 * PLACES * m * n,
    },
    tables: product.tables,
  };
}

const INPUTS: Program = { name: "winograd inputs", source: inputsSource, access: ["read", "read_write"] };

function outputsProgram(epilogue: Epilogue): Program {
  return {
    name: "winograd outputs",
    source: outputsSource,
    constants: epilogueConstants(epilogue),
    access: ["read", "read", "read", "read_write"],
  };
}

export function productVariants(): Program[] {
  return [INPUTS, ...EPILOGUES.map(outputsProgram)];
}
