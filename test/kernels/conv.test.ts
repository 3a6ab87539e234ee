import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type DeviceProfile, PROFILES } from "../../kernels/device_profile.ts";
import { UNTUNED } from "../../kernels/tuning.ts";
import { convDgradCandidates, planConvDgrad } from "../../kernels/conv/dgrad.ts";
import { convForwardCandidates, convForwardClass, planConvForward } from "../../kernels/conv/forward.ts";
import { inputRuns } from "../../kernels/conv/input.ts";
import { NO_WEIGHT } from "../../kernels/conv/pack.ts";
import { cutRuns, positions } from "../../kernels/conv/tap_runs.ts";
import { convMacs, convOutput, type ConvShape, convTaps } from "../../kernels/conv/shape.ts";
import { planConvWgrad } from "../../kernels/conv/wgrad.ts";
import type { Epilogue, Launch, Step } from "../../kernels/launch.ts";
import type { Plan } from "../../src/gpu/types.ts";
import { noise } from "../tensor/reference64.ts";
import { implicitStores } from "./implicit_stores.ts";
import { checkLaunch, coversOnce, params, threads } from "./launches.ts";

const test = suite("plan convolutions");

const base: ConvShape = {
  batch: 2,
  channels: 4,
  height: 9,
  width: 9,
  filters: 6,
  kernel: [3, 3],
  stride: [1, 1],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
  groups: 1,
};

/** The same random geometries every time, of every kind: strides, pads, dilations, groups, depthwise, kept columns. */
function* shapes(count: number): Generator<ConvShape> {
  const numbers = noise(count * 32, 7);
  let at = 0;
  const pick = <T>(from: readonly T[]) => from[Math.floor((numbers[at++] + 1) / 2 * from.length) % from.length];
  for (let i = 0; i < count; i++) {
    const groups = pick([1, 1, 1, 2, 5]),
      perGroup = pick([1, 2, 3, 7]),
      filters = groups * pick([1, 2, 4, 5, 9, 13, 17]);
    const kernel = [pick([1, 2, 3, 5, 7, 9]), pick([1, 2, 3, 5, 7, 9])] as const;
    const columns = perGroup * kernel[0] * kernel[1];
    const shape: ConvShape = {
      batch: pick([1, 2, 3]),
      channels: groups * perGroup,
      height: pick([1, 4, 7, 8, 13, 20]),
      width: pick([1, 4, 7, 8, 13, 29]),
      filters,
      kernel,
      stride: [pick([1, 1, 2, 3]), pick([1, 1, 2, 3])],
      pads: [pick([0, 1, 2, 5]), pick([0, 1, 2, 5]), pick([0, 1, 2, 5]), pick([0, 1, -1, 5])],
      dilation: [pick([1, 1, 2]), pick([1, 1, 2])],
      groups,
      taps: groups === 1 && pick([0, 1])
        ? Array.from({ length: columns }, (_, c) => c).filter(() => pick([0, 1, 1]))
        : undefined,
    };
    const reachH = shape.dilation[0] * (kernel[0] - 1) + 1, reachW = shape.dilation[1] * (kernel[1] - 1) + 1;
    const fits = shape.height + shape.pads[0] + shape.pads[2] >= reachH &&
      shape.width + shape.pads[1] + shape.pads[3] >= reachW;
    if (fits && convTaps(shape) > 0) yield shape;
  }
}

test("every output of the forward pass and every element of dx is stored exactly once", () => {
  const used = new Set<string>();
  for (const s of shapes(400)) {
    const [oh, ow] = convOutput(s), size = s.batch * s.filters * oh * ow;
    for (const profile of [{ ...PROFILES.software, threads: 64 }, PROFILES.integrated]) {
      for (const candidate of convForwardCandidates(s, {}, { profile })) {
        const forward = candidate.build(), what = `${candidate.name} ${JSON.stringify(s)}`;
        checkLaunch(forward, ["x", "w", "y"], [...forward.prepare, ...forward.steps]);
        const splits = forward.scratch.partial ? forward.scratch.partial / size / 4 : 1;
        assert.is(coversOnce(size * splits, stores(forward)), true, what);
        for (const { plan } of forward.steps) used.add(plan.program.name);
      }
      for (const candidate of convDgradCandidates(s, { profile })) {
        const launch = candidate.build(), what = `${candidate.name} ${JSON.stringify(s)}`;
        checkLaunch(launch, ["dy", "w", "dx"]);
        const size = s.batch * s.channels * s.height * s.width;
        const splits = launch.scratch.partial ? launch.scratch.partial / size / 4 : 1;
        assert.is(coversOnce(size * splits, stores(launch)), true, what);
        for (const { plan } of launch.steps) used.add(plan.program.name);
      }
      const wgrad = planConvWgrad(s, { profile });
      checkLaunch(wgrad, ["x", "dy", "y"]);
      for (const { plan } of wgrad.steps) used.add(plan.program.name);
    }
  }
  const kernels = [
    "indirect convolution",
    "direct convolution by rows",
    "depthwise convolution",
    "direct 4x4 convolution",
    "convolution by im2col",
    "convolution dgrad by full rows",
    "implicit gemm convolution",
    "depthwise convolution without padding",
  ];
  for (const name of [...kernels, "convolution wgrad"]) assert.ok(used.has(name), name);
});

test("a measured winner is taken for its class, whatever the epilogue, and only where it can do the shape", () => {
  const winners = { [convForwardClass(base)]: "indirect" }, tuning = { ...UNTUNED, winners };
  const convolution = (s: ConvShape, epilogue: Epilogue) => planConvForward(s, epilogue, tuning).steps.at(-1)!.plan;
  for (const epilogue of [{}, { bias: "add", activation: "relu" }] as const) {
    assert.is(convolution(base, epilogue).program.name, "indirect convolution");
  }
  const another = { ...base, filters: 7 };
  assert.equal(planConvForward(another, {}, tuning), planConvForward(another));
  assert.is.not(planConvForward(another).steps.at(-1)!.plan.program.name, "indirect convolution");
  const unable = { ...UNTUNED, winners: { [convForwardClass(base)]: "depthwise rows of 8" } };
  assert.equal(planConvForward(base, {}, unable), planConvForward(base));
});

test("candidates have names of their own, few enough to be measured", () => {
  for (const s of shapes(200)) {
    const names = convForwardCandidates(s, {}, UNTUNED).map(({ name }) => name);
    assert.is(new Set(names).size, names.length, names.join());
    assert.ok(names.length >= 1 && names.length <= 8, names.join());
  }
});

test("GPUs have a tile of four filters and four columns, whose sums take few registers", () => {
  const names = (profile: DeviceProfile, filters = 6) =>
    convForwardCandidates({ ...base, filters }, {}, { profile }).map(({ name }) => name);
  const tiny = "direct rows 1x4, 4 filters";
  assert.is(names(PROFILES["mobile-tiler"]).includes(tiny), true);
  assert.is(names(PROFILES["mobile-tiler"], 4).includes(tiny), false);
  assert.is(names(PROFILES.software).includes(tiny), false);
  const profile = PROFILES["mobile-tiler"];
  const way = convForwardCandidates(base, {}, { profile }).find(({ name }) => name === tiny)!;
  const product = way.build().steps.find(({ plan }) => plan.program.name === "direct convolution by rows")!;
  assert.is(product.plan.program.constants!.FB, 1);
  assert.is(params(product.plan).filter_tiles, 2);
});

test("GPUs do depthwise layers without a padded copy, and software adapters don't", () => {
  const s: ConvShape = { ...base, channels: 144, filters: 144, groups: 144, height: 28, width: 28 };
  const names = (change: Partial<ConvShape>, profile: DeviceProfile) =>
    convForwardCandidates({ ...s, ...change }, {}, { profile }).map(({ name }) => name);
  const { software, desktop } = PROFILES, bare = "depthwise 1x4";
  for (const stride of [1, 2] as const) {
    const { steps } = planConvForward({ ...s, stride: [stride, stride] }, {}, { profile: desktop });
    assert.equal(steps.map(({ plan }) => plan.program.name), ["depthwise convolution without padding"]);
  }
  assert.is(names({}, software).includes(bare), false);
  assert.is(names({ groups: 72 }, desktop).includes(bare), false);
  assert.is(names({ dilation: [1, 2] }, desktop).includes(bare), false);
  assert.is(names({ stride: [1, 3] }, desktop).includes(bare), false);
  // 2 · 144 · 28 · 7 threads of three lines: 25 ns, 6 pixels and 3 weights of 10, 12 multiply-adds of 0.3; 4 stores of 12.
  const [{ cost }] = convForwardCandidates(s, {}, { profile: desktop }).filter(({ name }) => name === bare);
  assert.ok(Math.abs(cost - 2 * 144 * 28 * 7 * (3 * (25 + 90 + 3.6) + 48)) < 1e-6 * cost);
});

test("every tap is in exactly one run, at its own offset from the run's start", () => {
  for (const s of shapes(200)) {
    const input = inputRuns(s);
    if (!input) continue;
    const { halo, runs } = input, [kh, kw] = s.kernel, sw = s.stride[1];
    const found = new Map<number, number>();
    runs.order.forEach((weight, i) => {
      if (weight === NO_WEIGHT) return;
      assert.not(found.has(weight), `weight ${weight} twice`);
      found.set(weight, runs.offsets[Math.floor(i / runs.width)] * 4 + i % runs.width);
    });
    assert.is(found.size, convTaps(s));
    for (const [weight, offset] of found) {
      const column = s.taps?.[weight] ?? weight;
      const c = Math.floor(column / (kh * kw)), r = Math.floor(column / kw) % kh, q = column % kw;
      assert.is(offset, ((c * sw + q % sw) * halo.rows + r * s.dilation[0]) * halo.cols + Math.floor(q / sw));
    }
    const places = positions(runs, convTaps(s));
    places.forEach((place, weight) => assert.is(runs.order[place], weight));
  }
});

test("runs wider than the registers are cut, and pieces without a weight are left out", () => {
  const weights = [5, ...Array(6).fill(undefined), 6, 7];
  assert.equal(cutRuns([{ offset: 3, weights }]), {
    width: 4,
    offsets: [3, 4, 5],
    order: [5, NO_WEIGHT, NO_WEIGHT, NO_WEIGHT, NO_WEIGHT, NO_WEIGHT, NO_WEIGHT, 6, 7, NO_WEIGHT, NO_WEIGHT, NO_WEIGHT],
  });
  assert.equal(cutRuns([{ offset: 0, weights: [undefined, undefined] }, { offset: 8, weights: [1, 2] }]), {
    width: 2,
    offsets: [8],
    order: [1, 2],
  });
});

test("large layers stay within the limits of every device", () => {
  const large: Partial<ConvShape>[] = [
    { batch: 64, channels: 64, filters: 64, height: 224, width: 224 },
    { batch: 1, channels: 2048, filters: 2048, height: 7, width: 7 },
    { batch: 256, channels: 512, filters: 512, groups: 512, height: 14, width: 14 },
    { batch: 1, channels: 3, filters: 64, height: 512, width: 512, kernel: [7, 7], stride: [2, 2], pads: [3, 3, 3, 3] },
  ];
  for (const change of large) {
    const s = { ...base, ...change };
    for (const profile of [PROFILES.software, PROFILES.desktop]) {
      const tuning = { profile };
      checkLaunch(planConvForward(s, {}, tuning), ["x", "w", "y"]);
      checkLaunch(planConvDgrad(s, tuning), ["dy", "w", "dx"]);
      checkLaunch(planConvWgrad(s, tuning), ["x", "dy", "y"]);
    }
  }
});

test("the epilogue runs where the sum is complete", () => {
  const epilogue = { bias: "add", residual: "add", activation: "relu" } as const;
  const flags = (steps: readonly Step[]) => steps.map((s) => s.plan.program.constants?.ACTIVATION);
  const whole = planConvForward({ ...base, pads: [0, 0, 0, 0], width: 12, filters: 8 }, epilogue, {
    profile: { ...PROFILES.software, threads: 1 },
  });
  assert.equal(flags(whole.steps), [1]);
  const split = planConvForward({ ...base, batch: 1, channels: 64, height: 2, width: 4 }, epilogue, {
    profile: { ...PROFILES.software, threads: 64 },
  });
  assert.is(split.steps.at(-1)!.plan.program.constants!.ACTIVATION, 1);
  assert.ok(split.scratch.partial > 0);
  assert.ok(flags(split.steps.slice(0, -1)).every((a) => a === undefined || a === 0));
});

test("multiply-adds count what is stored", () => {
  assert.is(convMacs(base), 2 * 6 * 81 * 4 * 9);
  assert.is(convMacs({ ...base, groups: 2 }), 2 * 6 * 81 * 2 * 9);
  assert.is(convMacs({ ...base, taps: [0, 5, 7] }), 2 * 6 * 81 * 3);
});

/** Which elements the convolutions among the steps store. */
function* stores(launch: Launch): Generator<number> {
  for (const { plan } of launch.steps) {
    if (plan.program.name === "implicit gemm convolution") yield* implicitStores(plan, launch);
    if (plan.program.name === "direct convolution by rows") yield* rowsStores(plan);
    if (plan.program.name === "depthwise convolution") yield* singleStores(plan);
    if (plan.program.name === "depthwise convolution without padding") yield* bareStores(plan);
    if (plan.program.name === "indirect convolution") yield* indirectStores(plan);
    if (plan.program.name === "direct 4x4 convolution") yield* direct4x4Stores(plan);
    if (plan.program.name === "convolution by im2col") yield* productStores(plan);
    if (plan.program.name === "convolution dgrad by full rows") yield* fullRowsStores(plan);
  }
}

function* rowsStores(plan: Plan): Generator<number> {
  const p = params(plan), { FB, SUBS } = plan.program.constants!;
  for (const [x, y, z] of threads(plan)) {
    const tile = x + y * p.row;
    if (tile >= p.tiles * p.filter_tiles) continue;
    const q = tile % p.tiles, line = Math.floor(q / p.tiles_v);
    const v0 = q % p.tiles_v * (4 + (SUBS - 1) * p.step_v), h0 = line % p.tiles_h * (1 + (SUBS - 1) * p.step_h);
    const n = Math.floor(line / p.tiles_h), f0 = 4 * (Math.floor(tile / p.tiles) * FB + p.first_tile);
    const g = z % p.groups, split = Math.floor(z / p.groups);
    for (let f = f0; f < Math.min(p.filters, f0 + 4 * FB); f++) {
      const start = n * p.y_image + (g * p.filters + f) * p.y_plane + p.y_start + split * p.y_split;
      for (let sub = 0; sub < SUBS; sub++) {
        for (let i = 0; i < 4; i++) {
          const h = h0 + sub * p.step_h, v = v0 + sub * p.step_v + i;
          if (h < p.rows && v < p.cols) yield start + h * p.y_row + v * p.y_col;
        }
      }
    }
  }
}

function* singleStores(plan: Plan): Generator<number> {
  const p = params(plan), { SUBS } = plan.program.constants!;
  for (const [x, y] of threads(plan)) {
    const tile = x + y * p.row;
    if (tile >= p.tiles_v * p.tiles_h * p.images * p.channels) continue;
    const line = Math.floor(tile / p.tiles_v), image = Math.floor(line / p.tiles_h);
    const start = image % p.images * p.y_image + Math.floor(image / p.images) * p.y_plane + p.y_start;
    for (let sub = 0; sub < SUBS; sub++) {
      for (let i = 0; i < 8; i++) {
        const h = line % p.tiles_h * SUBS + sub, v = tile % p.tiles_v * 8 + i;
        if (h < p.rows && v < p.cols) yield start + h * p.y_row + v * p.y_col;
      }
    }
  }
}

function* bareStores(plan: Plan): Generator<number> {
  const p = params(plan);
  for (const [x, y] of threads(plan)) {
    const thread = x + y * p.row, first = thread % p.fours * 4;
    if (thread >= p.threads) continue;
    for (let v = first; v < Math.min(p.cols, first + 4); v++) yield Math.floor(thread / p.fours) * p.cols + v;
  }
}

function* direct4x4Stores(plan: Plan): Generator<number> {
  const p = params(plan), { FB, REST, ADD } = plan.program.constants!;
  // A later panel of channels adds to what the first one stored.
  if (ADD) return;
  for (const [x, y] of threads(plan)) {
    const tile = x + y * p.row;
    if (tile >= p.tiles) continue;
    const line = Math.floor(tile / p.tiles_v), start = Math.floor(line / p.tiles_h) * p.y_image;
    for (let f = p.first_filter; f < p.first_filter + 4 * FB + REST; f++) {
      for (let i = 0; i < 16; i++) {
        const h = line % p.tiles_h * 4 + Math.floor(i / 4), v = tile % p.tiles_v * 4 + i % 4;
        if (h < p.rows && v < p.cols) yield start + f * p.y_plane + h * p.cols + v;
      }
    }
  }
}

function* productStores(plan: Plan): Generator<number> {
  const p = params(plan);
  if (plan.program.constants!.ADD) return;
  for (const [tile] of threads(plan)) {
    if (tile >= p.tiles_f * p.tiles_q) continue;
    const f0 = p.first_filter + 8 * Math.floor(tile / p.tiles_q), q0 = p.first_pixel + 8 * (tile % p.tiles_q);
    for (let f = f0; f < Math.min(p.filters, f0 + 8); f++) {
      for (let q = q0; q < Math.min(p.pixels, q0 + 8); q++) {
        yield Math.floor(q / p.plane) * p.y_image + f * p.plane + q % p.plane;
      }
    }
  }
}

function* fullRowsStores(plan: Plan): Generator<number> {
  const p = params(plan), columns = 4 * plan.program.constants!.FOURS + 4;
  for (const [x, y] of threads(plan)) {
    const thread = x + y * p.row;
    if (thread >= p.threads) continue;
    const n = thread % p.batch, rest = Math.floor(thread / p.batch);
    const h0 = rest % p.tiles * 4, c0 = 4 * Math.floor(rest / p.tiles);
    for (let c = c0; c < Math.min(p.channels, c0 + 4); c++) {
      for (let h = h0; h < Math.min(p.height, h0 + 4); h++) {
        for (let i = p.left; i < Math.min(columns, p.left + p.width); i++) {
          yield ((n * p.channels + c) * p.height + h) * p.width + i - p.left;
        }
      }
    }
  }
}

function* indirectStores(plan: Plan): Generator<number> {
  const p = params(plan), { FB } = plan.program.constants!;
  for (const [x, y, z] of threads(plan)) {
    const tile = x + y * p.row;
    if (tile >= p.tiles * p.filter_tiles) continue;
    const f0 = 4 * (Math.floor(tile / p.tiles) * FB + p.first_tile), g = z % p.groups;
    for (let q = tile % p.tiles * 8; q < Math.min(p.pixels, tile % p.tiles * 8 + 8); q++) {
      const line = Math.floor(q / p.cols);
      const at = Math.floor(line / p.rows) * p.y_image + line % p.rows * p.y_row + q % p.cols * p.y_col + p.y_start;
      for (let f = f0; f < Math.min(p.filters, f0 + 4 * FB); f++) {
        yield at + (g * p.filters + f) * p.y_plane + Math.floor(z / p.groups) * p.y_split;
      }
    }
  }
}

test.run();
