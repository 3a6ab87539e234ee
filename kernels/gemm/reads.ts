/** How the operands of a product are read, for the bodies that put a fragment for each before them. */
import { withGelu } from "../activation.ts";
import type { Epilogue } from "../launch.ts";
import type { Contiguous, GemmShape } from "./shape.ts";
import { batchOf } from "./split.ts";
import store from "./store.wgsl" with { type: "text" };
import aFours from "./tile_a_fours.wgsl" with { type: "text" };
import aOnes from "./tile_a_ones.wgsl" with { type: "text" };
import bFours from "./tile_b_fours.wgsl" with { type: "text" };
import bHalf from "./tile_b_half.wgsl" with { type: "text" };
import bOnes from "./tile_b_ones.wgsl" with { type: "text" };

/** By vec4, one by one, or from pairs of f16. */
export interface Reads {
  readonly a: "fours" | "ones";
  readonly b: "fours" | "ones" | "half";
}

/** In fours where each row and each product begins at a multiple of four. */
export function readsOf(shape: GemmShape): Reads {
  const { m, n, k, storage } = shape, batch = batchOf(shape);
  const read = (contiguous: Contiguous, rows: number, apart: number) =>
    (contiguous === "k" ? k : rows) % 4 === 0 && apart % 4 === 0 ? "fours" : "ones";
  return { a: read(shape.a, m, batch.a), b: storage === "f16" ? "half" : read(shape.b, n, batch.b) };
}

const READ_A: Readonly<Record<Reads["a"], string>> = { fours: aFours, ones: aOnes };
const READ_B: Readonly<Record<Reads["b"], string>> = { fours: bFours, ones: bOnes, half: bHalf };
const sources = new Map<string, string>();

/** Puts the fragments before a body; the same text each time is the same program. */
export function readingSource(body: string, { a, b }: Reads, epilogue: Epilogue): string {
  const key = `${a} ${b} ${body}`;
  let text = sources.get(key);
  if (text === undefined) sources.set(key, text = [READ_A[a], READ_B[b], store, body].join("\n"));
  return withGelu(text, epilogue);
}
