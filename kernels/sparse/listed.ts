/**
 * Plans sparse products with lists of kept taps: y[f] = Σ over the taps of f's line. Formats say which columns of the
 * GEMM view each line of filters keeps; the inputs are read through uniform panels (listed_uniform.ts) or from storage
 * (listed_storage.ts). What both share is here and in listed.wgsl.
 */
import type { Program } from "../../src/gpu/types.ts";
import type { ConvShape } from "../conv/shape.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import { type Chunk, type Cut, type Height, type ListCost, PACK_WEIGHTS, packWeights, type TapLists } from "./cut.ts";
import type { LinearShape } from "./format.ts";
import listed from "./listed.wgsl" with { type: "text" };
import rowsSource from "./row_panels.wgsl" with { type: "text" };

export const GROUP = 8;
/** A matrix product reads x in panels of so many rows. */
export const PANEL_ROWS = 64;

/** Says whether all lines have as many filters. */
export function isWhole({ filters, height }: TapLists): boolean {
  return filters % height === 0;
}

/** Packs x in the scratch "panels": `panels` times 64 rows × `width` columns. */
export function panelStep({ m, k }: LinearShape, width: number): { step: Step; bytes: number } {
  const fours = ceilDiv(m, PANEL_ROWS) * PANEL_ROWS / 4;
  const plan = {
    program: rowsProgram(k % 4 === 0),
    uniforms: [m, k, width, fours],
    grid: [ceilDiv(fours, 64), width / 4, 1] as const,
  };
  return { step: { plan, bindings: ["x", "panels"] }, bytes: fours * 16 * width };
}

/** Says what a tap of a convolution is in the shaders' tables. */
export function tapCode({ kernel: [kh, kw], dilation, pads }: ConvShape, column: number, firstChannel: number): number {
  const row = Math.floor(column / kw) % kh * dilation[0] - pads[0], col = column % kw * dilation[1] - pads[1];
  return ((Math.floor(column / (kh * kw)) - firstChannel) | (256 + row) << 14 | (256 + col) << 23) >>> 0;
}

/** Says whether the taps reach no further than a table's words can say. */
export function reachFits({ kernel, dilation, pads }: ConvShape): boolean {
  const reach = [dilation[0] * kernel[0], dilation[1] * kernel[1], ...pads];
  return reach.every((n) => Math.abs(n) <= 127);
}

/** A shape makes these constant. */
export interface ShapeConstants {
  /** A thread's tile has so many rows. */
  readonly ROWS: 2 | 4;
  readonly CONV: 0 | 1;
  readonly EDGES: 0 | 1;
  readonly WIDE: 0 | 1;
}

export function constantsOf(
  shape: ShapeConstants,
  height: Height,
  chunk: Chunk,
  epilogue: Epilogue,
): Record<string, number> {
  return { FB: Math.floor(height / 4), ...shape, ADD: chunk.add ? 1 : 0, ...epilogueConstants(epilogue) };
}

/** Gives the launch, which packs its weights. */
export function finished(lists: TapLists, cut: Cut, steps: readonly Step[], scratch: Record<string, number>): Launch {
  const { step, bytes, sources } = packWeights(lists, cut);
  return { prepare: [step], steps, scratch: { ...scratch, packed: bytes }, tables: { table: cut.table, sources } };
}

/**
 * Estimates the time of all threads in ns, each of which makes `rows` × 4 pixels.
 *
 * @param x4Ns what four pixels of x take at a tap
 */
export function sumsCost(
  { lines, height, taps }: ListCost,
  pixels: number,
  rows: number,
  passes: number,
  x4Ns: number,
  { lists: { turnNs, filterNs, weightNs, storeNs } }: DeviceProfile,
): number {
  const perTap = turnNs / rows + x4Ns + height * (filterNs + weightNs / rows);
  return pixels / 4 * (taps * perTap + lines * height * storeNs * (2 * passes - 1));
}

function rowsProgram(wide: boolean): Program {
  const access = ["read", "read_write"] as const;
  return { name: "rows in panels", source: rowsSource, constants: { WIDE: wide ? 1 : 0 }, access };
}

/** Puts the shared fragment before a shader that reads x its own way. */
export function listedSource(source: string): string {
  return `${listed}\n${source}`;
}

/**
 * Lists every constant with each of its values, while the others are at their smallest; tiles have as many rows as the
 * planners give them.
 */
export function listedVariants(
  program: (constants: Record<string, number>) => Program,
  rows: { readonly panels: 2 | 4; readonly images: 2 | 4 },
): Program[] {
  const plain = { ROWS: rows.panels, CONV: 0, EDGES: 0, WIDE: 0, ADD: 0, ...epilogueConstants({}) };
  const images = { ...plain, ROWS: rows.images, CONV: 1 };
  return [
    PACK_WEIGHTS,
    rowsProgram(true),
    rowsProgram(false),
    ...[0, 1, 2, 4].map((FB) => program({ FB, ...plain, WIDE: 1 })),
    program({ FB: 0, ...images, WIDE: 1 }),
    program({ FB: 4, ...images }),
    program({ FB: 1, ...images, EDGES: 1, ADD: 1 }),
    ...EPILOGUES.slice(1).map((e) => program({ FB: 0, ...plain, EDGES: 1, ...epilogueConstants(e) })),
  ];
}
