import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as format from "../../src/report/format.ts";

const test = suite("report format");

test("fractions are percentages", () => {
  assert.is(format.percent(0.97123), "97.12 %");
  assert.is(format.percent(1, 0), "100 %");
  assert.is(format.percent(-0.00001), "0.00 %");
});

test("differences are signed points", () => {
  assert.is(format.points(-0.006), "−0.60 points");
  assert.is(format.points(0.0123), "+1.23 points");
  assert.is(format.points(-0.00001), "±0.00 points");
  assert.is(format.points(0.0123, 1), "+1.2 points");
});

test("ratios keep three digits, and all digits of whole hundreds", () => {
  const cases: [number, string][] = [
    [12.34, "12.3×"],
    [1, "1.00×"],
    [9.999, "10.0×"],
    [231.8, "232×"],
    [12_345.6, "12,346×"],
    [0.4561, "0.456×"],
    [0, "0×"],
  ];
  for (const [ratio, text] of cases) assert.is(format.times(ratio), text);
});

test("counts", () => {
  const cases: [number, string, string][] = [
    [0, "0", "0"],
    [950, "950", "950"],
    [999, "999", "999"],
    [1000, "1,000", "1.00 k"],
    [38_282, "38,282", "38.3 k"],
    [430_500, "430,500", "431 k"],
    [999_600, "999,600", "1.00 M"],
    [2_293_000, "2,293,000", "2.29 M"],
    [1.25e9, "1,250,000,000", "1.25 G"],
    [-1500, "−1,500", "−1.50 k"],
  ];
  for (const [value, long, short] of cases) {
    assert.is(format.count(value), long);
    assert.is(format.short(value), short);
  }
});

test("bytes are counted in thousands", () => {
  assert.is(format.bytes(900), "900 B");
  assert.is(format.bytes(12_424), "12.4 kB");
  assert.is(format.bytes(1_722_000), "1.72 MB");
});

test("times", () => {
  assert.equal([0.1234, 1.234, 12.34, 123.4, 1234.5].map(format.milliseconds), [
    "0.123",
    "1.23",
    "12.3",
    "123",
    "1,235",
  ]);
  assert.equal([5.04, 9.96, 59.6, 75, 3599.7, 4000].map(format.duration), [
    "5.0 s",
    "10 s",
    "1 min 0 s",
    "1 min 15 s",
    "1 h 0 min",
    "1 h 6 min",
  ]);
});

test("a spread decides how many digits are told", () => {
  assert.is(format.milliSpread(1.23412, 0.0119), "1.234 ± 0.012 ms");
  assert.is(format.milliSpread(21.934, 0.312), "21.93 ± 0.31 ms");
  assert.is(format.milliSpread(5.0262, 0.0999), "5.03 ± 0.10 ms");
  assert.is(format.milliSpread(1523.4, 87.2), "1,523 ± 87 ms");
  assert.is(format.milliSpread(1.5, 0), "1.50 ± 0 ms");
});

test("plain numbers are brief", () => {
  const cases: [number, string][] = [
    [0.1, "0.1"],
    [0.098765, "0.09877"],
    [12_345, "12,345"],
    [1.2e-7, "1.2e−7"],
    [5.722e-6, "5.72e−6"],
    [0, "0"],
    [-0.25, "−0.25"],
    [1e20, "1e20"],
  ];
  for (const [value, text] of cases) assert.is(format.plain(value), text);
});

test("what is no number is said to be none", () => {
  const { percent, points, times, count, short, bytes, milliseconds, duration, plain } = format;
  for (const tell of [percent, points, times, count, short, bytes, milliseconds, duration, plain]) {
    assert.is(tell(NaN), "not a number");
    assert.is(tell(Infinity), "∞");
    assert.is(tell(-Infinity), "−∞");
  }
  assert.is(format.milliSpread(NaN, 1), "not a number ms");
});

test.run();
