import { suite } from "uvu";
import * as assert from "uvu/assert";
import { diagnose } from "../../src/doctor/diagnose.ts";
import { partsOf } from "../../src/report/diagnosis/sentences.ts";
import type { Checkup, StayedGroups } from "../../src/doctor/types.ts";
import { checkup, step, timeline } from "./played.ts";

const test = suite("what is said of played timings");

/** The sentences of one part. */
function said(found: Checkup, title: string): string {
  return partsOf(diagnose(found)).find((part) => part.title === title)?.sentences.join("\n") ?? "";
}

/** As the digits are: five times fewer multiply-adds, and nearly all of the time is launches. */
const launched = checkup([{
  batch: 1,
  launchMs: 0.1,
  dense: timeline([
    step("conv", 0.3, { macs: 5000, dispatches: 2 }),
    step("pool", 0.1),
    step("fc", 0.11, { macs: 400 }),
  ]),
  now: timeline([step("conv", 0.22, { macs: 1000, dispatches: 2 }), step("pool", 0.1), step("fc", 0.1, { macs: 80 })]),
}, {
  batch: 100,
  launchMs: 0.1,
  dense: timeline([
    step("conv", 10.2, { macs: 5000, dispatches: 2 }),
    step("pool", 0.1),
    step("fc", 1.1, { macs: 400 }),
  ]),
  now: timeline([step("conv", 2.2, { macs: 1000, dispatches: 2 }), step("pool", 0.1), step("fc", 0.3, { macs: 80 })]),
}]);

test("a network bound by launches is told so, with how much of its time they are and why it isn't faster", () => {
  const [{ gap, now }] = diagnose(launched).batches;
  assert.is(now.by, "launches");
  // 0.2 + 0.1 + 0.1 of 0.42 ms.
  assert.ok(Math.abs(now.parts.launches - 0.4) < 1e-9);
  const [most] = Object.entries(gap!.causes).sort((a, b) => b[1] - a[1])[0];
  assert.is(most, "launches");
  const text = said(launched, "Batch 1");
  assert.match(
    text,
    "The network takes 0.420 ms, the dense one 0.510 ms: 1.21× faster, with 5.00× fewer multiply-adds.",
  );
  assert.match(
    text,
    "By its multiply-adds alone it would take 0.102 ms. Of the 0.318 ms beyond that 0.320 ms are launches",
  );
  assert.match(text, "What bounds it is launches: 95 % of its steps' 0.420 ms.");
  assert.match(text, "conv takes 0.220 ms, 52 % of all steps: 0.200 ms of it are 2 dispatches.");
  assert.match(
    said(launched, "Launches"),
    "at batch 1 one takes 0.100 ms, and the network's 4 dispatches 0.400 ms, 95 %",
  );
});

test("a network bound by memory is told so, with the share of the roof that it reaches", () => {
  // At 10 GB/s 5 MB are 0.5 ms, of 0.9 that launches leave.
  const found = checkup([{
    batch: 8,
    launchMs: 0.1,
    now: timeline([step("add", 1, { bytes: 5e6 }), step("conv", 0.4, { macs: 1000, bytes: 1e3 })]),
  }]);
  const [{ now, gap, unpruned }] = diagnose(found).batches;
  assert.is(now.by, "memory");
  assert.ok(Math.abs(now.ofTime - 0.9 / 1.4) < 1e-9);
  assert.is(gap, undefined);
  assert.is(unpruned, true);
  assert.match(said(found, "Batch 8"), "What bounds it is memory: 64 % of its steps' 1.40 ms.");
  assert.match(said(found, "Batch 8"), "add takes 1.00 ms, 71 % of all steps: it reaches 56 % of the memory's speed");
  assert.match(said(found, "Batch 8"), "conv takes 0.400 ms, 29 % of all steps: what bounds it can't be told");
  const untold = said(found, "What can't be told");
  assert.match(untold, "One batch size was measured: whether threads fill the device can't be told.");
  assert.match(untold, "No dense network is known: there is no speed-up to explain.");
  assert.match(untold, "This device's clock tells no single dispatch");
});

test("work that is above its roof is told as such, and why that can be", () => {
  // At 10 GB/s 5 MB are 0.5 ms, and 2 · 1e8 · 8 operations at 100 GFLOP/s 16.
  const found = checkup([{
    batch: 8,
    launchMs: 0,
    now: timeline([step("add", 0.2, { bytes: 5e6 }), step("conv", 10, { macs: 1e8 })]),
  }]);
  const text = said(found, "Batch 8");
  assert.match(
    text,
    "add takes 0.200 ms, 2 % of all steps: it reaches 250 % of the memory's speed that was seen here, more than all of it: caches helped",
  );
  assert.match(
    text,
    "it reaches 160 % of the arithmetic that was seen here, more than all of it: the roof was disturbed.",
  );
});

test("launches that were timed longer than their steps have room for are told of", () => {
  const at = (launchMs: number) =>
    said(
      checkup([{ batch: 1, launchMs, now: timeline([step("a", 0.1, { dispatches: 2 }), step("b", 5)]) }]),
      "What can't be told",
    );
  // 3 · 0.1 ms, where `a` has room for 0.1 and `b` for 0.1.
  assert.match(
    at(0.1),
    "At batch 1 3 dispatches that do nothing would take 0.300 ms, and the steps have room for 0.200 ms: a launch was timed too long",
  );
  // 3 · 0.06 ms, where `a` has room for 0.1 and `b` for 0.06: less than 1.3 times as long.
  assert.not.match(at(0.06), "timed too long");
});

test("arithmetic bounds what reaches its roof, and an idle device what takes less in a large batch", () => {
  const found = checkup([1, 100].map((batch) => ({
    batch,
    launchMs: 0.01,
    // 2 · 3e7 · b operations at 100 GFLOP/s are 0.6·b ms.
    now: timeline([step("conv", batch === 1 ? 5.01 : 100.01, { macs: 3e7 })]),
  })));
  const [alone, many] = diagnose(found).batches.map(({ now }) => now);
  assert.is(alone.by, "threads");
  assert.is(many.by, "arithmetic");
  assert.match(
    said(found, "Batch 1"),
    "4.00 ms of it are more than an image takes within a batch of 100: 4 workgroups don't fill the device.",
  );
  assert.match(said(found, "Batch 100"), "it reaches 60 % of the arithmetic that was seen here");
});

test("a layer made a channel wider than a tile is told by how many groups, and what they cost", () => {
  const found = checkup(launched.batches, {
    widths: [{
      name: "conv",
      layers: ["conv", "other"],
      batch: 1,
      groups: 17,
      times: [[16, 1], [17, 1.5], [20, 1.51], [24, 1.9]].map(([groups, ms]) => ({
        groups,
        ms,
        scatterMs: 0.01,
      })),
    }],
  });
  assert.is(
    said(found, "Other widths"),
    "At batch 1 conv and 1 coupled with 17 groups, and what reads them, take 1.50 ms; with 16 they take 1.00 ms: " +
      "one group of 17 less for 33 % of the time.\n" +
      "At batch 1 conv and 1 coupled with 17 groups, and what reads them, take 1.50 ms; 20 cost nothing more, 1.51 ms.",
  );
});

test("a wider layer that is faster is faster for nothing, and one whose times scatter isn't called the same", () => {
  const times = (scatterMs: number) =>
    checkup([], {
      widths: [{
        name: "conv",
        layers: ["conv"],
        batch: 4,
        groups: 15,
        times: [[15, 1], [16, 0.8]].map(([groups, ms]) => ({ groups, ms, scatterMs })),
      }],
    });
  assert.match(said(times(0.01), "Other widths"), "with 16 they take 0.800 ms: wider is faster for nothing.");
  assert.is(said(times(0.04), "Other widths"), "");
  assert.match(
    said(times(0.04), "What can't be told"),
    "scatter too much to call any of them the same: conv at batch 4.",
  );
});

test("where nothing was pruned, it says so and explains no speed-up", () => {
  const steps = [step("conv", 1, { macs: 100 }), step("pool", 0.5)];
  const found = checkup([{ batch: 1, launchMs: 0.1, dense: timeline(steps), now: timeline(steps) }]);
  const [{ unpruned, gap }] = diagnose(found).batches;
  assert.is(unpruned, true);
  assert.is(gap, undefined);
  const text = said(found, "Batch 1");
  assert.match(text, "The network takes 1.50 ms. Nothing was pruned: its steps do what the dense network's do.");
  assert.not.match(text, "multiply-adds alone");
});

test("a network as fast as its multiply-adds promise has nothing to explain", () => {
  const found = checkup([{
    batch: 1,
    launchMs: 0,
    dense: timeline([step("conv", 4, { macs: 400 })]),
    now: timeline([step("conv", 0.9, { macs: 100 })]),
  }]);
  assert.match(said(found, "Batch 1"), "That is no slower than the multiply-adds promise: 1.00 ms.");
});

test("why each layer's groups are left: blocked, asked for, protected, worth more than the threshold", () => {
  const stayed: StayedGroups[] = [
    { name: "fc", layers: ["fc"], before: 10, now: 10, blocked: 'it makes the output "fc", whose width is given' },
    {
      name: "conv",
      layers: ["conv", "down"],
      before: 16,
      now: 8,
      asked: "stages.1 (admm) asked for 0.5 of its filters",
      next: {
        target: "half of its multiply-adds",
        criterion: "l2",
        rule: "per-cost",
        go: 3,
        threshold: 1.1,
        reasons: [{ reason: "protected", groups: 1 }, { reason: "worth", groups: 4, lowest: 1.3 }],
      },
    },
  ];
  assert.is(
    said(checkup([], { stayed, noNext: "it can't be met" }), "Why what is left is left"),
    'fc: 10 groups left, and none can go: it makes the output "fc", whose width is given.\n' +
      "conv and 1 coupled: 8 of 16 groups left (stages.1 (admm) asked for 0.5 of its filters). Pruned on to half of its " +
      "multiply-adds by l2 and the rule per-cost, 3 would go; 1 is kept in any case; 4 are worth 1.3 or more, against a " +
      "threshold of 1.1.",
  );
});

test("what to prune next names ms, accuracy and how many images told it; without images it says why not", () => {
  const widths = [{
    name: "conv",
    layers: ["conv"],
    batch: 1,
    groups: 16,
    times: [[12, 1], [16, 2]].map(([groups, ms]) => ({ groups, ms, scatterMs: 0 })),
  }];
  const points = (accuracy: number) => [{ name: "conv", points: [{ keep: 12, accuracy }] }];
  const lossy = checkup([], { widths, losses: { images: 200, accuracy: 0.9, layers: points(0.88) } });
  assert.is(
    said(lossy, "What to prune next"),
    "conv from 16 to 12 groups saves 1.00 ms at batch 1 and loses 2 points of accuracy on 200 images, without training: " +
      "0.500 ms for a point.",
  );
  const free = checkup([], { widths, losses: { images: 200, accuracy: 0.9, layers: points(0.9) } });
  assert.match(
    said(free, "What to prune next"),
    "loses no accuracy on 200 images, where one is 0.5 points: 2.00 ms for a point or more",
  );
  const blind = checkup([], { widths, noLosses: "no data were given" });
  assert.is(said(blind, "What to prune next"), "");
  assert.match(
    said(blind, "What can't be told"),
    "What pruning on would cost in accuracy can't be told: no data were given.",
  );
});

test("what lies between whole runs and their steps is told of both networks", () => {
  const batch = {
    batch: 1,
    launchMs: 0.1,
    dense: timeline([step("conv", 1, { macs: 100 })], 0.9),
    now: timeline([step("conv", 0.4, { macs: 50 })], 0.6),
  };
  // (0.6 − 0.4) − ½·(0.9 − 1.0)
  assert.match(
    said(checkup([batch]), "Batch 1"),
    "0.250 ms are what whole runs take beyond their steps, which add up to 0.200 ms less here and to 0.100 ms more in the " +
      "dense network",
  );
});

test("runs that were disturbed, steps that don't add up, a software adapter and missing roofs are told", () => {
  const steps = [step("conv", 1, { macs: 100 })];
  const now = { ...timeline(steps), madMs: 0.11 };
  const far = (wholeMs: number) =>
    said(checkup([{ batch: 2, launchMs: 0.1, now: timeline(steps, wholeMs) }]), "What can't be told");
  assert.match(
    far(0.76),
    "The steps at batch 2 add up to 1.00 ms, and whole runs take 0.760 ms: what is said of parts",
  );
  assert.match(far(1.31), "whole runs take 1.31 ms");
  assert.not.match(far(0.78) + far(1.29), "add up to");
  const found = checkup([{ batch: 1, launchMs: 0.1, now }], {
    software: true,
    roof: undefined,
    widthsLeftOut: ["There was no time for conv"],
  });
  const text = said(found, "What can't be told");
  assert.match(text, "Whole runs at batch 1 scatter by 11 %");
  assert.match(text, "Roofs weren't measured");
  assert.match(text, "There was no time for conv.");
  assert.match(text, "The adapter is software");
});

test.run();
