import type { Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { type BindingWindow, ceilDiv, type Step } from "../launch.ts";
import { UNIFORM_BYTES, UNIFORM_ITEMS } from "../uniform.ts";
import { bothWidths, chooseWidth, vectorPrograms } from "../vector.ts";
import source from "./rows.wgsl" with { type: "text" };

/** A kernel of attention reads its operands whole from storage, or by heads through uniform bindings. */
export type Reads = "storage" | "uniform";

/**
 * Says where the rows of heads lie, counted in numbers: row r of head h of sample n begins at first + n·sample + h·head
 * + r·row.
 */
export interface RowPlace {
  /** Row 0 of head 0 of sample 0 begins here. */
  readonly first: number;
  /** A sample begins so far behind the one before. */
  readonly sample: number;
  /** A head begins so far behind the one before. */
  readonly head: number;
  /** A row begins so far behind the one before. */
  readonly row: number;
}

/** These are operands as the kernels read them, in rows of whole vec4. */
export interface Rows {
  /** These steps copy the operands that don't lie so already. */
  readonly steps: readonly Step[];
  readonly scratch: Readonly<Record<string, number>>;
  name(operand: string): string;
  /** The kernel finds the rows here, counted from the first head that it binds. */
  place(operand: string): RowPlace;
  /**
   * One dispatch binds so many heads; `windows` gives the windows of these operands that start at head `first`, in
   * their order.
   */
  readonly bound: number;
  windows(first: number, operands: readonly string[]): Readonly<Record<number, BindingWindow>> | undefined;
}

export interface RowsShape {
  /** It counts those of all samples. */
  readonly heads: number;
  /** A sample has so many heads. */
  readonly perSample: number;
  readonly depth: number;
  readonly operands: Readonly<Record<string, Operand>>;
}

/** Says how many rows each head of an operand has, and where they lie. */
export interface Operand {
  readonly rows: number;
  readonly place: RowPlace;
}

/** The heads lie one after another. */
export function contiguousRows(rows: number, depth: number, perSample: number): RowPlace {
  return { first: 0, sample: perSample * rows * depth, head: rows * depth, row: depth };
}

/** A row has so many vec4. */
export function widthOf(depth: number): number {
  return ceilDiv(depth, 4);
}

/** Says whether a head of each operand fits a uniform binding. */
export function fitUniform({ depth, operands }: RowsShape): boolean {
  return Object.values(operands).every(({ rows }) => alignedRows(rows, depth) * widthOf(depth) <= UNIFORM_ITEMS);
}

export function layRows(shape: RowsShape, reads: Reads): Rows {
  return reads === "storage" ? storageRows(shape) : uniformRows(shape);
}

export function variants(): Program[] {
  return bothWidths(copy);
}

const copy = vectorPrograms("rows of heads", source, ["read", "read_write"]);

function storageRows(shape: RowsShape): Rows {
  const { heads, depth, operands } = shape;
  const whole = { bound: heads, windows: () => undefined };
  const inFours = depth % 4 === 0 &&
    Object.values(operands).every(({ place }) => Object.values(place).every((n) => n % 4 === 0));
  if (inFours) {
    return {
      ...whole,
      steps: [],
      scratch: {},
      name: (operand) => operand,
      place: (operand) => operands[operand].place,
    };
  }
  return { ...whole, ...copies(shape, (rows) => rows, 0) };
}

/** Uniform bindings start at multiples of 256 bytes and are 64 KiB long, so there are as many behind the last head. */
function uniformRows(shape: RowsShape): Rows {
  const { heads, depth, operands } = shape;
  const items = (operand: string) => alignedRows(operands[operand].rows, depth) * widthOf(depth);
  const most = Math.max(...Object.keys(operands).map(items));
  return {
    ...copies(shape, (rows) => alignedRows(rows, depth), UNIFORM_BYTES),
    bound: Math.min(heads, Math.floor(UNIFORM_ITEMS / most)),
    windows: (first, names) =>
      Object.fromEntries(
        names.map((name, i) => [i, { byteOffset: 16 * items(name) * first, byteLength: UNIFORM_BYTES }]),
      ),
  };
}

/** Rounds `rows` up to as many as make a head a multiple of 256 bytes. */
function alignedRows(rows: number, depth: number): number {
  let unit = 16;
  while (unit > 1 && widthOf(depth) * unit / 2 % 16 === 0) unit /= 2;
  return ceilDiv(rows, unit) * unit;
}

/** Copies heads to `pitch(rows)` rows each, one after another; zeros fill them up. */
function copies(shape: RowsShape, pitch: (rows: number) => number, spare: number) {
  const { heads, perSample, depth, operands } = shape;
  const width = 4 * widthOf(depth);
  const name = (operand: string) => `${operand}.rows`;
  const sizes = Object.entries(operands).map(([operand, { rows }]) =>
    [name(operand), 4 * heads * pitch(rows) * width + spare] as const
  );
  return {
    steps: Object.keys(operands).map((operand) => copyStep(operand)),
    scratch: Object.fromEntries(sizes),
    name,
    place: (operand: string) => contiguousRows(pitch(operands[operand].rows), width, perSample),
  };

  function copyStep(operand: string): Step {
    const { rows, place: { first, sample, head, row } } = operands[operand];
    const { program, width: items } = chooseWidth(copy, depth, first, sample, head, row);
    const count = heads * pitch(rows) * width / items;
    const grid = linearGrid(count, 64);
    const own = [width / items, pitch(rows), depth / items, rows, perSample];
    const uniforms = [count, grid[0], ...own, ...[first, sample, head, row].map((n) => n / items)];
    return { plan: { program, uniforms, grid }, bindings: [operand, name(operand)] };
  }
}
