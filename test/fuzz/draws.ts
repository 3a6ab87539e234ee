/** Draws of one case. */
import type { Rng } from "../../kernels/random/philox.ts";

export interface Draws {
  /** An integer in [0, n). */
  below(n: number): number;
  pick<T>(items: ArrayLike<T>): T;
  /** True once in `n`. */
  once(n: number): boolean;
}

export function draws(rng: Rng, step: number): Draws {
  let index = 0;
  const below = (n: number) => rng.below(n, step, index++);
  return { below, pick: (items) => items[below(items.length)], once: (n) => below(n) === 0 };
}

/** Numbers that sizes, counts and indices must not be believed. */
export const HUGE = [0, 1, -1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 40, 2 ** 53 - 1, 2 ** 53, 1e300, 0.5] as const;

/** Those of them that an int64 can be. */
export const WHOLE = [0, 1, -1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 40, 2 ** 53 - 1, -(2 ** 53) + 1] as const;

/** Names that do harm where a name is trusted. */
export const NAMES = [
  "",
  "a",
  "__proto__",
  "constructor",
  "toString",
  "x\n\0y",
  "\x1b]0;owned\x07",
  "\u202edrow",
  "../../etc/passwd",
  "/dev/zero",
  "é".repeat(300),
  "a/".repeat(200),
] as const;
