import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { arenaLayout, createArena } from "../../src/tensor/arena.ts";
import { createOptimizer } from "../../src/tensor/optimizer.ts";
import {
  decodeResiduals,
  type GroupLayout,
  groupLayout,
  groupNorms,
  projectUpdates,
  pullTargets,
  rescaleDual,
  type Residual,
  selectTopK,
} from "../../src/tensor/project.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";

/** ADMM on problems whose optimum is known, through the device's projections, duals, targets and optimizer alone. */
const test = suite("ADMM on convex problems");

/** ½‖Aw − b‖², w with at most k non-zeros. */
const ROWS = 40, COLUMNS = 12, K = 4;

test("k-sparse least squares: ADMM ends at the optimum over all supports, its residuals at 0", async () => {
  const { gram, moment } = leastSquares();
  const best = bestSupport(gram, moment);
  const run = await admm(await testGpu(), gram, moment, { rho: (t) => 4 * 1.1 ** Math.min(t, 20), rescale: "yes" });
  assert.equal([...run.z.keys()].filter((i) => run.z[i] !== 0), best.support);
  best.support.forEach((i, j) => near(run.z[i], best.w[j], 1e-4));
  const [first, last] = [run.residuals[0], run.residuals.at(-1)!];
  assert.ok(first.gap / first.weight > 0.05, "the problem starts away from its solution");
  assert.ok(last.gap / last.weight < 1e-5 && last.change / last.target < 1e-5, JSON.stringify(last));
  assert.ok(run.dualResiduals.at(-1)! < 1e-3 * Math.max(...run.dualResiduals));
});

test("a change of rho leaves the dual y = rho·U where it is with the rescale, and makes it jump without", async () => {
  const gpu = await testGpu();
  const { gram, moment } = leastSquares();
  // One change, tenfold, after 8 iterations.
  const rho = (t: number) => t < 8 ? 5 : 50;
  const [scaled, unscaled] = [
    await admm(gpu, gram, moment, { rho, rescale: "yes", iterations: 9 }),
    await admm(gpu, gram, moment, { rho, rescale: "no", iterations: 9 }),
  ];
  const jump = ({ left, seen }: typeof scaled) => Math.max(...seen[8].map((y, i) => Math.abs(y - left[7][i])));
  const scale = Math.max(...scaled.left[7].map(Math.abs));
  assert.ok(scale > 0.01);
  assert.ok(jump(scaled) < 1e-6 * scale, `jump ${jump(scaled)} of ${scale}`);
  near(jump(unscaled), 9 * scale, 1e-3 * scale);
});

test("filters and columns of one tensor, all on the device: the pull of two constraints meets both", async () => {
  const gpu = await testGpu();
  // f = ½‖W − B‖², as weight decay 1 and the constant gradient −B, where a row and a column structure stand out.
  const shape = [6, 4, 2, 1];
  const big = (f: number, column: number) => f % 2 === 0 && column % 3 !== 0;
  const b = Float32Array.from({ length: 48 }, (_, e) => {
    const [f, column] = [Math.floor(e / 8), e % 8];
    return (big(f, column) ? 1 : 0.1) * (1 + 0.1 * Math.sin(e + 1)) * (e % 2 ? 1 : -1);
  });
  const constraints = [
    { layout: groupLayout("filter", shape), k: 3, rho: 0.5, ...duals(gpu, 48, 6) },
    { layout: groupLayout("column", shape), k: 5, rho: 0.25, ...duals(gpu, 48, 8) },
  ];
  const layout = arenaLayout([{ name: "w", shape }]);
  using weights = createArena(gpu, layout, "weights");
  using gradients = createArena(gpu, layout, "gradients");
  using target = createArena(gpu, layout, "target");
  using optimizer = createOptimizer(gpu, layout, { kind: "sgd", momentum: 0.5 });
  using residuals = Tensor.empty(gpu, [2, 4]);
  weights.upload(new Map([["w", { shape, data: b.slice() }]]));
  gradients.upload(new Map([["w", { shape, data: b.map((v) => -v) }]]));
  const rhoTotal = 0.75;
  optimizer.setSegments(() => ({ weightDecay: 1, rho: rhoTotal }));
  const w = weights.tensor("w");
  const project = (dual: "update" | "hold") => {
    step(gpu, w, constraints.map((c) => ({ ...c, dual })), residuals);
    pullTargets(gpu, [{ constraints, target: target.tensor("w") }]);
  };
  project("hold");
  for (let t = 0; t < 40; t++) {
    for (let s = 0; s < 25; s++) optimizer.step({ lr: 0.25, weights, gradients, target });
    project("update");
  }
  for (const { gap, weight } of decodeResiduals(await residuals.read())) assert.ok(gap / weight < 1e-4);
  const got = await w.read();
  const keep = await Promise.all(constraints.map((c) => c.keep.read()));
  assert.equal(keep, [new Float32Array([1, 0, 1, 0, 1, 0]), new Float32Array([0, 1, 1, 0, 1, 1, 0, 1])]);
  b.forEach((v, e) => near(got[e], big(Math.floor(e / 8), e % 8) ? v : 0, 1e-3));
  for (const c of constraints) for (const t of [c.u, c.z, c.keep, c.scores, c.status]) t.dispose();
});

interface AdmmOptions {
  readonly rho: (iteration: number) => number;
  readonly rescale: "yes" | "no";
  readonly iterations?: number;
}

/**
 * The W-step is closed form on the host, (AᵀA + ρI) w = Aᵀb + ρT; projection, dual, target and rescale are the device's.
 * `seen[t]` is y = ρU as the W-step of iteration t sees it, `left[t]` as iteration t leaves it.
 */
async function admm(gpu: Gpu, gram: number[][], moment: number[], { rho, rescale, iterations = 60 }: AdmmOptions) {
  const layout = groupLayout("element", [COLUMNS]);
  const { u, z, keep, scores, status } = duals(gpu, COLUMNS, COLUMNS);
  using w = Tensor.from(gpu, Float32Array.from(solve(gram, moment)), [COLUMNS]);
  using target = Tensor.empty(gpu, [COLUMNS]);
  using residuals = Tensor.empty(gpu, [1, 4]);
  const constraint = { layout, k: K, u, z, keep, scores, status };
  const history: Residual[] = [], dualResiduals: number[] = [];
  const left: number[][] = [], seen: number[][] = [];
  step(gpu, w, [{ ...constraint, dual: "hold" }], residuals);
  for (let t = 0; t < iterations; t++) {
    if (t > 0 && rho(t) !== rho(t - 1) && rescale === "yes") rescaleDual(gpu, u, rho(t - 1), rho(t));
    pullTargets(gpu, [{ constraints: [{ z, u, rho: rho(t) }], target }]);
    const [pull, dual] = (await gpu.readMany([target, u])).map((bytes) => new Float32Array(bytes));
    seen.push([...dual].map((v) => rho(t) * v));
    const system = gram.map((row, i) => row.map((v, j) => v + (i === j ? rho(t) : 0)));
    gpu.write(w, Float32Array.from(solve(system, moment.map((v, i) => v + rho(t) * pull[i]))));
    step(gpu, w, [{ ...constraint, dual: "update" }], residuals);
    const [norms, updated] = (await gpu.readMany([residuals, u])).map((bytes) => new Float32Array(bytes));
    history.push(decodeResiduals(norms)[0]);
    left.push([...updated].map((v) => rho(t) * v));
    dualResiduals.push(rho(t) * history.at(-1)!.change);
  }
  const final = await z.read();
  for (const t of [u, z, keep, scores, status]) t.dispose();
  return { z: final, residuals: history, dualResiduals, left, seen };
}

interface Step {
  readonly layout: GroupLayout;
  readonly k: number;
  readonly u: Tensor;
  readonly z: Tensor;
  readonly keep: Tensor;
  readonly scores: Tensor;
  readonly status: Tensor;
  readonly dual: "update" | "hold";
}

function step(gpu: Gpu, w: Tensor, steps: readonly Step[], residuals: Tensor): void {
  for (const { layout, k, u, keep, scores, status } of steps) {
    groupNorms(gpu, w, u, layout, scores);
    selectTopK(gpu, scores, [{ offset: 0, groups: layout.groups, k }], keep, status);
  }
  projectUpdates(gpu, steps.map((update) => ({ w, ...update })), residuals);
}

function duals(gpu: Gpu, size: number, groups: number) {
  return {
    u: Tensor.zeros(gpu, [size]),
    z: Tensor.zeros(gpu, [size]),
    keep: Tensor.empty(gpu, [groups]),
    scores: Tensor.empty(gpu, [groups]),
    status: Tensor.empty(gpu, [1]),
  };
}

/** A fixed problem: correlated columns, four true coefficients well above the noise. AᵀA and Aᵀb. */
function leastSquares(): { gram: number[][]; moment: number[] } {
  const a = Array.from({ length: ROWS }, (_, r) => {
    return Array.from({ length: COLUMNS }, (_, c) => Math.sin(1.7 * r * (c + 1) + c * c) + 0.3 * Math.cos(0.9 * r));
  });
  const truth = [0, 2, 0, 0, -1.5, 0, 0, 1, 0, 0, 0, -0.8];
  const b = a.map((row, r) => row.reduce((sum, v, c) => sum + v * truth[c], 0) + 0.6 * Math.sin(37 * r + 2));
  return {
    gram: truth.map((_, i) => truth.map((_, j) => a.reduce((sum, row) => sum + row[i] * row[j], 0))),
    moment: truth.map((_, i) => a.reduce((sum, row, r) => sum + row[i] * b[r], 0)),
  };
}

/** The least-squares fit on the best of all supports of K columns. */
function bestSupport(gram: number[][], moment: number[]): { support: number[]; w: number[] } {
  let best = { support: [] as number[], w: [] as number[], gain: -Infinity };
  for (let bits = 0; bits < 2 ** COLUMNS; bits++) {
    const support = moment.map((_, i) => i).filter((i) => bits >> i & 1);
    if (support.length !== K) continue;
    const w = solve(support.map((i) => support.map((j) => gram[i][j])), support.map((i) => moment[i]));
    const gain = support.reduce((sum, i, j) => sum + moment[i] * w[j], 0);
    if (gain > best.gain) best = { support, w, gain };
  }
  return best;
}

/** Gaussian elimination of a symmetric positive definite system in float64. */
function solve(matrix: number[][], right: number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]]);
  rows.forEach((pivot, i) => {
    for (const row of rows.slice(i + 1)) {
      const factor = row[i] / pivot[i];
      for (let j = i; j < row.length; j++) row[j] -= factor * pivot[j];
    }
  });
  const x = new Array<number>(right.length).fill(0);
  for (let i = right.length - 1; i >= 0; i--) {
    x[i] = (rows[i][right.length] - x.reduce((sum, v, j) => j > i ? sum + rows[i][j] * v : sum, 0)) / rows[i][i];
  }
  return x;
}

function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual}, expected ${expected} ± ${tolerance}`);
}

test.run();
