/** Matrix products in f16: what they sum up, where they are offered, and that proofs take none. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { HALF_ERROR } from "../../kernels/arithmetic.ts";
import { PROFILES } from "../../kernels/device_profile.ts";
import { gemmCandidates, type GemmShape, planGemm } from "../../kernels/gemm/plan.ts";
import type { Tuning } from "../../kernels/tuning.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { cast } from "../../src/graph/plan_storage.ts";
import { launch } from "../../src/tensor/ops/launch.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { drawn, nightly } from "../long.ts";
import { matmul64, noise } from "./reference64.ts";

const test = suite("matrix products in f16");
/** A card that one tile keeps busy, so that a software adapter has little to compute. */
const CARD = { ...PROFILES.desktop, waves: 1 };
const HALF: Tuning = { profile: CARD, products: "f16" };
const isHalf = ({ steps: [{ plan }] }: ReturnType<typeof planGemm>) => plan.program.name.endsWith("products in f16");

function tilesOf(shape: GemmShape, tuning: Tuning) {
  return gemmCandidates(shape, tuning).filter(({ name }) => name.startsWith("workgroup"));
}

/** [m, n, k]: in fours with whole steps and a rest, and nothing in fours. */
const SIZES = [[36, 44, 72], [35, 41, 77], [131, 70, 333]].slice(0, drawn({ suite: 2, nightly: 3 }));
const LAYOUTS = ([["k", "k"], ["k", "rows"], ["rows", "k"], ["rows", "rows"]] as const)
  .slice(0, drawn({ suite: 2, nightly: 4 }));

for (const [i, [m, n, k]] of SIZES.entries()) {
  for (const [a, b] of nightly ? LAYOUTS : [LAYOUTS[i]]) {
    test(`${m}×${n}×${k}, a along ${a}, b along ${b}: within the error that they state, kept in f16 or not`, async () => {
      const gpu = await testGpu();
      const left = noise(m * k, 1).map(Math.f16round), right = noise(n * k, 2).map(Math.f16round), bias = noise(n, 3);
      using ta = Tensor.from(gpu, left, [m * k]);
      using tb = Tensor.from(gpu, right, [n * k]);
      using tbias = Tensor.from(gpu, bias, [n]);
      using ha = Tensor.empty(gpu, [m * k], "f16");
      using hb = Tensor.empty(gpu, [n * k], "f16");
      cast(gpu, ta, ha, "a");
      cast(gpu, tb, hb, "b");
      const [aRow, aCol] = a === "k" ? [k, 1] : [1, m], [bRow, bCol] = b === "k" ? [k, 1] : [1, n];
      const { value, magnitude } = matmul64(
        ...[m, n, k] as const,
        (i, t) => left[i * aRow + t * aCol],
        (j, t) => right[j * bRow + t * bCol],
      );
      const expected = value.map((v, i) => v + bias[i % n]);
      const tiles = tilesOf({ m, n, k, a, b, bias: "add" }, HALF).filter(({ name }) => nightly || /32x32$/.test(name));
      assert.ok(tiles.length > 0);
      for (const { name, build, error } of tiles) {
        const found: Float32Array[] = [];
        for (const [a, b] of [[ta, tb], [ha, hb]]) {
          using y = Tensor.empty(gpu, [m * n]);
          launch(gpu, build(), { a, b, bias: tbias, y }, name);
          found.push(await y.read());
        }
        assert.is(error, HALF_ERROR);
        assert.ok(isHalf(build()));
        assert.equal(found[0], found[1], "f16 in the buffers changes nothing");
        const { maxRel } = compareOutputs(expected, found[0]);
        assert.ok(maxRel <= HALF_ERROR, `${name}: ${maxRel}`);
        assert.ok(maxRel > 1e-5, `${name}: ${maxRel} is what f32 would do`);
        // Each of sixteen roundings is up to 2⁻¹¹ of what is added up by then.
        const off = expected.findIndex((v, i) => Math.abs(found[0][i] - v) > 16 * 2 ** -11 * magnitude[i] + 1e-6);
        assert.is(off, -1, name);
      }
    });
  }
}

test("2,304 ones are summed up exactly, which no sum in f16 alone holds", async () => {
  const gpu = await testGpu();
  const [m, n, k] = [32, 32, 2304];
  using a = Tensor.from(gpu, new Float32Array(m * k).fill(1), [m * k]);
  // 1 + 2⁻¹⁰ is the number of f16 behind 1.
  using b = Tensor.from(gpu, new Float32Array(n * k).fill(1 + 2 ** -10), [n * k]);
  using y = Tensor.empty(gpu, [m * n]);
  const [tile] = tilesOf({ m, n, k, a: "k", b: "k" }, HALF);
  launch(gpu, tile.build(), { a, b, y }, "ones");
  assert.is((await y.read())[4], 2304 * (1 + 2 ** -10));
});

test("GPUs that are faster for them take them, by tiles that hold sums of both kinds; proofs and processors don't", () => {
  const shape: GemmShape = { m: 1024, n: 1024, k: 1024, a: "k", b: "k" };
  const half = (tuning: Tuning, of = shape) => tilesOf(of, tuning).map(({ name, build }) => [name, isHalf(build())]);
  const { profile } = HALF;
  assert.equal(half(HALF), [
    ["workgroup 32x32", true],
    ["workgroup 64x32", true],
    ["workgroup 32x64", true],
    ["workgroup 64x64", true],
  ]);
  assert.ok(isHalf(planGemm(shape, { profile: PROFILES.desktop, products: "f16" })));
  for (
    const [tuning, of] of [
      [{ profile }],
      [{ profile, products: "f16", exact: true }],
      [{ profile: PROFILES.software, products: "f16" }],
      // b is unpacked one by one there.
      [HALF, { ...shape, storage: "f16" }],
    ] satisfies [Tuning, GemmShape?][]
  ) {
    const found = half(tuning, of);
    assert.ok(found.length > 1 && found.every(([, inHalf]) => !inHalf), `${found}`);
    assert.ok(tilesOf(of ?? shape, tuning).every(({ error }) => error === undefined));
  }
});

test("the estimate counts two multiply-adds as one, another for eight, and half of the workgroup memory's time", () => {
  const [{ cost }] = tilesOf({ m: 32, n: 32, k: 64, a: "k", b: "k" }, HALF);
  // For each k a 32nd of a turn (27 ns), two reads of a vec4 (2), a quarter of a block of 64 (26 · 5/8), and of two
  // operands an eighth of a load (80 / 4) and a write (2).
  const expected = 64 * (27 / 32 + 2 * 2 + 26 * 5 / 8 / 4 + 2 * (20 + 2) / 8);
  assert.ok(Math.abs(cost - expected) <= 1e-9 * expected, `${cost}, expected ${expected}`);
});

test.run();
