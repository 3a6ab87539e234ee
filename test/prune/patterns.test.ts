/** Which patterns a layer's library holds, by kernels whose choice is worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { patternLibrary } from "../../src/prune/structures/pattern.ts";

const test = suite("libraries of patterns");

/** Bits of these taps and of the centre. */
const bits = (...taps: number[]) => taps.reduce((sum, tap) => sum | 1 << tap, 1 << 4);

const top = [9, 8, 7, 6, 1, 5, 4, 3, 2];
const bottom = [1, 2, 3, 4, 1, 5, 7, -8, 9];
const nothing = new Array(9).fill(0);

test("a kernel's pattern is its centre and its three largest other taps, whatever their sign", () => {
  assert.equal(patternLibrary(top, 4), [bits(0, 1, 2)]);
  assert.equal(patternLibrary(bottom, 4), [bits(6, 7, 8)]);
  assert.equal(patternLibrary([0, 5, 0, 0, 9, 0, 6, 0, 7], 4), [bits(1, 6, 8)]);
  // Of equal taps the lower ones.
  assert.equal(patternLibrary(new Array(9).fill(1), 4), [bits(0, 1, 2)]);
  assert.equal(patternLibrary([1, 1, 1, 2, 9, 1, 1, 1, 1], 4), [bits(0, 1, 3)]);
});

test("the patterns that most kernels choose come first, of equals the one with the lower bits", () => {
  assert.equal(patternLibrary([...top, ...bottom, ...bottom], 4), [bits(6, 7, 8), bits(0, 1, 2)]);
  assert.equal(patternLibrary([...top, ...bottom, ...bottom], 1), [bits(6, 7, 8)]);
  assert.equal(patternLibrary([...bottom, ...top], 4), [bits(0, 1, 2), bits(6, 7, 8)]);
});

test("a kernel that is gone has no say, and where all are the library still has a pattern", () => {
  assert.equal(patternLibrary([...nothing, ...nothing, ...bottom], 4), [bits(6, 7, 8)]);
  assert.equal(patternLibrary(nothing, 4), [bits(0, 1, 3)]);
});

test.run();
