/** Winograd's matrices, where his ways are offered, what they are estimated to take, and what they store. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { convDgradCandidates } from "../../kernels/conv/dgrad.ts";
import { convForwardCandidates } from "../../kernels/conv/forward.ts";
import { type ConvShape, squareConv } from "../../kernels/conv/shape.ts";
import { winogradError, winogradForward, winogradGradient } from "../../kernels/conv/winograd.ts";
import filters from "../../kernels/conv/winograd_filters.wgsl" with { type: "text" };
import fused from "../../kernels/conv/winograd_fused.wgsl" with { type: "text" };
import inputs from "../../kernels/conv/winograd_inputs.wgsl" with { type: "text" };
import outputs from "../../kernels/conv/winograd_outputs.wgsl" with { type: "text" };
import { winogradCandidates } from "../../kernels/conv/winograd_ways.ts";
import { type DeviceProfile, PROFILES } from "../../kernels/device_profile.ts";
import { EPILOGUES } from "../../kernels/launch.ts";
import { choose } from "../../kernels/tuning.ts";
import type { Plan } from "../../src/gpu/types.ts";
import { checkLaunch, coversOnce, params, threads } from "./launches.ts";

const test = suite("plan Winograd");
const { software, desktop, integrated, "mobile-tiler": mobile } = PROFILES;
const LAYER = squareConv({ batch: 8, channels: 64, height: 56, width: 56, filters: 64 });

type Matrix = readonly (readonly number[])[];

/** The matrix of a shader's header, "B' = (1 0 | 1/2 -1)", in 24ths, so that its numbers are whole. */
function matrixIn(source: string, name: string, number = 0): Matrix {
  const text = [...source.matchAll(new RegExp(`\\b${name} = \\(([^)]*)\\)`, "g"))][number][1];
  return text.split("|").map((row) =>
    row.trim().split(" ").map((word) => {
      const [over, under = 1] = word.split("/").map(Number);
      return 24 * over / under;
    })
  );
}

/** F(m,3) by interpolation at points and infinity: A' of powers, G of powers over Π(a − b), B' of polynomials Π(x − b). */
function interpolated(points: readonly number[]): Readonly<Record<"a" | "g" | "b", Matrix>> {
  const others = (point: number) => points.filter((other) => other !== point);
  const polynomial = (roots: readonly number[]) =>
    roots.reduce((of, root) => [0, ...of].map((n, i) => n - root * (of[i] ?? 0)), [1]);
  const padded = (row: readonly number[]) => Array.from({ length: points.length + 1 }, (_, i) => 24 * (row[i] ?? 0));
  const outputs = points.length - 1;
  return {
    a: Array.from({ length: outputs }, (_, i) => padded([...points.map((p) => p ** i), i === outputs - 1 ? 1 : 0])),
    g: [
      ...points.map((p) => [0, 1, 2].map((k) => 24 * p ** k / others(p).reduce((all, b) => all * (p - b), 1))),
      [0, 0, 24],
    ],
    b: [...points.map((p) => padded(polynomial(others(p)))), padded(polynomial(points))],
  };
}

const ALGORITHMS = [
  { points: [0, 1, -1], a: matrixIn(fused, "A'"), b: matrixIn(fused, "B'"), g: matrixIn(filters, "G") },
  { points: [0, 1, -1, 2, -2], a: matrixIn(outputs, "A'"), b: matrixIn(inputs, "B'"), g: matrixIn(filters, "G", 1) },
];

test("the shaders' matrices are those of interpolation, but for signs that cancel", () => {
  for (const { points, a, b, g } of ALGORITHMS) {
    const derived = interpolated(points);
    b.forEach((row, place) => {
      const column = (matrix: Matrix) => matrix.map((line) => line[place]);
      const signs = [[row, derived.b[place]], [g[place], derived.g[place]], [column(a), column(derived.a)]].map(
        ([found, expected]) => {
          const sign = found.every((n, i) => n === expected[i]) ? 1 : -1;
          assert.equal(found, expected.map((n) => n === 0 ? 0 : sign * n));
          return sign;
        },
      );
      assert.is(signs[0] * signs[1] * signs[2], 1);
    });
  }
});

test("output i is the sum of d(i + k) g(k), exactly", () => {
  for (const { a, b, g } of ALGORITHMS) {
    for (let i = 0; i < a.length; i++) {
      for (let k = 0; k < 3; k++) {
        for (let l = 0; l < b.length; l++) {
          const sum = b.reduce((all, row, place) => all + a[i][place] * g[place][k] * row[l], 0);
          assert.is(sum, l === i + k ? 24 ** 3 : 0);
        }
      }
    }
  }
});

test("F(2,3) of 1 2 3 4 and 5 6 7, by hand", () => {
  // G g = (5, 9, 3, 7), B' d = (1 − 3, 2 + 3, 3 − 2, 2 − 4) = (−2, 5, 1, −2), products (−10, 45, 3, −14).
  const [{ a, b, g }] = ALGORITHMS;
  const times = (matrix: Matrix, v: readonly number[]) =>
    matrix.map((row) => row.reduce((sum, n, i) => sum + n / 24 * v[i], 0));
  const [kernel, pixels] = [times(g, [5, 6, 7]), times(b, [1, 2, 3, 4])];
  assert.equal(kernel, [5, 9, 3, 7]);
  assert.equal(pixels, [-2, 5, 1, -2]);
  // 1·5 + 2·6 + 3·7 = 38 and 2·5 + 3·6 + 4·7 = 56.
  assert.equal(times(a, kernel.map((n, i) => n * pixels[i])), [38, 56]);
});

test("only 3×3 kernels of stride 1 with 64 channels and filters, on devices with registers for them", () => {
  const names = (change: Partial<ConvShape>, profile: DeviceProfile = desktop) =>
    convForwardCandidates({ ...LAYER, ...change }, {}, { profile }).map(({ name }) => name)
      .filter((name) => name.startsWith("winograd"));
  assert.equal(names({}), ["winograd 2x2, 32 filters", "winograd 2x2, 64 filters", "winograd 4x4"]);
  assert.equal(names({}, integrated), ["winograd 2x2, 32 filters", "winograd 4x4"]);
  const none: Partial<ConvShape>[] = [
    { channels: 63 },
    { filters: 63 },
    { groups: 2 },
    { stride: [1, 2] },
    { dilation: [2, 1] },
    { kernel: [3, 5] },
    { taps: [0, 1] },
  ];
  for (const change of none) assert.equal(names(change), [], JSON.stringify(change));
  for (const profile of [software, mobile]) assert.equal(names({}, profile), []);
});

test("large layers go by squares of 2×2 in one dispatch, others and exact plans by plain sums", () => {
  const forward = (change: Partial<ConvShape>, exact?: true) =>
    choose("", convForwardCandidates({ ...LAYER, ...change }, EPILOGUES[3], { profile: desktop }), {
      profile: desktop,
      winners: exact && { "": "winograd 2x2, 64 filters" },
      exact,
    });
  const large = forward({});
  assert.is(large.name, "winograd 2x2, 64 filters");
  const { steps, prepare = [], error } = large.build();
  assert.equal([steps.length, prepare.length], [1, 1]);
  assert.is(error, large.error);
  // 8 · 28² squares are 196 workgroups of four waves.
  assert.equal(steps[0].plan.grid, [196, 1, 1]);
  assert.match(forward({}, true).name, /^implicit gemm/);
  assert.is(forward({}, true).build().error, undefined);
  assert.match(forward({ batch: 1 }).name, /^implicit gemm/);
  const gradient = choose("", convDgradCandidates({ ...LAYER, batch: 32 }, { profile: desktop }), { profile: desktop });
  assert.is(gradient.name, "winograd 2x2, 64 filters");
  assert.equal(gradient.build().steps.map(({ plan }) => plan.program.name), [
    "winograd filters",
    "winograd convolution",
  ]);
});

test("a layer that could keep the device busy launches as many waves as it wants", () => {
  for (const [channels, side] of [[64, 56], [128, 28], [256, 14], [512, 7]]) {
    const s = squareConv({ batch: 8, channels, height: side, width: side, filters: channels });
    const { name, build } = choose("", convForwardCandidates(s, {}, { profile: desktop }), { profile: desktop });
    const { grid: [x, y, z] } = build().steps[0].plan;
    assert.match(name, /^winograd 2x2/);
    assert.ok(4 * x * y * z >= desktop.waves!, `${side}²: ${4 * x * y * z} waves`);
  }
});

test("the estimates count steps of four channels, and multiply-adds and bytes of squares of 4×4", () => {
  const s = squareConv({ batch: 1, channels: 64, height: 16, width: 16, filters: 64 });
  const profile = { ...desktop, waves: 4 };
  const ways = winogradCandidates(winogradForward(s), {}, profile);
  const cost = (name: string) => ways.find((way) => way.name === name)!.cost;
  // Four workgroups of 256 threads make 16 steps: a turn of 25 ns, six vec4 loaded (24), four written and 32 read (2), 256
  // multiply-adds and two transforms of 16 (0.3); 16 stores (12 and 2). Filters take a dispatch (4 · 64 · 2400).
  const one = 4 * 256 * (16 * (25 + 6 * 24 + 36 * 2 + 288 * 0.3) + 16 * 14) + 4 * 64 * 2400;
  near(cost("winograd 2x2, 32 filters"), 1.1 * one);
  // Two of 64 filters: 32 steps of four vec4 loaded, three written and 24 read, one transform; 32 stores.
  const two = 2 * 256 * (32 * (25 + 4 * 24 + 27 * 2 + 272 * 0.3) + 32 * 14) + 4 * 64 * 2400;
  near(cost("winograd 2x2, 64 filters"), 1.1 * two);
  // 64 squares of 16 places, or 16 of 36: each 64² multiply-adds, and 20 for each of 4 bytes of x, y, the filters, and
  // what lies between the dispatches.
  const small = 64 * 16 * 4096 + 80 * (2 * 64 * 256 + 16 * 4096);
  const large = 16 * 36 * 4096 + 80 * (2 * 64 * 256 + 36 * 4096 + 2 * 36 * 16 * 128);
  assert.equal(ways.map(({ name }) => name), ["winograd 2x2, 32 filters", "winograd 2x2, 64 filters"]);
  const more = { ...winogradForward(s), images: 2 };
  const twice = winogradCandidates(more, {}, profile);
  const least = Math.min(...twice.slice(0, 2).map((way) => way.cost)) / 1.1;
  const ratio = (large + 16 * 36 * 4096 + 80 * (2 * 64 * 256 + 2 * 36 * 16 * 128)) /
    (small + 64 * 16 * 4096 + 80 * 2 * 64 * 256);
  near(twice[2].cost, 1.1 * (least * ratio + 2 * 4 * 64 * 2400));
  near(winogradError(more, 2), 8e-7);
  near(winogradError(more, 4), 1.2e-5);
});

test("every output is stored once, or once in each part of a split sum", () => {
  const shapes = [
    squareConv({ batch: 3, channels: 70, height: 9, width: 13, filters: 65 }),
    { ...LAYER, batch: 1, height: 7, width: 5, pads: [0, 2, 1, 0] } as const,
  ];
  for (const s of shapes) {
    for (const work of [winogradForward(s), winogradGradient(s)]) {
      for (const waves of [1, 320]) {
        for (const way of winogradCandidates(work, EPILOGUES[3], { ...desktop, waves })) {
          const launch = way.build(), { steps, prepare, scratch } = launch;
          checkLaunch(launch, ["x", "dy", "w", "bias", "residual", "y", "dx"], [...prepare, ...steps]);
          const size = work.images * work.rows * work.outputs[0] * work.outputs[1];
          const four = way.name === "winograd 4x4", parts = !four && scratch.partial ? scratch.partial / size / 4 : 1;
          const stores = four ? outputStores(steps.at(-1)!.plan) : fusedStores(steps[0].plan);
          assert.is(coversOnce(size * parts, stores), true, way.name);
          assert.is(new Set(steps.flatMap(({ bindings }) => bindings)).has(work.names.y), true);
        }
      }
    }
  }
});

/** Which elements the threads of such a plan store, in y or among the parts of it. */
function* fusedStores(plan: Plan): Generator<number> {
  const p = params(plan), { MB } = plan.program.constants!, [gridX, gridY, gridZ] = plan.grid;
  for (let z = 0; z < gridZ; z++) {
    for (let group = 0; group < gridX * gridY; group++) {
      const first = Math.floor(group / p.blocks) * 32;
      for (let f = group % p.blocks * 32 * MB; f < Math.min(p.rows, (group % p.blocks + 1) * 32 * MB); f++) {
        for (let square = first; square < Math.min(p.images * p.squares, first + 32); square++) {
          const n = Math.floor(square / p.squares), at = square % p.squares;
          const start = z * p.y_split + (n * p.rows + f) * p.y_height * p.y_width;
          yield* squareOf(start, 2 * Math.floor(at / p.squares_h), 2 * (at % p.squares_h), 2, p);
        }
      }
    }
  }
}

function* outputStores(plan: Plan): Generator<number> {
  const p = params(plan);
  for (const [x, y] of threads(plan)) {
    const i = x + y * p.row;
    if (i >= p.threads) continue;
    const square = i % p.in_all, n = Math.floor(square / p.squares), at = square % p.squares;
    const start = (n * p.rows + Math.floor(i / p.in_all)) * p.y_height * p.y_width;
    yield* squareOf(start, 4 * Math.floor(at / p.squares_h), 4 * (at % p.squares_h), 4, p);
  }
}

function* squareOf(start: number, v: number, h: number, side: number, p: Record<string, number>): Generator<number> {
  for (let row = v; row < Math.min(p.y_height, v + side); row++) {
    for (let col = h; col < Math.min(p.y_width, h + side); col++) yield start + row * p.y_width + col;
  }
}

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) <= 1e-9 * expected, `${found}, expected ${expected}`);
}

test.run();
