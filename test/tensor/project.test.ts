import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu } from "../../src/gpu/gpu.ts";
import {
  checkStatus,
  decodeResiduals,
  expandMask,
  type Granularity,
  type GroupLayout,
  groupLayout,
  groupNorms,
  type ProjectUpdate,
  projectUpdates,
  pullTargets,
  rescaleDual,
  scaleGroups,
  selectRuns,
  selectTopK,
  selectWeights,
  shrinkFactors,
} from "../../src/tensor/project.ts";
import { createArena } from "../../src/tensor/arena.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { keyWindows, planLongTopK } from "../../kernels/project/topk_long.ts";
import type { Slice } from "../../src/gpu/gpu.ts";
import { launch } from "../../src/tensor/ops/launch.ts";
import { testGpu } from "../gpu.ts";

const test = suite("project");

const kinds: Granularity[] = ["filter", "channel", "column", "kernel", "element"];

for (const kind of kinds) {
  test(`${kind} norms of integer weights are exact for odd shapes`, async () => {
    const gpu = await testGpu();
    for (const shape of [[1], [13], [7, 5], [5, 3, 3, 3], [1, 65, 1, 7], [31, 1, 5, 5], [3, 300]]) {
      const layout = groupLayout(kind, shape);
      const w = integers(shape, 4, 1), u = integers(shape, 4, 2), frozen = integers(shape, 1, 3).map(Math.abs);
      using tw = Tensor.from(gpu, w, shape);
      using tu = Tensor.from(gpu, u, shape);
      using tf = Tensor.from(gpu, frozen, shape);
      using scores = Tensor.empty(gpu, [layout.groups]);
      const what = `${kind} of [${shape}]`;
      groupNorms(gpu, tw, undefined, layout, scores);
      const first = hostNorms(layout, w);
      assert.equal([...await scores.read()], first, what);
      groupNorms(gpu, tw, tu, layout, scores, { accumulate: true, scale: 0.5 });
      const second = hostNorms(layout, w.map((v, i) => v + u[i])).map((v, g) => first[g] + 0.5 * v);
      assert.equal([...await scores.read()], second, `${what}, W + U`);
      groupNorms(gpu, tw, tu, layout, scores, { frozen: tf });
      const masked = hostNorms(layout, w.map((v, i) => frozen[i] ? v + u[i] : 0));
      assert.equal([...await scores.read()], masked, `${what}, frozen`);
    }
  });
}

test("long groups, in one workgroup or in shares, equal float64 sums, the same bits each time", async () => {
  const gpu = await testGpu();
  const cases: GroupLayout[] = [
    { F: 1, C: 100_003, KK: 1, gf: 0, gc: 0, gk: 0, groups: 1 },
    groupLayout("filter", [3, 9001, 3]),
    groupLayout("channel", [2003, 5, 3]),
    groupLayout("filter", [130, 97, 3]),
    groupLayout("column", [129, 300]),
    // More workgroups than one dimension of a grid holds.
    groupLayout("kernel", [257, 257, 33]),
  ];
  for (const layout of cases) {
    const size = layout.F * layout.C * layout.KK;
    const w = uniform(size, 5);
    using tw = Tensor.from(gpu, w, [size]);
    using scores = Tensor.from(gpu, new Float32Array(layout.groups).fill(7), [layout.groups]);
    groupNorms(gpu, tw, undefined, layout, scores, { accumulate: true, scale: 2 });
    const got = await scores.read();
    hostNorms(layout, w).forEach((v, g) => {
      assert.ok(Math.abs(got[g] - (7 + 2 * v)) <= 1e-5 * (7 + 2 * v), `group ${g}: ${got[g]}, expected ${7 + 2 * v}`);
    });
    gpu.write(scores, new Float32Array(layout.groups).fill(7));
    groupNorms(gpu, tw, undefined, layout, scores, { accumulate: true, scale: 2 });
    assert.equal(await scores.read(), got);
  }
});

test("top-k keeps exactly k, by (score desc, index asc), for 1 … 70,000 groups under heavy ties", async () => {
  const gpu = await testGpu();
  for (const groups of [1, 2, 3, 63, 255, 256, 257, 1000, 4095, 4096, 4097, 8191, 8193, 65_537, 70_000]) {
    const kinds: [string, Float32Array][] = [
      ["all equal", new Float32Array(groups).fill(3)],
      ["all zero", new Float32Array(groups)],
      ["three values", uniform(groups, 11).map((v) => [0, 1.5, 1.5000001][Math.floor((v + 1) * 1.5)])],
      ["spread", uniform(groups, 12).map((v) => Math.exp(20 * v))],
    ];
    const ks = [...new Set([0, 1, Math.floor(groups / 3), groups - 1, groups])];
    for (const [what, scores] of groups > 10_000 ? kinds.slice(1, 3) : kinds) {
      const masks = await selectAll(gpu, scores, ks);
      ks.forEach((k, i) => assert.equal(masks[i], hostTopK(scores, k), `${what}, ${k} of ${groups}`));
    }
  }
});

test("every float bit pattern orders: denormals, −0, negatives, infinity; NaN and infinity are reported", async () => {
  const gpu = await testGpu();
  const some = [-0, 1e-45, 1e-38, 1, 1.0000001, 3e38, -1, -1e-40, -2, 0, Infinity, NaN];
  for (const groups of [12, 5000]) {
    const scores = Float32Array.from({ length: groups }, (_, i) => some[i % 12]);
    using t = Tensor.from(gpu, scores, [groups]);
    using mask = Tensor.empty(gpu, [groups]);
    using status = Tensor.empty(gpu, [1]);
    for (const k of [1, 3, Math.floor(groups * 2 / 3), groups - 2]) {
      selectTopK(gpu, t, [{ offset: 0, groups, k }], mask, status);
      assert.equal(await mask.read(), hostTopK(scores, k), `${k} of ${groups}`);
      assert.is(await status.item(), scores.filter((v) => !Number.isFinite(v)).length);
    }
  }
  checkStatus(new Float32Array([0, 0]), ["a", "b"]);
  assert.throws(() => checkStatus(new Float32Array([0, 2]), ["a", "conv2 filters"]), /conv2 filters \(2\).*diverged/);
});

test("many selections in one buffer, short and long, do not disturb each other", async () => {
  const gpu = await testGpu();
  const lengths = [...Array.from({ length: 19 }, (_, i) => 1 + 7 * i), 5000, 4096, 9000];
  let end = 0;
  const selections = lengths.map((groups, i) => {
    const offset = end;
    end += Math.ceil(groups / 64) * 64;
    return { offset, groups, k: i % 3 === 0 ? Math.floor(groups / 2) : Math.min(groups, i) };
  });
  const scores = uniform(end, 21).map((v) => Math.floor(Math.abs(v) * 40));
  scores[selections[2].offset] = NaN;
  scores[selections[19].offset + 4999] = Infinity;
  using t = Tensor.from(gpu, scores, [end]);
  using mask = Tensor.from(gpu, new Float32Array(end).fill(9), [end]);
  using status = Tensor.empty(gpu, [lengths.length]);
  const dispatches = gpu.stats().dispatches;
  selectTopK(gpu, t, selections, mask, status);
  // Two for the short ones, and a chain for each long one.
  assert.is(gpu.stats().dispatches - dispatches, 2 + 2 * 14);
  const got = await mask.read();
  const expected = new Float32Array(end).fill(9);
  for (const { offset, groups, k } of selections) {
    expected.set(hostTopK(scores.subarray(offset, offset + groups), k), offset);
  }
  assert.equal(got, expected);
  assert.equal([...await status.read()], lengths.map((_, i) => Number(i === 2 || i === 19)));
  assert.throws(() => selectTopK(gpu, t, [{ offset: end - 1, groups: 2, k: 1 }], mask, status), /do not fit/);
});

test("a selection among hundreds of thousands of scores, which is sampled first, is still exact", async () => {
  const gpu = await testGpu();
  for (const groups of [262_144, 300_007]) {
    const cases: [string, Float32Array][] = [
      ["bell", bell(groups)],
      ["integers", uniform(groups, 32).map((v) => Math.floor(9 * v))],
      ["one of two", uniform(groups, 33).map((v) => Number(v > 0.3))],
      // A few threads meet all that is near the threshold, more than they can keep: all keys are counted instead.
      [
        "crowded",
        Float32Array.from({ length: groups }, (_, i) => (i >> 2) % 1280 < 40 ? 1e6 + i : i % 5 === 0 ? 1e8 : i),
      ],
    ];
    for (const [what, scores] of groups > 262_144 ? cases : cases.slice(0, 2)) {
      const ks = [1, Math.floor(groups / 5), groups - 1];
      const masks = await selectAll(gpu, scores, ks);
      const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
      ks.forEach((k, i) => {
        const expected = new Float32Array(groups);
        for (const e of order.subarray(0, k)) expected[e] = 1;
        assert.ok(masks[i].every((kept, e) => kept === expected[e]), `${what}, ${k} of ${groups}`);
      });
    }
  }
});

test("a selection over binding windows is the same as one over the whole", async () => {
  const gpu = await testGpu();
  const groups = 270_001;
  const scores = integers([groups], 50, 9).map(Math.abs);
  using whole = Tensor.from(gpu, scores, [groups]);
  using mask = Tensor.empty(gpu, [groups]);
  using parts = Tensor.empty(gpu, [groups]);
  using status = Tensor.empty(gpu, [2]);
  const windows = keyWindows(groups, 4 * 100_000);
  assert.is(windows.length, 3);
  const of = ({ buffer }: Tensor, i: number) => {
    const { first, count } = windows[i];
    return { buffer, byteOffset: 4 * first, byteLength: 4 * count };
  };
  for (const k of [5, 90_001, 200_000, groups]) {
    selectTopK(gpu, whole, [{ offset: 0, groups, k }], mask, status);
    const operands: Record<string, Slice> = { status };
    windows.forEach((_, i) => Object.assign(operands, { [`w${i}`]: of(whole, i), [`mask${i}`]: of(parts, i) }));
    launch(gpu, planLongTopK({ windows, k, slot: 1 }, "scores"), operands, "binding windows");
    const [a, b] = (await gpu.readMany([mask, parts])).map((bytes) => new Float32Array(bytes));
    assert.ok(a.every((kept, i) => kept === b[i]), `${k} kept`);
    assert.is(b.reduce((sum, kept) => sum + kept, 0), k);
  }
});

test("a selection of single weights ranks |w + u| without scores, frozen zeros last", async () => {
  const gpu = await testGpu();
  for (const groups of [5, 4097, 270_001]) {
    const w = integers([groups], 30, 1), u = integers([groups], 30, 2), frozen = integers([groups], 1, 3).map(Math.abs);
    using tw = Tensor.from(gpu, w, [groups]);
    using tu = Tensor.from(gpu, u, [groups]);
    using tf = Tensor.from(gpu, frozen, [groups]);
    using mask = Tensor.empty(gpu, [groups]);
    using status = Tensor.from(gpu, new Float32Array([7, 7, 7]), [3]);
    const k = Math.floor(groups / 3);
    for (const inputs of [{}, { u: tu }, { frozen: tf }, { u: tu, frozen: tf }]) {
      selectWeights(gpu, { w: tw, ...inputs, k }, mask, status, 1);
      const size = w.map((x, i) => "frozen" in inputs && !frozen[i] ? 0 : Math.abs(x + ("u" in inputs ? u[i] : 0)));
      const order = Uint32Array.from(size.keys()).sort((a, b) => size[b] - size[a] || a - b);
      const expected = new Float32Array(groups);
      for (const e of order.subarray(0, k)) expected[e] = 1;
      assert.ok((await mask.read()).every((kept, e) => kept === expected[e]), `${Object.keys(inputs)}, ${groups}`);
      assert.equal([...await status.read()], [7, 0, 7]);
    }
    gpu.write(tw, new Float32Array([NaN, -Infinity]));
    selectWeights(gpu, { w: tw, k }, mask, status, 2);
    assert.equal([...await status.read()], [7, 0, 2]);
  }
});

test("N:M keeps the n largest of each run of m in a row, ties to the lower index", async () => {
  const gpu = await testGpu();
  // Rows of whole fours, rows that end inside one, a last run of one weight; m = 4 and others.
  for (
    const [rows, length, n, m] of [[3, 8, 1, 4], [5, 9, 1, 4], [7, 27, 2, 4], [2, 3, 1, 4], [3, 11, 3, 5], [
      2,
      16,
      4,
      8,
    ]]
  ) {
    const shape = [rows, length];
    const w = integers(shape, 4, 1), u = integers(shape, 4, 2), frozen = integers(shape, 1, 3).map(Math.abs);
    using tw = Tensor.from(gpu, w, shape);
    using tu = Tensor.from(gpu, u, shape);
    using tf = Tensor.from(gpu, frozen, shape);
    using mask = Tensor.empty(gpu, shape);
    using status = Tensor.empty(gpu, [1]);
    selectRuns(gpu, { w: tw, u: tu, frozen: tf, length, n, m }, mask, status, 0);
    const size = w.map((v, i) => frozen[i] ? Math.abs(v + u[i]) : 0);
    const kept = Array.from(size, (mine, e) => {
      const begin = e - e % length % m, end = Math.min(begin + m, e - e % length + length);
      const before = Array.from(size.subarray(begin, end), (s, i) => s > mine || (s === mine && begin + i < e));
      return before.filter(Boolean).length < n ? 1 : 0;
    });
    assert.equal([...await mask.read()], kept, `${n}:${m} of [${shape}]`);
    assert.is(await status.item(), 0);
    gpu.write(tw, w.map((v, i) => i === length - 1 ? NaN : v));
    selectRuns(gpu, { w: tw, length, n, m }, mask, status, 0);
    assert.is(await status.item(), 1);
  }
});

for (const kind of kinds) {
  test(`${kind} projection equals brute force over all subsets`, async () => {
    const gpu = await testGpu();
    const shapes: Record<Granularity, number[][]> = {
      filter: [[12, 2, 3, 3], [7, 5]],
      channel: [[3, 11, 3, 3], [5, 6]],
      column: [[4, 3, 2, 2], [5, 9]],
      kernel: [[3, 4, 3, 3], [4, 3, 1, 5]],
      element: [[3, 2, 1, 2], [11]],
    };
    for (const shape of shapes[kind]) {
      for (const seed of [1, 2, 3]) {
        const layout = groupLayout(kind, shape);
        // Values −1, 0, 1: many groups have equal norms.
        const v = integers(shape, 1, 100 * seed);
        const k = 1 + (5 * seed) % (layout.groups - 1);
        const { z, keep } = await project(gpu, [{ layout, v }], k);
        const best = bruteForce(hostNorms(layout, v), k);
        assert.equal(keep, best, `${kind} of [${shape}], ${k} kept`);
        assert.equal(z[0], maskGroups(layout, v, best));
        const again = await project(gpu, [{ layout, v: z[0] }], k);
        assert.equal(again.z[0], z[0], "idempotent");
      }
    }
  });
}

test("a coupled projection makes one decision for its tensors, the best of all subsets", async () => {
  const gpu = await testGpu();
  for (const seed of [1, 2, 3, 4]) {
    const tensors = [[9, 2, 3, 3], [9], [9, 7]].map((shape, i) => ({
      layout: groupLayout("filter", shape),
      v: integers(shape, 2, 10 * seed + i),
    }));
    const norms = tensors.map(({ layout, v }) => hostNorms(layout, v));
    const best = bruteForce(norms[0].map((_, g) => norms.reduce((sum, n) => sum + n[g], 0)), 2 + seed);
    const { z, keep } = await project(gpu, tensors, 2 + seed);
    assert.equal(keep, best);
    tensors.forEach(({ layout, v }, i) => assert.equal(z[i], maskGroups(layout, v, best)));
  }
});

test("many tensors in one dispatch get the bits that each gets alone, whatever their sizes", async () => {
  const gpu = await testGpu();
  const shapes = [[5, 3, 3, 3], [37, 301], [3], [1, 1], [64, 66], [13, 7, 1, 1], [2, 4100]];
  const layouts = shapes.map((shape) => groupLayout("filter", shape));
  const arena = (seed: number, sizes: readonly number[]) => {
    const made = createArena(gpu, sizes.map((size, i) => ({ name: String(i), shape: [size] })), "tensors");
    made.upload(
      new Map(sizes.map((size, i) => [String(i), { shape: [size], data: Float32Array.from(uniform(size, seed + i)) }])),
    );
    return made;
  };
  const sizes = shapes.map(size), groups = layouts.map((layout) => layout.groups);
  const run = async (together: "together" | "alone") => {
    using stack = new DisposableStack();
    const [w, u, z, t] = [10, 20, 30, 40].map((seed) => stack.use(arena(seed, sizes)));
    const keep = stack.use(arena(50, groups));
    for (const [i, count] of groups.entries()) {
      keep.upload(new Map([[String(i), { shape: [count], data: uniform(count, 50 + i).map((v) => Number(v > 0)) }]]));
    }
    const updates = layouts.map((layout, i): ProjectUpdate => {
      const [tw, tu, tz, tk] = [w, u, z, keep].map((arena) => arena.tensor(String(i)));
      return { layout, w: tw, u: tu, z: tz, keep: tk };
    });
    const pulls = updates.map((update, i) => ({
      constraints: [{ z: update.z, u: update.u, rho: 0.3 }, { z: update.u, u: update.z, rho: 0.1 }],
      target: t.tensor(String(i)),
    }));
    const residuals = stack.use(Tensor.zeros(gpu, [shapes.length, 4]));
    const found: Float32Array[] = [], dispatches = gpu.stats().dispatches;
    if (together === "together") {
      projectUpdates(gpu, updates, residuals);
      pullTargets(gpu, pulls);
    } else {
      for (const [i, update] of updates.entries()) {
        using one = Tensor.zeros(gpu, [1, 4]);
        projectUpdates(gpu, [update], one);
        pullTargets(gpu, [pulls[i]]);
        found.push(await one.read());
      }
    }
    const count = gpu.stats().dispatches - dispatches;
    const sums = together === "together" ? [...await residuals.read()] : found.flatMap((data) => [...data]);
    const tensors = await Promise.all([u, z, t].map((arena) => arena.download()));
    return { sums, count, tensors: tensors.map((map) => [...map.values()].map(({ data }) => [...data])) };
  };
  const [all, alone] = [await run("together"), await run("alone")];
  assert.equal(all.sums, alone.sums);
  assert.equal(all.tensors, alone.tensors);
  // Rows of whole fours, of others, and of less than four elements are three variants; then the sums and two terms of the pull.
  assert.equal([all.count, alone.count], [3 + 1 + 2, 7 * 4]);
});

test("the Z- and U-step and its residuals equal the formulas, with frozen zeros and held duals", async () => {
  const gpu = await testGpu();
  for (const [kind, shape] of [["column", [5, 3, 3, 3]], ["filter", [37, 301]], ["channel", [7, 5, 1, 1]]] as const) {
    const layout = groupLayout(kind, shape);
    const w = uniform(size(shape), 1), u = uniform(size(shape), 2), z = uniform(size(shape), 3);
    const frozen = uniform(size(shape), 4).map((v) => Number(v > -0.6));
    const keep = uniform(layout.groups, 5).map((v) => Number(v > 0));
    using tw = Tensor.from(gpu, w, shape);
    using tf = Tensor.from(gpu, frozen, shape);
    using tk = Tensor.from(gpu, keep, [layout.groups]);
    using residuals = Tensor.from(gpu, new Float32Array(12).fill(-1), [3, 4]);
    for (const dual of ["update", "hold"] as const) {
      for (const fixed of [false, true]) {
        using tu = Tensor.from(gpu, u, shape);
        using tz = Tensor.from(gpu, z, shape);
        const update = { layout, w: tw, u: tu, z: tz, keep: tk, frozen: fixed ? tf : undefined, dual };
        projectUpdates(gpu, [update], residuals);
        const v = w.map((x, i) => fixed && !frozen[i] ? 0 : Math.fround(x + u[i]));
        const nextZ = maskGroups(layout, v, keep);
        const nextU = v.map((x, i) => dual === "hold" ? u[i] : x - nextZ[i]);
        assert.equal(await tz.read(), nextZ);
        assert.equal(await tu.read(), nextU);
        const data = await residuals.read();
        assert.ok(data[4] === -1 && data[8] === -1, "other slots are left alone");
        const [{ gap, weight, change, target }] = decodeResiduals(data);
        near(gap, norm(w.map((x, i) => x - nextZ[i])));
        near(weight, norm(w));
        near(change, norm(nextZ.map((x, i) => x - z[i])));
        near(target, norm(nextZ));
      }
    }
  }
});

test("the pull's target is the rho-weighted mean of Z − U; a rho change with the rescale keeps y = rho·U", async () => {
  const gpu = await testGpu();
  const n = 777;
  const host = [1, 2, 3, 4].map((seed) => uniform(n, seed));
  const [z1, u1, z2, u2] = host.map((data) => Tensor.from(gpu, data, [n]));
  using target = Tensor.from(gpu, new Float32Array(n).fill(NaN), [n]);
  pullTargets(gpu, [{ constraints: [{ z: z1, u: u1, rho: 0.3 }], target }]);
  assert.equal(await target.read(), host[0].map((z, i) => z - host[1][i]));
  pullTargets(gpu, [{ constraints: [{ z: z1, u: u1, rho: 0.3 }, { z: z2, u: u2, rho: 0.1 }], target }]);
  (await target.read()).forEach((t, i) => {
    near(t, 0.75 * (host[0][i] - host[1][i]) + 0.25 * (host[2][i] - host[3][i]), 1e-6);
  });
  assert.throws(() => pullTargets(gpu, [{ constraints: [{ z: z1, u: u1, rho: 0 }], target }]), /must be positive/);

  rescaleDual(gpu, u1, 0.3, 0.7);
  (await u1.read()).forEach((u, i) => near(0.7 * u, 0.3 * host[1][i], 1e-6));
  assert.throws(() => rescaleDual(gpu, u1, 1, 0), /must be positive/);
  for (const t of [z1, u1, z2, u2]) t.dispose();
});

test("expandMask intersects groups, earlier masks and weights that are already 0", async () => {
  const gpu = await testGpu();
  const shape = [6, 5, 3, 3];
  const filters = groupLayout("filter", shape), columns = groupLayout("column", shape);
  const w = integers(shape, 2, 9);
  const keepF = integers([6], 1, 1).map(Math.abs), keepC = integers([45], 1, 2).map(Math.abs);
  using mask = Tensor.from(gpu, new Float32Array(270).fill(1), shape);
  using bias = Tensor.from(gpu, new Float32Array(6).fill(1), [6]);
  using tw = Tensor.from(gpu, w, shape);
  using tf = Tensor.from(gpu, keepF, [6]);
  using tc = Tensor.from(gpu, keepC, [45]);
  const expected = maskGroups(columns, maskGroups(filters, new Float32Array(270).fill(1), keepF), keepC);
  expandMask(gpu, tf, filters, mask);
  expandMask(gpu, tf, groupLayout("filter", [6]), bias);
  expandMask(gpu, tc, columns, mask);
  assert.equal(await mask.read(), expected);
  assert.equal(await bias.read(), keepF);
  expandMask(gpu, tf, filters, mask, { freeze: tw });
  assert.equal(await mask.read(), expected.map((m, i) => w[i] === 0 ? 0 : m));
  assert.throws(() => expandMask(gpu, tf, filters, bias), /a slice of 6 elements, expected 270/);
});

test("the proximal step of the group lasso shortens groups, and makes 0 of those that are no longer than the threshold", async () => {
  const gpu = await testGpu();
  // √(9 + 16) = 5 loses 1 of 5, √0.25 is below 1, nothing stays nothing, and 1 is exactly the threshold.
  using norms = Tensor.from(gpu, Float32Array.of(25, 0.25, 0, 1, 4), [5]);
  using factors = Tensor.empty(gpu, [5]);
  shrinkFactors(gpu, norms, 1, factors);
  (await factors.read()).forEach((factor, g) => near(factor, [0.8, 0, 0, 0, 0.5][g], 1e-6));
  for (const kind of kinds) {
    for (const shape of [[1], [13], [7, 5], [5, 3, 3, 3], [1, 65, 1, 7], [31, 1, 5, 5], [3, 300]]) {
      const layout = groupLayout(kind, shape);
      const w = uniform(size(shape), 4), by = uniform(layout.groups, 5);
      using tw = Tensor.from(gpu, w, shape);
      using tf = Tensor.from(gpu, by, [layout.groups]);
      scaleGroups(gpu, tf, layout, tw);
      assert.equal(await tw.read(), w.map((v, e) => v * by[groupIndex(layout, e)]), `${kind} of [${shape}]`);
    }
  }
  assert.throws(
    () => scaleGroups(gpu, norms, groupLayout("filter", [6]), factors),
    /a slice of 5 elements, expected 6/,
  );
});

test("a projection leaves no buffer behind", async () => {
  const gpu = await testGpu();
  const layout = groupLayout("element", [70, 100]);
  const v = uniform(7000, 1);
  await project(gpu, [{ layout, v }], 30);
  const before = gpu.stats().liveBytes;
  for (let i = 0; i < 3; i++) await project(gpu, [{ layout, v }], 30 + i);
  assert.is(gpu.stats().liveBytes, before);
});

/** Π of coupled tensors V = W + 0 on the device. */
async function project(gpu: Gpu, tensors: readonly { layout: GroupLayout; v: Float32Array }[], k: number) {
  const groups = tensors[0].layout.groups;
  using scores = Tensor.empty(gpu, [groups]);
  using keep = Tensor.empty(gpu, [groups]);
  using status = Tensor.empty(gpu, [1]);
  using residuals = Tensor.empty(gpu, [tensors.length, 4]);
  const device = tensors.map(({ v }) => ({
    w: Tensor.from(gpu, v, [v.length]),
    u: Tensor.zeros(gpu, [v.length]),
    z: Tensor.zeros(gpu, [v.length]),
  }));
  tensors.forEach(({ layout }, i) => {
    groupNorms(gpu, device[i].w, device[i].u, layout, scores, { accumulate: i > 0 });
  });
  selectTopK(gpu, scores, [{ offset: 0, groups, k }], keep, status);
  projectUpdates(gpu, tensors.map(({ layout }, i): ProjectUpdate => ({ layout, ...device[i], keep })), residuals);
  const z = await Promise.all(device.map((d) => d.z.read()));
  const kept = await keep.read();
  for (const d of device) for (const t of [d.w, d.u, d.z]) t.dispose();
  return { z, keep: kept };
}

/** One selection of the same scores per k, read together. */
async function selectAll(gpu: Gpu, scores: Float32Array, ks: readonly number[]): Promise<Float32Array[]> {
  const groups = scores.length;
  using t = Tensor.from(gpu, scores, [groups]);
  using status = Tensor.empty(gpu, [1]);
  const masks = ks.map(() => Tensor.empty(gpu, [groups]));
  ks.forEach((k, i) => selectTopK(gpu, t, [{ offset: 0, groups, k }], masks[i], status));
  const read = (await gpu.readMany(masks)).map((bytes) => new Float32Array(bytes));
  for (const mask of masks) mask.dispose();
  return read;
}

/** The k-subset of the largest sum; among equals the one whose indices come first. At most 12 groups. */
function bruteForce(norms: readonly number[], k: number): Float32Array {
  const rank = (subset: number) => norms.map((_, g) => subset >> g & 1).join("");
  let best = -1, bestSum = -1;
  for (let subset = 0; subset < 2 ** norms.length; subset++) {
    const kept = norms.filter((_, g) => subset >> g & 1);
    if (kept.length !== k) continue;
    const sum = kept.reduce((a, b) => a + b, 0);
    if (sum > bestSum || (sum === bestSum && rank(subset) > rank(best))) [best, bestSum] = [subset, sum];
  }
  return Float32Array.from(norms, (_, g) => best >> g & 1);
}

function hostTopK(scores: Float32Array, k: number): Float32Array {
  const rank = (v: number) => Number.isNaN(v) ? [1, 0] : [0, v];
  const order = [...scores.keys()].sort((a, b) => {
    const [x, y] = [rank(scores[a]), rank(scores[b])];
    return y[0] - x[0] || (x[1] === y[1] ? 0 : y[1] > x[1] ? 1 : -1) || a - b;
  });
  const mask = new Float32Array(scores.length);
  for (const i of order.slice(0, k)) mask[i] = 1;
  return mask;
}

function groupIndex({ C, KK, gf, gc, gk }: GroupLayout, e: number): number {
  return Math.floor(e / (C * KK)) * gf + Math.floor(e / KK) % C * gc + e % KK * gk;
}

function hostNorms(layout: GroupLayout, v: Float32Array): number[] {
  const norms = new Array<number>(layout.groups).fill(0);
  v.forEach((x, e) => norms[groupIndex(layout, e)] += x * x);
  return norms;
}

function maskGroups(layout: GroupLayout, v: Float32Array, keep: Float32Array): Float32Array {
  return v.map((x, e) => keep[groupIndex(layout, e)] ? x : 0);
}

function bell(length: number): Float32Array {
  const [a, b] = [uniform(length, 41), uniform(length, 42)];
  return a.map((v, i) => v + b[i]);
}

function uniform(length: number, seed: number): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Integers in −most … most. */
function integers(shape: readonly number[], most: number, seed: number): Float32Array {
  return uniform(size(shape), seed).map((v) => Math.floor((v + 1) / 2 * (2 * most + 1)) - most);
}

function size(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

function norm(v: Float32Array): number {
  return Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
}

function near(actual: number, expected: number, tolerance = 1e-5 * Math.abs(expected) + 1e-6): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual}, expected ${expected}`);
}

test.run();
