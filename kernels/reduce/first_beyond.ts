import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import source from "./first_beyond.wgsl" with { type: "text" };

export interface FirstBeyond {
  /** The part that is looked at is `elements` numbers from `first` on, of `total`. */
  readonly first: number;
  readonly elements: number;
  readonly total: number;
  /** Magnitudes from here on are found; infinity finds only infinities and NaN. */
  readonly limit: number;
}

/** The bindings are x (the part) and place u32 [1], which was cleared before the first part. */
export function planFirstBeyond({ first, elements, total, limit }: FirstBeyond): Plan {
  const groups = Math.max(1, Math.min(MOST_GROUPS, Math.ceil(elements / (64 * PER_THREAD))));
  return { program, uniforms: [elements, first, total, f32bits(limit), groups], grid: [groups, 1, 1] };
}

export function variants(): Program[] {
  return [program];
}

const MOST_GROUPS = 1024;
const PER_THREAD = 16;

const program: Program = { name: "first beyond", source, access: ["read", "read_write"] };
