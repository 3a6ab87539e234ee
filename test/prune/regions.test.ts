import { suite } from "uvu";
import * as assert from "uvu/assert";
import { axisRegions, POINT, reachableTaps, transposedRegions } from "../../src/prune/rules/regions.ts";

const test = suite("regions");

const axis = (size: number, kernel: number, stride: number, pad: number, dilation = 1) => {
  const out = Math.floor((size + 2 * pad - dilation * (kernel - 1) - 1) / stride) + 1;
  return axisRegions({ size, out, kernel, stride, pad, dilation });
};

test("regions by hand: sizes, kernels, strides, pads and dilations", () => {
  // [size of the map that the second convolution reads, k2, s2, p2, patterns per axis]
  const rows = [[9, 3, 1, 1, 3], [5, 3, 1, 1, 3], [9, 5, 1, 2, 5], [10, 3, 2, 1, 2], [6, 3, 2, 1, 2], [2, 5, 1, 2, 2], [
    1,
    3,
    1,
    1,
    1,
  ]];
  for (const [size, kernel, stride, pad, patterns] of rows) {
    assert.is(axis(size, kernel, stride, pad).taps.length, patterns, `${size} ${kernel} ${stride} ${pad}`);
  }
});

test("regions by output position", () => {
  assert.equal(axis(4, 3, 1, 1), { of: [0, 1, 1, 2], taps: [[1, 2], [0, 1, 2], [0, 1]] });
  assert.equal(axis(4, 3, 1, 0), { of: [0, 0], taps: [[0, 1, 2]] });
  assert.equal(axis(3, 3, 1, 2, 2), { of: [0, 1, 2], taps: [[1, 2], [1], [0, 1]] });
});

test("regions of a transposed convolution by output position", () => {
  // Two lines become four, each of one tap.
  const doubled = { size: 2, out: 4, kernel: 2, stride: 2, pad: 0, dilation: 1 };
  assert.equal(transposedRegions(doubled), { of: [0, 1, 0, 1], taps: [[0], [1]] });
  // Input i reaches outputs 2i − 1 + p for p = 0 … 3: output 0 hears of input 0 by tap 1, output 1 of both by 0 and 2.
  const overlapping = { size: 2, out: 4, kernel: 4, stride: 2, pad: 1, dilation: 1 };
  assert.equal(transposedRegions(overlapping), { of: [0, 1, 2, 3], taps: [[1], [0, 2], [1, 3], [2]] });
  // Between the lines nothing is heard.
  const gaps = { size: 2, out: 3, kernel: 1, stride: 2, pad: 0, dilation: 1 };
  assert.equal(transposedRegions(gaps), { of: [0, 1, 0], taps: [[0], []] });
  const dilated = { size: 1, out: 3, kernel: 2, stride: 1, pad: 0, dilation: 2 };
  assert.equal(transposedRegions(dilated), { of: [0, 1, 2], taps: [[0], [], [1]] });
});

test("a layer without neighbours has the one region of an axis with one position under one tap", () => {
  assert.equal(axis(1, 1, 1, 0), POINT);
  assert.equal([...reachableTaps(POINT, POINT, [1, 1])], [1]);
});

test("on a 1×1 map only the centre of a padded kernel is reachable", () => {
  const one = axis(1, 3, 1, 1);
  assert.equal([...reachableTaps(one, one, [3, 3])], [0, 0, 0, 0, 1, 0, 0, 0, 0]);
});

test.run();
