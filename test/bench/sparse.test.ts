import { suite } from "uvu";
import * as assert from "uvu/assert";
import { breakEven } from "../../bench/sparse/break_even.ts";
import { fits, type Structure, structuredWeight } from "../../bench/sparse/structures.ts";
import { random } from "../../kernels/random/philox.ts";

const test = suite("sparse benchmark");

test("break-even is where the line between two points crosses dense", () => {
  const points = [{ density: 0.5, speedup: 1.5 }, { density: 0.1, speedup: 6 }, { density: 0.75, speedup: 0.5 }];
  assert.is(breakEven(points), 0.625);
  assert.is(breakEven(points.slice(0, 2)), 0.5, "never slower");
  assert.is(breakEven([{ density: 0.1, speedup: 0.9 }, { density: 0.5, speedup: 0.3 }]), undefined, "always slower");
  assert.is(breakEven([]), undefined);
});

const STRUCTURES: readonly Structure[] = [
  "blocks 16×16",
  "columns",
  "N of M",
  "kernels",
  "kernel rows",
  "patterns",
  "block-punched",
  "unstructured",
];
/** Places that are zero or not together, as a key of (f, c, tap). */
const GROUP: Partial<Record<Structure, (f: number, c: number, tap: number) => string>> = {
  "blocks 16×16": (f, c, tap) => `${f >> 4} ${(9 * c + tap) >> 4}`,
  columns: (_, c, tap) => `${c} ${tap}`,
  kernels: (f, c) => `${f} ${c}`,
  "kernel rows": (f, c, tap) => `${f} ${c} ${Math.floor(tap / 3)}`,
  "block-punched": (f, c, tap) => `${f >> 3} ${c >> 2} ${tap}`,
};

test("weights have the density and the structure that they are asked for", () => {
  const [F, C] = [32, 16];
  for (const structure of STRUCTURES) {
    for (const density of [0.5, 0.25].filter((d) => fits(structure, [F, C, 3, 3], d))) {
      const weight = structuredWeight(structure, [F, C, 3, 3], density, random(7, "test"));
      const share = weight.filter((v) => v !== 0).length / weight.length;
      assert.ok(Math.abs(share - density) < 0.03, `${structure} ${density}: ${share}`);
      const states = new Map<string, Set<boolean>>();
      for (let i = 0; i < weight.length; i++) {
        const key = GROUP[structure]?.(Math.floor(i / (9 * C)), Math.floor(i / 9) % C, i % 9) ?? String(i);
        states.set(key, (states.get(key) ?? new Set()).add(weight[i] !== 0));
      }
      assert.ok([...states.values()].every((seen) => seen.size === 1), structure);
    }
  }
});

test("every 4 neighbours keep N, every kept kernel has a pattern of 4 with its centre", () => {
  const quarters = structuredWeight("N of M", [8, 4, 3, 3], 0.5, random(7, "test"));
  for (let i = 0; i < quarters.length; i += 4) {
    assert.is(quarters.slice(i, i + 4).filter((v) => v !== 0).length, 2);
  }
  const patterns = structuredWeight("patterns", [8, 8, 3, 3], 0.25, random(7, "test"));
  for (let i = 0; i < patterns.length; i += 9) {
    const kernel = patterns.slice(i, i + 9);
    const kept = kernel.filter((v) => v !== 0).length;
    assert.ok(kept === 0 || (kept === 4 && kernel[4] !== 0));
  }
});

test("a seed gives the same weights", () => {
  const draw = (seed: number) => structuredWeight("unstructured", [4, 4, 3, 3], 0.5, random(seed, "test"));
  assert.equal(draw(1), draw(1));
  assert.not.equal(draw(1), draw(2));
});

test.run();
