import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nextToPrune } from "../../src/doctor/next_to_prune.ts";
import { speedupGap } from "../../src/doctor/speedup_gap.ts";
import { stepBound, stepParts } from "../../src/doctor/step_time.ts";
import type { WidthTime } from "../../src/doctor/types.ts";
import { widthFinding } from "../../src/doctor/width_steps.ts";
import { step, timeline } from "./played.ts";

const test = suite("formulas of the doctor");

const near = (found: number, expected: number, message?: string) =>
  assert.ok(Math.abs(found - expected) < 1e-9, `${message ?? ""} found ${found}, expected ${expected}`);

test("a step's time is its launches, what an image takes in a full batch, and an idle device for the rest", () => {
  // At batch 64 it takes 8.2 ms with 2 dispatches of 0.1 ms: 8 ms of work, 0.125 ms an image.
  const full = { batch: 64, launchMs: 0.1, step: step("conv", 8.2, { dispatches: 2 }) };
  const parts = stepParts(step("conv", 0.6, { dispatches: 2 }), { batch: 1, launchMs: 0.1 }, full);
  near(parts.launches, 0.2);
  near(parts.work, 0.125);
  near(parts.idle, 0.275);
});

test("launches take no more than the step, and work no more than is left", () => {
  const times = { batch: 1, launchMs: 0.1 };
  assert.equal(stepParts(step("conv", 0.15, { dispatches: 2 }), times), { launches: 0.15, idle: 0, work: 0 });
  const full = { batch: 2, launchMs: 0.1, step: step("conv", 10.1) };
  const parts = stepParts(step("conv", 0.4), times, full);
  near(parts.work, 0.3);
  assert.is(parts.idle, 0);
});

test("without a larger batch nothing is said to be idle", () => {
  const parts = stepParts(step("conv", 0.6), { batch: 1, launchMs: 0.1 });
  assert.equal(parts, { launches: 0.1, idle: 0, work: 0.5 });
});

test("the largest part of a step bounds it, and work is bound by the roof that it is under", () => {
  const roof = { gflops: 100, gbps: 10 };
  const of = (parts: { launches: number; idle: number; work: number }, macs: number, bytes: number) => {
    const ms = parts.launches + parts.idle + parts.work;
    return stepBound(step("conv", ms, { macs, bytes }), parts, 2, roof);
  };
  assert.is(of({ launches: 3, idle: 2, work: 1 }, 1e6, 1e3).by, "launches");
  assert.is(of({ launches: 1, idle: 3, work: 2 }, 1e6, 1e3).by, "threads");
  // 2 · 5e6 · 2 operations at 100 GFLOP/s are 0.2 ms, of the 0.5 that launches leave.
  const arithmetic = of({ launches: 0, idle: 0.1, work: 0.4 }, 5e6, 1e3);
  assert.is(arithmetic.by, "arithmetic");
  near(arithmetic.ofTime, 0.8);
  near(arithmetic.roof!.share, 0.4);
  // 2e6 bytes at 10 GB/s are 0.2 ms.
  const memory = of({ launches: 0, idle: 0, work: 0.25 }, 1e3, 2e6);
  assert.is(memory.by, "memory");
  near(memory.roof!.share, 0.8);
});

test("work that is far below both roofs, or has none, isn't said to be bound by one", () => {
  const parts = { launches: 0, idle: 0, work: 1 };
  // 0.0999 ms of 1 at either roof, and then 0.1001.
  const under = (bytes: number) => stepBound(step("conv", 1, { bytes }), parts, 1, { gflops: 100, gbps: 10 });
  assert.is(under(0.999e6).by, "unknown");
  assert.is(under(0.999e6).roof!.by, "memory");
  assert.is(under(1.001e6).by, "memory");
  assert.equal(stepBound(step("conv", 1), parts, 1, undefined), { by: "unknown", ofTime: 1 });
});

test("causes of a missing speed-up add up to it, worked out by hand", () => {
  // 1000 MACs before, 250 after: r = 1/4. A launch is 0.1 ms; nothing is known of a larger batch.
  const dense = timeline([
    step("a", 1.1, { macs: 800 }),
    step("pool", 0.3),
    step("b", 0.5, { macs: 200 }),
  ], 2);
  const now = timeline([
    step("a", 0.5, { macs: 200 }),
    step("pool", 0.2),
    step("b", 0.3, { macs: 50 }),
  ], 0.9);
  const gap = speedupGap({ batch: 1, launchMs: 0.1, dense, now })!;
  near(gap.macRatio, 4);
  near(gap.speedup, 2 / 0.9);
  near(gap.promisedMs, 0.5);
  near(gap.gapMs, 0.4);
  // 3·0.1 − ¼·3·0.1
  near(gap.causes.launches, 0.225);
  // pool: 0.1 − ¼·0.2
  near(gap.causes.other, 0.05);
  // a: 0.4 − ¼·1.0; b: 0.2 − ¼·0.4
  near(gap.causes.rate, 0.25);
  near(gap.causes.place, 0);
  near(gap.causes.idle, 0);
  // (0.9 − 1.0) − ¼·(2 − 1.9)
  near(gap.causes.between, -0.125);
});

test("an idle device, and multiply-adds that went where they took little time, are causes of their own", () => {
  // r = 600/1000; layer a lost nothing, b half. Launches are free here.
  const dense = timeline([step("a", 1, { macs: 200 }), step("b", 1, { macs: 800 })]);
  const now = timeline([step("a", 1, { macs: 200 }), step("b", 0.8, { macs: 400 })]);
  // With 10 images: 0.4 ms an image before in b, 0.2 after; a is as long as alone.
  const full = {
    batch: 10,
    launchMs: 0,
    dense: timeline([step("a", 10, { macs: 200 }), step("b", 4, { macs: 800 })]),
    now: timeline([step("a", 10, { macs: 200 }), step("b", 2, { macs: 400 })]),
  };
  const gap = speedupGap({ batch: 1, launchMs: 0, dense, now }, full)!;
  near(gap.gapMs, 1.8 - 0.6 * 2);
  // b: idle 0.6 after, 0.6 before: 0.6 − ½·0.6
  near(gap.causes.idle, 0.3);
  // b: 0.2 − ½·0.4
  near(gap.causes.rate, 0);
  // a: (1 − 0.6)·1; b: (0.5 − 0.6)·1
  near(gap.causes.place, 0.3);
});

test("layers without a counterpart are compared as one", () => {
  const dense = timeline([step("a", 1, { macs: 100 }), step("b", 1, { macs: 100 })]);
  const now = timeline([step("merged", 0.75, { macs: 100 })]);
  const { causes, gapMs } = speedupGap({ batch: 1, launchMs: 0.1, dense, now })!;
  // r = ρ = ½: launches 0.1 − ½·0.2; rate 0.65 − ½·1.8.
  near(causes.launches, 0);
  near(causes.rate, -0.25);
  near(gapMs, -0.25);
});

test("there is nothing to explain without a dense network or multiply-adds", () => {
  const now = timeline([step("pool", 1)]);
  assert.is(speedupGap({ batch: 1, launchMs: 0.1, now }), undefined);
  assert.is(speedupGap({ batch: 1, launchMs: 0.1, dense: now, now }), undefined);
});

/** 17 filters, of which the last begins another tile. */
const TILED: readonly [groups: number, ms: number][] = [[12, 0.99], [16, 1], [17, 1.5], [20, 1.51], [24, 1.6]];

function widths(times: readonly [number, number][], groups: number, scatterMs = 0) {
  const list = times.map(([groups, ms]): WidthTime => ({ groups, ms, scatterMs }));
  return widthFinding({ name: "conv", layers: ["conv"], batch: 1, groups, times: list });
}

test("a layer a channel wider than a tile: one fewer saves a third, and three more cost nothing", () => {
  const found = widths(TILED, 17)!;
  assert.is(found.step!.groups, 16);
  near(found.step!.changeMs, -0.5);
  assert.is(found.free!.groups, 20);
  assert.is(found.faster, undefined);
});

test("a width above that takes clearly less is faster for nothing", () => {
  const found = widths([[15, 1], [16, 0.8], [20, 0.9], [24, 1.2]], 15)!;
  assert.is(found.faster!.groups, 20);
  near(found.faster!.changeMs, -0.1);
  assert.is(found.free, undefined);
});

test("time that goes down as channels do is no step", () => {
  assert.is(widths([[15, 0.94], [16, 1], [17, 1.07]], 16), undefined);
  // 1/16 of the groups for 1/8 of the time is twice as much; a little less is not.
  assert.is(widths([[15, 0.875], [16, 1], [17, 1.1]], 16)?.step?.groups, 15);
  assert.is(widths([[15, 0.876], [16, 1], [17, 1.1]], 16), undefined);
});

test("times within three scatters of each other aren't apart, and those that scatter by a tenth not the same", () => {
  // 0.5 ms apart: 3 · (0.084 + 0.084) is more than that, 3 · (0.083 + 0.083) less.
  assert.is(widths(TILED, 17, 0.084)?.step, undefined);
  assert.is(widths(TILED, 17, 0.083)?.step?.groups, 16);
  // A tenth of 1.5 ms is 3 · (0.025 + 0.025).
  assert.is(widths(TILED, 17, 0.0251)?.free, undefined);
  assert.is(widths(TILED, 17, 0.0249)?.free?.groups, 20);
  assert.is(widths([[16, 1], [17, 1.029]], 16)?.free?.groups, 17);
  assert.is(widths([[16, 1], [17, 1.031]], 16), undefined);
});

test("of the widths measured the present one must be one", () => {
  assert.is(widths([[16, 1]], 17), undefined);
});

test("what to prune next is ms saved for each point of accuracy, a loss of one image at least", () => {
  const times = (name: string, list: readonly [number, number][], batch = 8) => ({
    name,
    layers: [name],
    batch,
    groups: 16,
    times: list.map(([groups, ms]): WidthTime => ({ groups, ms, scatterMs: 0 })),
  });
  const found = nextToPrune([
    times("dear", [[12, 1], [16, 2]]),
    times("cheap", [[12, 1.5], [14, 1.8], [16, 2]]),
    times("slower", [[12, 2.1], [16, 2]]),
    times("unknown", [[12, 1], [16, 2]]),
    times("dear", [[12, 0.1], [16, 0.2]], 1),
  ], {
    images: 200,
    accuracy: 0.9,
    layers: [
      { name: "dear", points: [{ keep: 12, accuracy: 0.8 }] },
      // Better without: counts as half a point, one of 200 images.
      { name: "cheap", points: [{ keep: 14, accuracy: 0.91 }, { keep: 12, accuracy: 0.88 }] },
      { name: "slower", points: [{ keep: 12, accuracy: 0.9 }] },
    ],
  });
  assert.equal(found.map(({ name, to, batch }) => `${name} ${to} ${batch}`), ["dear 12 1", "cheap 14 8", "dear 12 8"]);
  // 0.2 ms ÷ ½ point, and 1 ms ÷ 10 points.
  near(found[1].msPerPoint, 0.4);
  near(found[1].lost, -0.01);
  near(found[2].msPerPoint, 0.1);
  near(found[0].msPerPoint, 0.01);
});

test.run();
