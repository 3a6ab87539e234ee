import { suite } from "uvu";
import * as assert from "uvu/assert";
import { planGemm } from "../../kernels/gemm/plan.ts";
import type { Plan } from "../../src/gpu/types.ts";
import { checkLaunch, coversOnce, params, threads } from "./launches.ts";

const test = suite("plan matrix products");

const SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 29, 64, 101];
const OPERANDS = ["a", "b", "bias", "residual", "y"];
const LAYOUTS = [["k", "k"], ["k", "rows"], ["rows", "rows"]] as const;

test("every output of every split is stored exactly once, and the splits cover k", () => {
  for (const m of SIZES) {
    for (const n of SIZES) {
      for (const k of [1, 4, 63, 64, 129, 800]) {
        for (const threadsWanted of [1, 256, 8192]) {
          const launch = planGemm({ m, n, k, a: "k", b: "k" }, { threads: threadsWanted });
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
  const whole = planGemm({ m: 64, n: 512, k: 8, a: "k", b: "k", ...epilogue });
  assert.equal(whole.steps.map((s) => s.bindings), [["a", "b", "bias", "residual", "y"]]);
  const split = planGemm({ m: 1, n: 8, k: 512, a: "k", b: "k", ...epilogue });
  assert.equal(split.steps.map((s) => s.bindings.at(-1)), ["partial", "y"]);
  assert.equal(split.steps.map((s) => s.plan.program.constants!.ACTIVATION), [0, 1]);
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
