/** What a finished weight breaks of the structure that it was pruned to, counted by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { violations } from "../../src/prune/structures/violations.ts";
import type { Constraint } from "../../src/prune/structures/types.ts";

const test = suite("violations of structures");

function broken(rule: Constraint["rule"], data: number[]): number {
  const constraint = { rule, members: [{ param: "w" }] } as unknown as Constraint;
  return violations(constraint, new Map([["w", { shape: [data.length], data: Float32Array.from(data) }]]));
}

test("each run of m may hold n numbers, the rest of a row as many, and each row begins anew", () => {
  const rule = { kind: "runs", n: 1, m: 4, length: 6 } as const;
  assert.is(broken(rule, [0, 0, 0, 5, 0, 5]), 0);
  assert.is(broken(rule, [1, -1, 0, 0, 1, 1]), 2);
  assert.is(broken(rule, [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0]), 3);
  assert.is(broken(rule, [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]), 0);
});

const kernel = (...taps: number[]) => Array.from({ length: 9 }, (_, k) => taps.includes(k) ? -1 : 0);

test("a kernel may hold four taps, and the patterns of full kernels be as many as the library", () => {
  const rule = (library: number) => ({ kind: "pattern", library, patterns: [] }) as const;
  const [a, b, c] = [kernel(0, 1, 2, 4), kernel(4, 6, 7, 8), kernel(1, 3, 4, 5)];
  assert.is(broken(rule(3), [...a, ...b, ...c, ...a]), 0);
  // The rarest go beyond: one kernel of four taps, or two.
  assert.is(broken(rule(2), [...b, ...a, ...c, ...a]), 4);
  assert.is(broken(rule(1), [...b, ...a, ...c, ...a]), 8);
  // All kernels of a rare pattern count.
  assert.is(broken(rule(1), [...b, ...a, ...a, ...b, ...a]), 8);
  // Six taps are two too many and no pattern; three may be part of any.
  assert.is(broken(rule(1), [...a, ...kernel(0, 1, 2, 3, 4, 5), ...kernel(0, 4, 8), ...a]), 2);
});

test("a constraint without a rule can't be broken", () => assert.is(broken(undefined, [1, 2, 3]), 0));

test.run();
