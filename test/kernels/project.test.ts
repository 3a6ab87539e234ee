import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  axes,
  blockLayout,
  checkLayout,
  type GroupLayout,
  groupLayout,
  layoutSize,
  layoutWindows,
  punchedLayout,
  vectorLayout,
} from "../../kernels/project/layout.ts";
import { planPatterns, variants as patternVariants } from "../../kernels/project/pattern.ts";
import { planNorms, variants as normVariants } from "../../kernels/project/norms.ts";
import { planTopK, variants as topKVariants } from "../../kernels/project/topk.ts";
import { keyWindows, planLongTopK, planRuns, variants as longVariants } from "../../kernels/project/topk_long.ts";
import {
  planExpand,
  planPulls,
  planResiduals,
  planScale,
  planUpdates,
  updateKind,
  updatePartials,
  variants as updateVariants,
} from "../../kernels/project/update.ts";
import type { Plan } from "../../src/gpu/types.ts";

const test = suite("projection planners");

const shapes = [[1], [7], [20, 1, 5, 5], [16, 3, 3, 3], [512, 512, 3, 3], [500, 800], [4096, 25088], [1, 1_000_003]];
const kinds = ["filter", "channel", "column", "kernel", "element"] as const;
const layouts = [
  ...shapes.flatMap((shape) => kinds.map((kind) => groupLayout(kind, shape))),
  ...[[16, 3, 3, 3], [513, 511, 3, 3], [3, 2, 5, 7]].flatMap((shape) => [
    blockLayout(shape, [4, 4]),
    punchedLayout(shape, [8, 4]),
    vectorLayout(shape, "row"),
    vectorLayout(shape, "column"),
  ]),
];

test("group layouts number the groups by row, channel, column and element", () => {
  assert.equal(groupLayout("filter", [4, 3, 2, 2]), { F: 4, C: 3, KK: 4, gf: 1, gc: 0, gk: 0, groups: 4 });
  assert.equal(groupLayout("column", [4, 3, 2, 2]), { F: 4, C: 3, KK: 4, gf: 0, gc: 4, gk: 1, groups: 12 });
  assert.is(groupLayout("channel", [10, 6]).groups, 6);
  assert.is(groupLayout("kernel", [4, 3, 2, 2]).groups, 12);
  assert.is(groupLayout("element", [5]).groups, 5);
  for (const layout of layouts) {
    assert.ok(layout.groups * axes(layout).length >= layoutSize(layout));
    if (!layout.bf && !layout.bc) assert.is(layout.groups * axes(layout).length, layoutSize(layout));
  }
  const blocks = { F: 5, C: 18, KK: 1, gf: 5, gc: 1, gk: 0, bf: 4, bc: 4, groups: 10 };
  assert.equal(blockLayout([5, 2, 3, 3], [4, 4]), blocks);
  const punched = { F: 5, C: 3, KK: 9, gf: 18, gc: 9, gk: 1, bf: 4, bc: 2, groups: 36 };
  assert.equal(punchedLayout([5, 3, 3, 3], [4, 2]), punched);
  assert.is(vectorLayout([4, 3, 5, 2], "row").groups, 60);
  assert.is(vectorLayout([4, 3, 5, 2], "column").groups, 24);
});

test("a tensor above the binding limit is cut at whole blocks and aligned offsets", () => {
  for (const layout of layouts) {
    const most = 64 * (layout.bf ?? 1) * 4 * layout.C * layout.KK;
    const windows = layoutWindows(layout, most);
    assert.is(windows.reduce((sum, w) => sum + w.layout.F, 0), layout.F);
    let element = 0;
    for (const w of windows) {
      assert.is(w.element, element);
      element += layoutSize(w.layout);
      assert.ok(4 * layoutSize(w.layout) <= most || windows.length === 1);
      assert.ok(w.element % 64 === 0 && w.group % 64 === 0);
      if (layout.gf !== 0) checkLayout(w.layout);
    }
    const last = windows[windows.length - 1];
    assert.is(layout.gf === 0 ? last.layout.groups : last.group + last.layout.groups, layout.groups);
  }
  assert.throws(() => layoutWindows(groupLayout("filter", [65, 10]), 2000), /can't be cut/);
  const windows = keyWindows(100_000_000, 2 ** 27);
  assert.equal(windows.map(({ first }) => first), [0, 2 ** 25, 2 ** 26]);
  assert.is(windows[2].first + windows[2].count, 100_000_000);
});

test("layouts whose groups overlap or leave holes are refused", () => {
  const base = { F: 4, C: 3, KK: 2, gf: 0, gc: 0, gk: 0, groups: 4 };
  assert.throws(() => checkLayout({ ...base, gf: 1, gc: 1 }), /overlap or leave holes/);
  assert.throws(() => checkLayout({ ...base, gf: 2 }), /overlap or leave holes/);
  assert.throws(() => checkLayout({ ...base, gf: 1, groups: 5 }), /makes 4 groups, not 5/);
  assert.throws(() => checkLayout({ ...base, F: 0 }), /positive integers/);
  // Groups numbered with the channel as the fast axis are as good as any.
  checkLayout({ ...base, gf: 3, gc: 1, groups: 12 });
});

test("every grid stays within limits and covers its work", () => {
  for (const layout of layouts) {
    const norms = planNorms(layout, { write: "replace", scale: 1, inputs: ["dual", "frozen"] });
    const places = { w: 0, u: 0, z: 0, keep: 0, frozen: 0 }, count = layoutSize(layout);
    const { plan: update } = planUpdates([{ layout, places, partial: 0 }], { dual: "update", frozen: "none" });
    const { plan: pull } = planPulls([{ count, places: { z: 0, u: 0, t: 0 }, write: "add", share: 0.5 }]);
    const plans = [norms.first, norms.second, update, pull, planExpand(layout, "freeze"), planScale(count, 2)];
    for (const plan of plans) {
      if (plan) checkPlan(plan);
    }
    for (const plan of [norms.first, norms.second].filter((p) => p !== undefined)) {
      assert.ok(plan.uniforms[0] * plan.grid[1] >= plan.uniforms[1]);
    }
  }
});

test("tensors of one kind share a dispatch, each with its own workgroups, places and partial sums", () => {
  const filters = (F: number, C: number): GroupLayout => ({ F, C, KK: 1, gf: 1, gc: 0, gk: 0, groups: F });
  const [long, short] = [filters(300, 20), filters(3, 5)], options = { dual: "update", frozen: "none" } as const;
  // A thread takes 16 elements, so 6000 make six workgroups of 64.
  assert.equal([long, short].map(updatePartials), [6, 1]);
  // Rows of 5 are no whole fours, as rows of 20 are.
  assert.is.not(updateKind(long, options), updateKind(short, options));
  const { plan, table } = planUpdates([
    { layout: long, places: { w: 0, u: 64, z: 128, keep: 0, frozen: 192 }, partial: 0 },
    { layout: { ...long, F: 2, groups: 2 }, places: { w: 6016, u: 0, z: 0, keep: 320, frozen: 0 }, partial: 6 },
  ], options);
  assert.equal(plan.uniforms, [2, 7, 7]);
  // C, KK, gf, gc, gk, bf, bc and a row's length; start, workgroups, elements; places in fours; the first partial sum.
  assert.equal(table.slice(0, 17), [20, 1, 1, 0, 0, 1, 1, 20, 0, 6, 6000, 0, 16, 32, 0, 48, 0]);
  assert.equal(table.slice(17), [20, 1, 1, 0, 0, 1, 1, 20, 6, 1, 40, 1504, 0, 0, 80, 0, 6]);
  const sums = planResiduals([{ first: 0, count: 6, slot: 0 }, { first: 6, count: 1, slot: 4 }]);
  assert.equal([sums.plan.grid, sums.table], [[2, 1, 1], [0, 6, 0, 6, 1, 4]]);
  const pulls = planPulls([
    { count: 65, places: { z: 0, u: 64, t: 128 }, write: "replace", share: 1 },
    { count: 64, places: { z: 128, u: 0, t: 0 }, write: "add", share: 0.5 },
  ]);
  assert.equal(pulls.plan.uniforms, [2, 3, 3]);
  assert.equal(pulls.table, [0, 65, 0, 64, 128, 0, 0x3f800000, 2, 64, 128, 0, 0, 1, 0x3f000000]);
});

test("few long groups are cut into shares, and the shares cover the group", () => {
  const plan = (layout: GroupLayout) => planNorms(layout, { write: "add", scale: 3, inputs: [] });
  const whole = plan({ F: 1000, C: 1000, KK: 1, gf: 0, gc: 0, gk: 0, groups: 1 });
  const [, count, splits, share, length] = whole.first.uniforms;
  assert.ok(splits > 1 && share * splits >= length && share * (splits - 1) < length);
  assert.is(whole.partials, count);
  assert.is(whole.second!.uniforms[1], 1);
  // Scale and accumulation belong to the last stage alone.
  assert.equal(whole.first.uniforms.slice(-2), [0, 0x3f800000]);
  assert.equal(whole.second!.uniforms.slice(-2), [1, 0x40400000]);
  assert.is(plan(groupLayout("filter", [64, 64, 3, 3])).second, undefined);
  assert.is(plan(groupLayout("element", [64, 64, 3, 3])).first.program.name, "group norms (thread)");
  assert.is(plan(groupLayout("column", [500, 801])).first.program.name, "group norms (thread)");
  assert.is(plan(groupLayout("column", [500, 800])).first.program.name, "group norms (columns)");
  assert.is(plan(groupLayout("channel", [500, 80, 3, 3])).first.program.name, "group norms (columns)");
  assert.is(plan(groupLayout("filter", [500, 800])).first.program.name, "group norms (rows)");
  assert.is(plan(groupLayout("filter", [500, 801])).first.program.name, "group norms (rows)");
  assert.is(plan(groupLayout("channel", [9, 5, 7, 7])).first.program.name, "group norms (workgroup)");
  assert.is(plan(blockLayout([500, 800], [32, 32])).first.program.name, "group norms (thread)");
});

test("short selections share dispatches, 16 to each; long ones stand apart", () => {
  const some = Array.from({ length: 20 }, (_, i) => ({ offset: 64 * i, groups: 1 + i, k: i }));
  const { small, long } = planTopK([
    ...some.slice(0, 5),
    { offset: 4096, groups: 10_000_000, k: 77 },
    ...some.slice(5),
  ]);
  assert.equal(small.map(({ grid }) => grid[0]), [16, 4]);
  assert.equal(small[0].uniforms.slice(20, 24), [320, 6, 5, 6]);
  assert.equal(long, [{ offset: 4096, groups: 10_000_000, k: 77, slot: 5 }]);
  small.forEach(checkPlan);
  for (const k of [-1, 5, 1.5]) assert.throws(() => planTopK([{ offset: 0, groups: 4, k }]), /cannot keep/);
});

test("long selections bind what they were given, within limits, also in binding windows", () => {
  for (const [count, most] of [[4097, 2 ** 27], [10_000_000, 2 ** 27], [10_000_000, 2 ** 24], [2 ** 28, 2 ** 27]]) {
    const windows = keyWindows(count, most);
    for (const source of ["scores", ["dual", "frozen"]] as const) {
      const { steps, scratch } = planLongTopK({ windows, k: Math.floor(count / 3), slot: 2 }, source);
      const known = new Set([...Object.keys(scratch), "status", ...windows.flatMap((_, i) => [`w${i}`, `mask${i}`])]);
      if (source !== "scores") windows.forEach((_, i) => known.add(`u${i}`).add(`frozen${i}`));
      for (const { plan, bindings } of steps) {
        checkPlan(plan);
        assert.ok(bindings.every((name) => known.has(name)) && bindings.length === plan.program.access.length);
      }
      assert.ok(Object.values(scratch).every((bytes) => bytes <= 2 ** 27 || count > 2 ** 27), `${count}`);
    }
  }
  const programs = (rows: number, length: number, m: number) =>
    planRuns({ rows: [rows], length, n: 1, m, slot: 0 }, []).steps.map(({ plan }) => (checkPlan(plan), plan.program));
  assert.is(programs(100_000, 1000, 4)[1].constants!.FOURS, 1);
  assert.is(programs(5, 27, 4)[1].constants!.FOURS, 2);
  assert.is(programs(5, 27, 3)[1].constants!.FOURS, 0);
  assert.throws(() => planRuns({ rows: [1], length: 8, n: 5, m: 4, slot: 0 }, []), /cannot keep 5 of each 4/);
});

test("a pattern library is of 1 to 56 sets of taps", () => {
  checkPlan(planPatterns(10_000_000, Array.from({ length: 56 }, (_, i) => i + 1), ["dual"]));
  for (const library of [[], [0], [512], Array.from({ length: 57 }, () => 1)]) {
    assert.throws(() => planPatterns(9, library, []), /expected 1 to 56 sets/);
  }
});

test("variants are distinct and bind at most 8 buffers", () => {
  const all = [...normVariants(), ...topKVariants(), ...longVariants(), ...patternVariants(), ...updateVariants()];
  assert.is(new Set(all.map((v) => v.source + JSON.stringify(v.constants))).size, all.length);
  assert.ok(all.every((v) => v.access.length <= 8));
});

function checkPlan({ grid, uniforms, program }: Plan): void {
  assert.ok(grid.every((n) => Number.isInteger(n) && n >= 1 && n <= 65_535), `${program.name}: ${grid}`);
  assert.ok(uniforms.length <= 64);
  assert.ok(uniforms.every((u) => Number.isInteger(u) && u >= 0 && u < 2 ** 32), `${program.name}: ${uniforms}`);
}

test.run();
