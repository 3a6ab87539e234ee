import { suite } from "uvu";
import * as assert from "uvu/assert";
import { axes, checkLayout, type GroupLayout, groupLayout, layoutSize } from "../../kernels/project/layout.ts";
import { planNorms, variants as normVariants } from "../../kernels/project/norms.ts";
import { planTopK, variants as topKVariants } from "../../kernels/project/topk.ts";
import {
  planExpand,
  planPull,
  planScale,
  planUpdate,
  variants as updateVariants,
} from "../../kernels/project/update.ts";
import type { Plan } from "../../src/gpu/types.ts";

const test = suite("projection planners");

const shapes = [[1], [7], [20, 1, 5, 5], [16, 3, 3, 3], [512, 512, 3, 3], [500, 800], [4096, 25088], [1, 1_000_003]];
const kinds = ["filter", "channel", "column", "kernel", "element"] as const;
const layouts = shapes.flatMap((shape) => kinds.map((kind) => groupLayout(kind, shape)));

test("group layouts number the groups by row, channel, column and element", () => {
  assert.equal(groupLayout("filter", [4, 3, 2, 2]), { F: 4, C: 3, KK: 4, gf: 1, gc: 0, gk: 0, groups: 4 });
  assert.equal(groupLayout("column", [4, 3, 2, 2]), { F: 4, C: 3, KK: 4, gf: 0, gc: 4, gk: 1, groups: 12 });
  assert.is(groupLayout("channel", [10, 6]).groups, 6);
  assert.is(groupLayout("kernel", [4, 3, 2, 2]).groups, 12);
  assert.is(groupLayout("element", [5]).groups, 5);
  for (const layout of layouts) assert.is(layout.groups * axes(layout).length, layoutSize(layout));
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
    const update = planUpdate(layout, { dual: "update", frozen: "none", slot: 3 });
    const plans = [norms.first, norms.second, update.update, update.residual, planExpand(layout, "freeze")];
    for (const plan of [...plans, planPull(layoutSize(layout), "add", 0.5), planScale(layoutSize(layout), 2)]) {
      if (plan) checkPlan(plan);
    }
    for (const plan of [norms.first, norms.second].filter((p) => p !== undefined)) {
      assert.ok(plan.uniforms[0] * plan.grid[1] >= plan.uniforms[1]);
    }
  }
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
  assert.is(plan(groupLayout("column", [500, 800])).first.program.name, "group norms (thread)");
  assert.is(plan(groupLayout("filter", [500, 800])).first.program.name, "group norms (workgroup)");
});

test("short selections share dispatches, 16 to each; long ones are chains", () => {
  const small = Array.from({ length: 20 }, (_, i) => ({ offset: 64 * i, groups: 1 + i, k: i }));
  const plans = planTopK([...small.slice(0, 5), { offset: 4096, groups: 10_000_000, k: 77 }, ...small.slice(5)]);
  assert.equal(plans.map((p) => p.kind), ["small", "small", "long"]);
  assert.ok(plans[0].kind === "small" && plans[0].plan.grid[0] === 16);
  assert.equal(plans[0].plan.uniforms.slice(20, 24), [320, 6, 5, 6]);
  assert.ok(plans[2].kind === "long" && plans[2].steps.length === 11 && plans[2].tiles === 2442);
  for (const p of plans) for (const { plan } of p.kind === "long" ? p.steps : [p]) checkPlan(plan);
  for (const k of [-1, 5, 1.5]) assert.throws(() => planTopK([{ offset: 0, groups: 4, k }]), /cannot keep/);
});

test("variants are distinct and bind at most 8 buffers", () => {
  const all = [...normVariants(), ...topKVariants(), ...updateVariants()];
  assert.is(new Set(all.map((v) => v.source + JSON.stringify(v.constants))).size, all.length);
  assert.ok(all.every((v) => v.access.length <= 8));
});

function checkPlan({ grid, uniforms, program }: Plan): void {
  assert.ok(grid.every((n) => Number.isInteger(n) && n >= 1 && n <= 65_535), `${program.name}: ${grid}`);
  assert.ok(uniforms.length <= 64);
  assert.ok(uniforms.every((u) => Number.isInteger(u) && u >= 0 && u < 2 ** 32), `${program.name}: ${uniforms}`);
}

test.run();
