import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UNTUNED } from "../../kernels/tuning.ts";
import { convOutput, type ConvShape } from "../../kernels/conv/shape.ts";
import { EPILOGUES } from "../../kernels/launch.ts";
import type { SparseFormat } from "../../kernels/sparse/format.ts";
import { kernelList } from "../../kernels/sparse/kernel_list.ts";
import { pattern } from "../../kernels/sparse/pattern.ts";
import { vector } from "../../kernels/sparse/vector.ts";
import { launch } from "../../src/tensor/ops/launch.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { checkLaunch } from "../kernels/launches.ts";
import { conv64, noise, sumError } from "../tensor/reference64.ts";

const test = suite("sparse lists of kernels, vectors and patterns");

const PATTERNS = [27, 54, 216, 432, 58, 178, 184, 154];

const base: ConvShape = {
  batch: 2,
  channels: 5,
  height: 13,
  width: 29,
  filters: 7,
  kernel: [3, 3],
  stride: [1, 1],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
  groups: 1,
};

/** Kept where `keep` says so, and nothing of filter 2. */
function weights(s: ConvShape, keep: (kernel: number, row: number, tap: number) => boolean): Float32Array<ArrayBuffer> {
  const [kh, kw] = s.kernel, size = kh * kw;
  return noise(s.filters * s.channels * size, 3).map((w, i) => {
    const k = Math.floor(i / size), tap = i % size;
    return Math.floor(k / s.channels) !== 2 && keep(k, Math.floor(tap / kw), tap) ? w : 0;
  });
}

const coin = noise(4096, 11);
const KEEP = {
  "kernel list": (k: number) => coin[k] > 0,
  vector: (k: number, row: number) => coin[k * 7 + row] > 0.2,
  pattern: (k: number, _: number, tap: number) => coin[k] > -0.5 && (PATTERNS[k % 8] >> tap & 1) === 1,
};
const SHAPES: Partial<ConvShape>[] = [
  {},
  { height: 7, width: 7, pads: [0, 2, 1, 0] },
  { batch: 1, height: 4, width: 8, stride: [2, 1] },
  { kernel: [2, 2], pads: [1, 0, 0, 1] },
  { kernel: [5, 6], height: 9, pads: [2, 2, 2, 3], dilation: [2, 1] },
];

/** Tiles by name; large ones take a software device seconds to compile. */
type Tiles = RegExp;
const ALL: Tiles = /./, SMALL: Tiles = /1x4|panels 4x8/, UNIFORM: Tiles = /panels 4x8/;
const EPILOGUE = EPILOGUES[3];

async function check(
  format: SparseFormat,
  s: ConvShape,
  w: Float32Array<ArrayBuffer>,
  tiles: Tiles,
): Promise<number> {
  const packed = format.pack(w, [s.filters, s.channels, ...s.kernel])!;
  const gpu = await testGpu();
  const [oh, ow] = convOutput(s), shape = [s.batch, s.filters, oh, ow], size = shape.reduce((a, b) => a * b);
  const xs = noise(s.batch * s.channels * s.height * s.width, 5), biases = noise(s.filters, 6), rest = noise(size, 7);
  using x = Tensor.from(gpu, xs, [xs.length]);
  using values = Tensor.from(gpu, packed.values, [packed.values.length]);
  using bias = Tensor.from(gpu, biases, [biases.length]);
  using residual = Tensor.from(gpu, rest, [size]);
  const expected = conv64(s, xs, w);
  for (let i = 0; i < size; i++) {
    const b = biases[Math.floor(i / oh / ow) % s.filters], r = rest[i], v = expected.value[i] + b + r;
    expected.magnitude[i] += Math.abs(b) + Math.abs(r);
    expected.value[i] = Math.min(6, Math.max(0, v));
  }
  const candidates = format.conv(s, packed, EPILOGUE, UNTUNED).filter(({ name }) => tiles.test(name));
  for (const { name, build } of candidates) {
    using y = Tensor.from(gpu, new Float32Array(size).fill(NaN), [size]);
    const plan = build();
    checkLaunch(plan, ["x", "values", "bias", "residual", "y"]);
    launch(
      gpu,
      { ...plan, steps: [...plan.prepare ?? [], ...plan.steps] },
      { x, values, bias, residual, y },
      format.name,
    );
    const [got] = await readTensors([y]);
    const terms = s.channels * s.kernel[0] * s.kernel[1] + 2;
    assert.is(sumError(got, expected, terms), undefined, `${format.name} ${name} ${JSON.stringify(s)}`);
  }
  return candidates.length;
}

/** Several images to a panel; channels in two panels of one image, and in five, which take two dispatches. */
const PANELS: Readonly<Record<string, Partial<ConvShape>>> = {
  "several images to a panel": { batch: 31, height: 12, width: 12 },
  "channels in two panels": { batch: 3, channels: 3, height: 83, width: 89, filters: 4 },
  "channels in five panels": { batch: 1, channels: 9, height: 83, width: 89, filters: 4 },
};

for (const [name, change] of Object.entries(PANELS)) {
  test(`uniform panels: ${name}`, async () => {
    const s = { ...base, ...change };
    for (const format of [kernelList, vector]) {
      await check(format, s, weights(s, KEEP[format.name as keyof typeof KEEP]), UNIFORM);
    }
    const one = (k: number, row: number, tap: number) => KEEP.pattern(k - k % 8, row, tap);
    await check(pattern, s, weights(s, one), UNIFORM);
  });
}

for (const format of [kernelList, vector, pattern]) {
  test(`${format.name}: every candidate gives the float64 reference's numbers`, async () => {
    const kept = KEEP[format.name as keyof typeof KEEP];
    let checked = 0;
    // Patterns are of 3×3 taps with stride 1.
    for (const change of SHAPES.slice(0, format === pattern ? 2 : SHAPES.length)) {
      const s = { ...base, ...change };
      checked += await check(format, s, weights(s, kept), SMALL);
    }
    assert.is(checked, 2 * (format === pattern ? 2 : SHAPES.length));
  });

  test(`${format.name}: every tile gives the float64 reference's numbers`, async () => {
    const s = { ...base, height: 9, width: 13 }, kept = KEEP[format.name as keyof typeof KEEP];
    // A loop for each of eight patterns would take seconds to compile.
    const one = (k: number, row: number, tap: number) => kept(k - k % 8, row, tap);
    assert.is(await check(format, s, weights(s, format === pattern ? one : kept), ALL), 7);
  });

  test(`${format.name}: a weight that is zero gives the epilogue of nothing`, async () => {
    assert.ok(await check(format, { ...base, height: 3, width: 3 }, new Float32Array(7 * 5 * 9), /1x4/) > 0);
  });

  test(`${format.name}: what saves nothing or has no taps to leave out isn't packed`, () => {
    assert.is(format.pack(noise(7 * 5 * 9, 1), [7, 5, 3, 3]), undefined);
    assert.is(format.pack(new Float32Array(35), [7, 5, 1, 1]), undefined);
    assert.is(format.pack(new Float32Array(35), [7, 5]), undefined);
  });

  test(`${format.name}: groups, strided and dilated columns are left to others`, () => {
    const packed = format.pack(new Float32Array(7 * 5 * 9), [7, 5, 3, 3])!;
    for (
      const change of [{ stride: [1, 2] }, { dilation: [1, 2] }, { groups: 5, filters: 5 }] as Partial<ConvShape>[]
    ) {
      assert.equal(format.conv({ ...base, ...change }, packed, {}, UNTUNED), []);
    }
  });
}

test("packing keeps every weight that isn't zero, in lists that fall in length", () => {
  for (const format of [kernelList, vector, pattern]) {
    const w = weights(base, KEEP[format.name as keyof typeof KEEP]);
    const { values, index, stored } = format.pack(w, [7, 5, 3, 3])!;
    const sorted = (a: Float32Array) => [...a].filter((v) => v !== 0).sort((p, q) => p - q);
    assert.equal(sorted(values), sorted(w));
    assert.equal([...index.filters].sort(), [0, 1, 2, 3, 4, 5, 6]);
    const lengths = Array.from(index.filters, (_, l) => index.starts[l + 1] - index.starts[l]);
    assert.ok(lengths.every((n, l) => l === 0 || n <= lengths[l - 1]));
    assert.is(index.filters[6], 2);
    assert.ok(stored >= sorted(w).length && stored < w.length);
  }
});

test("nine patterns, or five taps, are too many", () => {
  const kernels = (masks: number[]) =>
    Float32Array.from({ length: masks.length * 9 }, (_, i) => masks[Math.floor(i / 9)] >> (i % 9) & 1);
  assert.is(pattern.pack(kernels([...PATTERNS, 15]), [1, 9, 3, 3]), undefined);
  assert.is(pattern.pack(kernels([31]), [1, 1, 3, 3]), undefined);
  assert.is(pattern.pack(kernels(PATTERNS), [2, 4, 3, 3])!.parameters.patterns, 8);
});

test.run();
