/**
 * Cuts lists of kept taps to what uniform panels hold: the tables and packed weights of listed_uniform.wgsl. All of it
 * is pure data; the weights themselves are packed on the device.
 */
import type { Program } from "../../src/gpu/types.ts";
import { inFours } from "../conv/pack.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Step } from "../launch.ts";
import packSource from "./listed_pack.wgsl" with { type: "text" };

/** A line has so many filters, all of which keep the same taps. */
export type Height = 1 | 4 | 8 | 16;

/** A tap is a column of the GEMM view; `source` says where its first filter's weight is among the packed values. */
export interface Tap {
  readonly column: number;
  readonly source: number;
}

/** A line covers the filters first … first + height. */
export interface TapLine {
  readonly first: number;
  readonly taps: readonly Tap[];
}

export interface TapLists {
  readonly filters: number;
  readonly height: Height;
  /** So far apart lie, in the packed values, two filters of a four, and two fours. */
  readonly perFilter: number;
  readonly perFour: number;
  readonly lines: readonly TapLine[];
}

/** A uniform panel holds so many floats. */
export const FLOATS = 16_384;
/** A dispatch covers at most so many lines. */
const LINES = 64;
/** A thread takes so many taps in a turn of its loop. */
const TURN = 4;
/** These are places in the shaders' tables, in words; behind them a region of taps follows for each panel. */
const FILTERS_AT = 4 * (LINES + 1), TAPS_AT = 4 * 96, MOST_TAPS = 3968;

/** Counts the taps that a panel has room for, in the table and among its weights. */
export function tapRoom(height: Height): number {
  return Math.min(MOST_TAPS, FLOATS / Math.max(4, height));
}

/** One dispatch covers these lines. */
export interface Chunk {
  readonly lines: number;
  /** The first of its panels shows this part of the input. */
  readonly from: number;
  /** Each panel's weights start here, in bytes. */
  readonly weights: readonly number[];
  /** Its table starts here, in bytes. */
  readonly table: number;
  readonly add: boolean;
  readonly last: boolean;
}

export interface Cut {
  readonly chunks: readonly Chunk[];
  /**
   * `table` holds the tables of all chunks; `sources` holds for each slot of packed weights its source and how many
   * filters it has.
   */
  readonly table: Uint32Array<ArrayBuffer>;
  readonly tableBytes: number;
  readonly sources: readonly number[];
}

interface Listed {
  readonly code: number;
  readonly source: number;
}

/** Says how a dispatch shows the columns. */
export interface Views {
  /** The columns are cut into so many parts, each with taps and weights of its own. */
  readonly parts: number;
  /** A dispatch shows so many parts. */
  readonly shown: number;
  /** A dispatch binds so many panels, each with weights: panel w shows part w % shown. */
  readonly panels: 1 | 4;
}

/** @param place part of a column, and what the shader's table says of it */
export function cutLists(
  lists: TapLists,
  { parts, shown, panels }: Views,
  place: (column: number) => readonly [number, number],
): Cut {
  const { height } = lists, room = tapRoom(height), size = TAPS_AT + panels * room;
  const everyPanel = (part: number) => Array.from({ length: panels / shown | 0 }, (_, i) => part + i * shown);
  const chunks: Chunk[] = [], tables: Uint32Array[] = [], sources: number[] = [];
  const floats = () => sources.length / 2 * height;
  for (let from = 0; from < parts; from += shown) {
    let open: { first: number; listed: Listed[][] }[] = [], counts = Array<number>(shown).fill(0);
    const close = () => {
      const table = new Uint32Array(size), weights: number[] = [];
      for (let part = 0; part < shown; part++) {
        weights.push(floats() * 4);
        let at = 0;
        open.forEach(({ first, listed }, l) => {
          table[FILTERS_AT + l] = first;
          for (const w of everyPanel(part)) table[panels * l + w] = at / TURN;
          for (const { code, source } of listed[part]) {
            for (const w of everyPanel(part)) table[TAPS_AT + w * room + at] = code;
            at++;
            sources.push(source, source < 0 ? 0 : Math.min(height, lists.filters - first));
          }
        });
        for (const w of everyPanel(part)) table[panels * open.length + w] = at / TURN;
        while (floats() % 64 !== 0) sources.push(-1, 0);
      }
      chunks.push({
        lines: open.length,
        from,
        add: from > 0,
        last: from + shown >= parts,
        weights: Array.from({ length: panels }, (_, w) => weights[w % shown]),
        table: tables.length * size * 4,
      });
      tables.push(table);
      open = [];
      counts = counts.map(() => 0);
    };
    for (const { first, taps } of lists.lines) {
      const listed = counts.map((): Listed[] => []);
      for (const { column, source } of taps) {
        const [part, code] = place(column);
        listed[part - from]?.push({ code, source });
      }
      for (const list of listed) while (list.length % TURN) list.push({ ...list[list.length - 1], source: -1 });
      if (open.length === LINES || counts.some((n, part) => n + listed[part].length > room)) close();
      open.push({ first, listed });
      listed.forEach((list, part) => counts[part] += list.length);
    }
    close();
  }
  const table = new Uint32Array(tables.length * size);
  tables.forEach((t, i) => table.set(t, i * size));
  return { chunks, table, tableBytes: size * 4, sources: sources.map((n) => Math.max(0, n)) };
}

/** Puts the weights where the panels show them, which inference does once: scratch "packed" and table "sources". */
export function packWeights({ height, perFilter, perFour }: TapLists, { sources }: Pick<Cut, "sources">) {
  const size = sources.length / 2 * height, grid = linearGrid(size, 64);
  const uniforms = [size, grid[0] * 64, height, perFilter, perFour];
  const step: Step = {
    plan: { program: PACK_WEIGHTS, uniforms, grid },
    bindings: ["values", "sources", "packed"],
  };
  // The last panel reaches beyond its weights: a uniform array has one size.
  return { step, bytes: size * 4 + FLOATS * 4, sources: inFours(sources, 0) };
}

export const PACK_WEIGHTS: Program = {
  name: "pack listed weights",
  source: packSource,
  access: ["read", "read", "read_write"],
};

/** Lines, and taps of all lines together, decide the time. */
export interface ListCost {
  readonly lines: number;
  readonly height: Height;
  readonly taps: number;
}

/** Says how many chunks `cutLists` makes at least. */
export function chunkCount({ lines, height, taps }: ListCost, { parts, shown }: Omit<Views, "panels">): number {
  return Math.max(ceilDiv(parts, shown) * ceilDiv(lines, LINES), ceilDiv(taps, tapRoom(height) * shown));
}
