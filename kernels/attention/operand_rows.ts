import { type BindingWindow, ceilDiv, type Step } from "../launch.ts";
import { planBlock, planEmbed } from "../shape/shape.ts";
import { UNIFORM_BYTES, UNIFORM_ITEMS } from "../uniform.ts";

/** How a kernel of attention reads its operands: whole from storage, or by heads through uniform bindings. */
export type Reads = "storage" | "uniform";

/** Operands [heads, rows, depth] as the kernels read them: rows of whole vec4, `pitch(rows)` of them to a head. */
export interface Rows {
  /** Copies, where the operands don't lie so already. */
  readonly steps: readonly Step[];
  readonly scratch: Readonly<Record<string, number>>;
  name(operand: string): string;
  pitch(rows: number): number;
  /** Heads that one dispatch binds, and the windows that start at head `first` of operands with these rows. */
  readonly bound: number;
  windows(first: number, rows: readonly number[]): Readonly<Record<number, BindingWindow>> | undefined;
}

export interface RowsShape {
  readonly heads: number;
  readonly depth: number;
  /** How many rows each operand has. */
  readonly rows: Readonly<Record<string, number>>;
}

/** vec4 to a row. */
export function widthOf(depth: number): number {
  return ceilDiv(depth, 4);
}

/** Does a head of each operand fit a uniform binding? */
export function fitUniform({ depth, rows }: RowsShape): boolean {
  return Object.values(rows).every((count) => alignedRows(count, depth) * widthOf(depth) <= UNIFORM_ITEMS);
}

export function layRows(shape: RowsShape, reads: Reads): Rows {
  return reads === "storage" ? storageRows(shape) : uniformRows(shape);
}

function storageRows(shape: RowsShape): Rows {
  const { heads, depth } = shape;
  const whole = { pitch: (rows: number) => rows, bound: heads, windows: () => undefined };
  if (depth % 4 === 0) return { ...whole, steps: [], scratch: {}, name: (operand) => operand };
  return { ...whole, ...copies(shape, whole.pitch, 0) };
}

/** Uniform bindings start at multiples of 256 bytes and are 64 KiB long, so there are as many behind the last head. */
function uniformRows(shape: RowsShape): Rows {
  const { heads, depth } = shape;
  const pitch = (rows: number) => alignedRows(rows, depth);
  const items = (rows: number) => pitch(rows) * widthOf(depth);
  const most = Math.max(...Object.values(shape.rows).map(items));
  return {
    ...copies(shape, pitch, UNIFORM_BYTES),
    pitch,
    bound: Math.min(heads, Math.floor(UNIFORM_ITEMS / most)),
    windows: (first, rows) =>
      Object.fromEntries(
        rows.map((count, i) => [i, { byteOffset: 16 * items(count) * first, byteLength: UNIFORM_BYTES }]),
      ),
  };
}

/** `count` rounded up to as many rows as make a head a multiple of 256 bytes. */
function alignedRows(rows: number, depth: number): number {
  let unit = 16;
  while (unit > 1 && widthOf(depth) * unit / 2 % 16 === 0) unit /= 2;
  return ceilDiv(rows, unit) * unit;
}

/** Zeros fill up rows and heads. */
function copies({ heads, depth, rows }: RowsShape, pitch: (rows: number) => number, spare: number) {
  const width = 4 * widthOf(depth);
  const name = (operand: string) => `${operand}.rows`;
  const all = Object.entries(rows);
  const steps = all.map(([operand, count]): Step => {
    const bindings = [operand, name(operand)];
    const size = heads * count * depth;
    if (width === depth && pitch(count) === count) {
      const whole = { stride: size, first: 0 };
      return { plan: planBlock(1, size, whole, whole), bindings };
    }
    const placement = {
      small: [heads, 1, count, depth],
      big: [heads, 1, pitch(count), width],
      first: [0, 0, 0],
      steps: [1, 1, 1],
    } as const;
    return { plan: planEmbed(placement), bindings };
  });
  const bytes = all.map(([operand, count]) => [name(operand), 4 * heads * pitch(count) * width + spare] as const);
  return { steps, scratch: Object.fromEntries(bytes), name };
}
