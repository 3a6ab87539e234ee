import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PROFILES } from "../../kernels/device_profile.ts";
import { gemmCandidates, gemmClass, type GemmShape, planGemm } from "../../kernels/gemm/plan.ts";
import type { Step } from "../../kernels/launch.ts";
import { choose, UNTUNED } from "../../kernels/tuning.ts";
import type { Feature, Plan } from "../../src/gpu/types.ts";
import { checkLaunch, coversOnce, params, threads } from "./launches.ts";

const test = suite("plan matrix products");

const SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 29, 64, 101];
const OPERANDS = ["a", "b", "bias", "residual", "y"];
const desktop = { profile: PROFILES.desktop };
const LAYOUTS = [["k", "k"], ["k", "rows"], ["rows", "rows"]] as const;

test("every output of every split is stored exactly once, and the splits cover k", () => {
  for (const m of SIZES) {
    for (const n of SIZES) {
      for (const k of [1, 4, 63, 64, 129, 800]) {
        for (const profile of [{ ...PROFILES.software, threads: 1 }, PROFILES.software, PROFILES.desktop]) {
          const [registers] = gemmCandidates({ m, n, k, a: "k", b: "k" }, { profile });
          const launch = registers.build();
          checkLaunch(launch, OPERANDS);
          const { plan } = launch.steps[0], { chunk } = params(plan), splits = plan.grid[2];
          assert.ok(chunk % 4 === 0 && chunk * splits >= k && chunk * (splits - 1) < k, `${k}: ${splits} × ${chunk}`);
          assert.is(coversOnce(splits * m * n, stores(plan)), true, `${m}×${n}×${k}`);
          assert.is(launch.scratch.partial, splits > 1 ? splits * m * n * 4 : undefined);
        }
      }
    }
  }
});

test("rows are read in fours only where they lie at multiples of 4", () => {
  for (const [a, b] of LAYOUTS) {
    for (const m of [4, 5]) {
      for (const n of [8, 9]) {
        for (const k of [12, 13]) {
          const { A_MODE, B_MODE } = planGemm({ m, n, k, a, b }).steps[0].plan.program.constants!;
          assert.is(A_MODE, a === "k" ? (k === 12 ? 0 : 2) : m === 4 ? 1 : 2);
          assert.is(B_MODE, b === "k" ? (k === 12 ? 0 : 2) : n === 8 ? 1 : 2);
        }
      }
    }
  }
});

test("large products stay within the limits of every device", () => {
  for (const shape of [{ m: 100_000, n: 10_000, k: 3 }, { m: 1, n: 1_000_000, k: 1 }, { m: 3, n: 3, k: 5_000_000 }]) {
    for (const [a, b] of LAYOUTS) checkLaunch(planGemm({ ...shape, a, b }), OPERANDS);
  }
});

test("the epilogue runs where the sum is complete", () => {
  const epilogue = { bias: "add", residual: "add", activation: "relu" } as const;
  const [registers] = gemmCandidates({ m: 64, n: 512, k: 8, a: "k", b: "k", ...epilogue }, UNTUNED);
  const whole = registers.build();
  assert.equal(whole.steps.map((s) => s.bindings), [["a", "b", "bias", "residual", "y"]]);
  const split = planGemm({ m: 1, n: 8, k: 512, a: "k", b: "k", ...epilogue });
  assert.equal(split.steps.map((s) => s.bindings.at(-1)), ["partial", "y"]);
  assert.equal(split.steps.map((s) => s.plan.program.constants!.ACTIVATION), [0, 1]);
});

test("every candidate of a shape has a name of its own and a launch within every device's limits", () => {
  for (const batch of [undefined, { count: 7, a: 0, b: 12 }, { count: 40_000, a: 4, b: 4 }]) {
    for (const [m, n, k] of [[1, 1, 1], [1, 70_001, 5], [5, 1, 900], [127, 300, 333], [600, 513, 517]]) {
      const shape = { m, n, k, a: "k", b: "rows", batch } as const;
      const candidates = gemmCandidates(shape, { ...UNTUNED, features: ["subgroups"] });
      assert.is(new Set(candidates.map(({ name }) => name)).size, candidates.length);
      assert.ok(candidates.length >= 2 && candidates.length <= 12);
      for (const { cost, build } of candidates) {
        assert.ok(cost > 0);
        checkLaunch(build(), OPERANDS);
      }
    }
  }
});

test("wide tiles pack only what isn't k-major in fours, and padded columns are cut off afterwards", () => {
  const wide = (shape: Pick<GemmShape, "m" | "n" | "k" | "a" | "b" | "fixed">) => {
    const epilogue = { bias: "add", residual: "none", activation: "relu" } as const;
    const launch = gemmCandidates({ ...shape, ...epilogue }, UNTUNED).find(({ name }) => name === "wide 16x16")!
      .build();
    checkLaunch(launch, OPERANDS);
    return launch;
  };
  const names = (steps: readonly Step[] = []) => steps.map(({ bindings }) => bindings.join());
  const sizes = { m: 64, n: 512, k: 8 };
  assert.equal(names(wide({ ...sizes, a: "rows", b: "rows" }).steps), ["a,b,bias,a,y"]);
  const packed = wide({ ...sizes, a: "k", b: "k" });
  assert.equal(names(packed.steps), ["b,packedB", "a,packedA", "packedA,packedB,bias,packedA,y"]);
  assert.equal(packed.scratch, { packedA: 4 * 64 * 8, packedB: 4 * 512 * 8 });
  const fixed = wide({ ...sizes, a: "k", b: "k", fixed: "b" });
  assert.equal([names(fixed.prepare), names(fixed.steps).length], [["b,packedB"], 2]);
  const odd = wide({ m: 61, n: 511, k: 8, a: "rows", b: "rows" });
  assert.equal(names(odd.steps).at(-1), "partial,bias,partial,y");
  assert.equal(odd.scratch, { packedA: 4 * 64 * 8, packedB: 4 * 512 * 8, partial: 4 * 61 * 512 });
});

test("uniform panels lie inside their scratch, and the tiles of each span of k cover the outputs once", () => {
  const [m, n, k] = [300, 513, 517];
  const launch = gemmCandidates({ m, n, k, a: "k", b: "rows" }, UNTUNED)
    .find(({ name }) => name === "uniform panels")!.build();
  const products = launch.steps.filter(({ bindings }) => bindings.includes("y"));
  const spans = new Map<number, Uint8Array>();
  for (const { plan, bindings, windows } of products) {
    for (const [place, { byteOffset, byteLength }] of Object.entries(windows!)) {
      assert.ok(byteOffset % 256 === 0 && byteLength <= 65_536);
      assert.ok(byteOffset + byteLength <= launch.scratch[bindings[Number(place)]]);
    }
    const p = params(plan), span = windows![0].byteOffset / 65_536 % 9;
    const stored = spans.get(span) ?? new Uint8Array(m * n);
    spans.set(span, stored);
    for (let i = p.m0; i < Math.min(p.m, p.m0 + 8 * p.tiles_m); i++) {
      for (let j = p.n0; j < Math.min(p.n, p.n0 + 8 * p.tiles_n); j++) stored[i * n + j]++;
    }
    assert.is(p.k, Math.min(256, k - span * 64));
    assert.is(plan.program.constants!.ADD, span > 0 ? 1 : 0);
  }
  assert.equal([...spans.keys()], [0, 4, 8]);
  for (const stored of spans.values()) assert.ok(stored.every((count) => count === 1));
});

test("the windows bound for packing panels cover each operand once and end where its buffer does", () => {
  for (const [m, n, k] of [[300, 513, 517], [512, 512, 512], [127, 2000, 333]]) {
    const { steps } = gemmCandidates({ m, n, k, a: "k", b: "rows" }, UNTUNED)
      .find(({ name }) => name === "uniform panels")!.build();
    for (const [operand, size] of [["a", m * k], ["b", n * k]] as const) {
      let next = 0;
      for (
        const { plan, windows } of steps.filter(({ bindings }) => bindings[0] === operand && bindings.length === 2)
      ) {
        const { start, skip, end } = params(plan), { byteOffset, byteLength } = windows![0];
        assert.is(byteOffset, 4 * start);
        assert.ok(byteOffset % 256 === 0 && byteOffset + byteLength <= Math.ceil(4 * size / 256) * 256);
        assert.is(start + 4 * skip, next);
        assert.ok(plan.grid[0] * 64 >= 4096 - skip);
        assert.is(end, size);
        next = start + byteLength / 4;
      }
      assert.ok(next >= size);
    }
  }
});

test("a shape's class names layout, steps of the sizes and a bucket of the batch", () => {
  const shape = { m: 5, n: 6, k: 7, a: "k", b: "rows" } as const;
  assert.is(gemmClass(shape), "gemm nn 6x6x8");
  assert.is(gemmClass({ ...shape, b: "k", batch: { count: 5, a: 35, b: 0 } }), "gemm nt 6x6x8 x8");
});

test("GPUs get tiles in workgroup memory and rows for vectors, and subgroups only where they are offered", () => {
  const named = (m: number, n: number, k: number, features: Feature[] = []) => {
    const candidates = gemmCandidates({ m, n, k, a: "k", b: "k" }, { profile: PROFILES.desktop, features });
    return choose("", candidates, UNTUNED).name;
  };
  assert.is(named(512, 512, 512), "registers 8x8, 8 slices");
  assert.is(named(1024, 1024, 1024), "workgroup 128x64");
  assert.is(named(1, 1000, 512), "row per workgroup");
  assert.is(named(1, 1000, 512, ["subgroups"]), "row per workgroup, subgroups");
});

test("f16 is a class of its own that only tiles serve, with b rounded in advance", () => {
  const shape = { m: 5, n: 6, k: 7, a: "k", b: "rows", storage: "f16" } as const;
  assert.is(gemmClass(shape), "gemm nn 6x6x8 f16");
  const launch = planGemm(shape);
  checkLaunch(launch, OPERANDS);
  checkLaunch(launch, OPERANDS, launch.prepare);
  assert.equal(launch.steps.map(({ bindings }) => bindings[1]), ["halfB"]);
  assert.is(launch.scratch.halfB, 84);
});

test("tiles in workgroup memory cover the outputs, and their splits k", () => {
  for (const [m, n, k] of [[17, 33, 70], [65, 129, 300], [100, 64, 5]]) {
    for (const { name, build } of gemmCandidates({ m, n, k, a: "k", b: "k" }, { profile: PROFILES.desktop })) {
      if (!name.startsWith("workgroup")) continue;
      const { plan } = build().steps[0], p = params(plan), { MB, NB } = plan.program.constants!;
      assert.is(name, `workgroup ${32 * MB}x${32 * NB}`);
      assert.is(p.tiles_m * p.tiles_n, plan.grid[0] * plan.grid[1]);
      for (const [tiles, side, size] of [[p.tiles_m, 32 * MB, m], [p.tiles_n, 32 * NB, n]]) {
        assert.ok(tiles * side >= size && (tiles - 1) * side < size);
      }
      assert.ok(p.chunk % 4 === 0 && p.chunk * plan.grid[2] >= k && p.chunk * (plan.grid[2] - 1) < k);
    }
  }
});

test("tiles read in fours what lies at multiples of four, and units of 4 × 4 fill the threads", () => {
  for (const [a, b] of LAYOUTS) {
    for (const [m, n, k] of [[128, 64, 64], [127, 64, 64], [128, 63, 64], [128, 64, 65]]) {
      const shape = { m, n, k, a, b } as const;
      for (const { name, build } of gemmCandidates(shape, desktop).filter(({ name }) => name.startsWith("workgroup"))) {
        const { source, constants } = build().steps[0].plan.program, { MB, NB, STEP, Y_FOURS, UNROLLED } = constants!;
        const fours = (operand: string) => source.includes(`storage, read> ${operand}: array<vec4<f32>>`);
        assert.is(fours("a"), (a === "k" ? k : m) % 4 === 0, `${name} ${m}×${n}×${k} ${a}`);
        assert.is(fours("b"), (b === "k" ? k : n) % 4 === 0, `${name} ${m}×${n}×${k} ${b}`);
        assert.equal([Y_FOURS, UNROLLED], [n % 4 === 0 ? 1 : 0, 1]);
        // An operand has 32 · blocks rows of STEP numbers: one or two units for each of 64 threads.
        for (const blocks of [MB, NB]) assert.ok([1, 2].includes(32 * blocks * STEP / 16 / 64), name);
        assert.ok(16 * 8 * STEP * (MB + NB) <= 16_384, "workgroup memory of every device");
      }
    }
  }
  const halves = { m: 128, n: 64, k: 64, a: "k", b: "k", storage: "f16" } as const;
  assert.equal(gemmCandidates(halves, desktop).map(({ name }) => name), ["workgroup 32x32", "workgroup 64x64"]);
});

test("the slices of a workgroup share out k, which stays whole, on GPUs", () => {
  const shape = { m: 197, n: 576, k: 192, a: "k", b: "k", bias: "add" } as const;
  const sliced = (change: Partial<GemmShape>) =>
    gemmCandidates({ ...shape, ...change }, desktop).filter(({ name }) => name.includes("slices"));
  const names = (change: Partial<GemmShape>) => sliced(change).map(({ name }) => name);
  const all = ["4x4, 16", "4x4, 8", "8x8, 16", "8x8, 8", "8x8, 4"].map((way) => `registers ${way} slices`);
  assert.equal(names({}), all);
  for (const { build } of sliced({})) {
    const { steps } = build();
    assert.equal(steps.map(({ bindings }) => bindings), [["a", "b", "bias", "a", "y"]]);
  }
  // 13 × 36 tiles of 16 × 16 outputs, 13 × 18 of 16 × 32, 7 × 18 of 32 × 32, 7 × 9 of 32 × 64, 4 × 9 of 64 × 64.
  assert.equal(sliced({}).map(({ build }) => build().steps[0].plan.grid[0]), [468, 234, 126, 63, 36]);
  // A step of four slices has 16 k, one of eight 32, and half of 32 rows are too few for a tile of 32.
  assert.equal(names({ k: 31 }), all.slice(4));
  assert.equal(names({ m: 16 }), all.slice(0, 2));
  assert.equal(gemmCandidates(shape, UNTUNED).filter(({ name }) => name.includes("slices")), []);
});

test("slices are estimated by their loads, of which neighbours share eight, their multiply-adds and what adding up takes", () => {
  const waves = 8, profile = { ...desktop.profile, waves };
  const [way] = gemmCandidates({ m: 16, n: 16, k: 192, a: "k", b: "k" }, { profile })
    .filter(({ name }) => name === "registers 4x4, 16 slices");
  const { turnNs, blockNs, load4Ns, workgroup4Ns } = profile.gemm;
  // 16 slices of four k make three steps; a block takes four vec4 of each operand, and is written and read once.
  assert.is(way.cost, 3 * (turnNs + 8 * load4Ns / 8 + blockNs) + turnNs + 8 * workgroup4Ns);
});

test("a software adapter is offered square tiles alone, whose steps aren't unrolled", () => {
  const tiles = gemmCandidates({ m: 128, n: 64, k: 64, a: "k", b: "k" }, UNTUNED)
    .filter(({ name }) => name.startsWith("workgroup"));
  assert.equal(tiles.map(({ name }) => name), ["workgroup 32x32", "workgroup 64x64"]);
  for (const { build } of tiles) assert.is(build().steps[0].plan.program.constants!.UNROLLED, 0);
});

test("a measured winner is taken, and a batch beyond a grid's layers is refused", () => {
  const shape = { m: 512, n: 512, k: 512, a: "k", b: "k" } as const;
  const winners = { [gemmClass(shape)]: "registers 4x8" };
  const { BM, BN } = planGemm(shape, { ...UNTUNED, winners }).steps[0].plan.program.constants!;
  assert.equal([BM, BN], [1, 2]);
  assert.throws(() => planGemm({ ...shape, batch: { count: 70_000, a: 0, b: 0 } }), /batch of 70000/);
});

/** Which elements the threads of gemm.wgsl store. */
function* stores(plan: Plan): Generator<number> {
  const p = params(plan), { BM, BN } = plan.program.constants!;
  for (const [x, y, z] of threads(plan)) {
    const tile = x + y * p.row;
    if (tile >= p.tiles_m * p.tiles_n) continue;
    const m0 = Math.floor(tile / p.tiles_n) * 4 * BM, n0 = tile % p.tiles_n * 4 * BN;
    for (let m = m0; m < Math.min(p.m, m0 + 4 * BM); m++) {
      for (let n = n0; n < Math.min(p.n, n0 + 4 * BN); n++) yield (z * p.m + m) * p.n + n;
    }
  }
}

test.run();
