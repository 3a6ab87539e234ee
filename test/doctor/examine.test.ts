import { suite } from "uvu";
import * as assert from "uvu/assert";
import { diagnose } from "../../src/doctor/diagnose.ts";
import { examine } from "../../src/doctor/examine.ts";
import { otherWidths, widthsToTry } from "../../src/doctor/other_widths.ts";
import { stayedGroups } from "../../src/doctor/stayed.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { partsOf } from "../../src/report/diagnosis/sentences.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { openGpu } from "../gpu/kernels.ts";
import { keepWorkClock } from "../gpu/work_clock.ts";

const test = suite("an examination");

/** A stem, a residual block whose sum joins the stem's filters with the block's, and a classifier. */
function residual(width = 8) {
  const b = builder("residual", ["N", 1, 6, 6]);
  const stem = b.relu(b.conv(b.input, { name: "stem", out: width, kernel: 3, pad: 1, bias: true }));
  const inner = b.relu(b.conv(stem, { name: "inner", out: 12, kernel: 3, pad: 1, bias: true }));
  const outer = b.conv(inner, { name: "outer", out: width, kernel: 3, pad: 1, bias: true });
  const sum = b.relu(b.add(outer, stem, "sum"));
  const graph = b.graph([b.gemm(b.flatten(b.globalAveragePool(sum)), { name: "fc", out: 4, bias: true })]);
  return { graph, params: initialise(graph, 1) };
}

/** As of some device: measuring roofs is tested for itself. */
const ROOF = { gflops: 50, gbps: 10 };
/** However busy the machine is, there is time for all widths. */
const AMPLE = 600;

/** A device on which work takes what it is: all times are the same whenever they are taken. */
let gpu: Gpu;
test.before(async () => {
  gpu = await openGpu();
  keepWorkClock(gpu);
});
test.after(() => gpu.close());

test("a layer's other widths change all that is coupled to it and all that reads it", () => {
  const [stem, inner] = otherWidths(residual());
  assert.equal(stem.layers, ["stem", "outer"]);
  assert.is(stem.groups, 8);
  const sizes = (of: typeof stem, groups: number) =>
    of.changing.map(({ name, sizes }) => `${name} ${sizes(groups).input} → ${sizes(groups).output}`);
  assert.equal(sizes(stem, 8), ["stem 1 → 8", "inner 8 → 12", "outer 12 → 8", "fc 8 → 4"]);
  assert.equal(sizes(stem, 11), ["stem 1 → 11", "inner 11 → 12", "outer 12 → 11", "fc 11 → 4"]);
  assert.equal(inner.layers, ["inner"]);
  assert.equal(sizes(inner, 10), ["inner 8 → 10", "outer 10 → 8"]);
  assert.equal([stem.uncounted, inner.uncounted], [[], []]);
});

test("features behind a flatten change by as many as a channel has pixels", () => {
  const b = builder("flat", ["N", 1, 4, 4]);
  const conv = b.relu(b.conv(b.input, { name: "conv", out: 3, kernel: 3, pad: 1, bias: true }));
  const graph = b.graph([b.gemm(b.flatten(conv), { name: "fc", out: 2, bias: true })]);
  const [{ changing }] = otherWidths({ graph, params: initialise(graph, 1) });
  assert.equal(changing.map(({ name, sizes }) => [name, sizes(5)]), [
    ["conv", { input: 1, output: 5 }],
    ["fc", { input: 80, output: 2 }],
  ]);
});

test("a network with fewer groups is timed as it is where a layer keeps single columns", async () => {
  const dense = residual();
  const { masks: _masks, model: masked } = prune(dense, {
    constraints: [{ granularity: "column", layers: ["outer"], keep: 0.5 }],
  });
  const { model } = compact(masked);
  assert.ok(model.graph.nodes.some(({ op }) => op === "ColumnConv"));
  const [stem, inner] = otherWidths(model);
  assert.ok(stem.uncounted.includes("outer") && inner.uncounted.includes("outer"));
  const narrower = inner.narrower(inner.groups - 2);
  assert.is(
    narrower.graph.params[narrower.graph.nodes.find(({ name }) => name === "inner")!.inputs[1]].shape[0],
    inner.groups - 2,
  );
  const { widths, widthsLeftOut } = await examine(gpu, { model, batches: [1], roof: ROOF, seconds: AMPLE });
  assert.ok(widths.some(({ name }) => name === "inner"));
  for (const { groups, times } of widths) assert.is(Math.max(...times.map((time) => time.groups)), groups);
  assert.match(
    widthsLeftOut.join("\n"),
    "Wider forms of inner weren't measured, for outer would change by more than channels",
  );
});

test("widths to try are the neighbours and the nearest multiples of tiles, within a half", () => {
  assert.equal(widthsToTry(17), [16, 17, 18, 20, 24]);
  assert.equal(widthsToTry(16), [8, 12, 15, 16, 17, 20, 24]);
  assert.equal(widthsToTry(1), [1]);
  assert.equal(widthsToTry(64), [32, 48, 56, 60, 63, 64, 65, 68, 72, 80, 96]);
});

test("what is left of a network is blocked by an operator, or could go for the next half of its multiply-adds", () => {
  const dense = residual();
  const model = compact(prune(dense, { constraints: [{ granularity: "filter", layers: ["inner"], keep: 0.5 }] }).model);
  const { stayed, noNext } = stayedGroups(model.model, {
    dense: dense.graph,
    asked: new Map([["inner", "half was asked for"]]),
  });
  assert.is(noNext, undefined);
  assert.equal(stayed.map(({ name, before, now, asked }) => ({ name, before, now, asked })), [
    { name: "stem", before: 8, now: 8, asked: undefined },
    { name: "inner", before: 12, now: 6, asked: "half was asked for" },
    { name: "fc", before: 4, now: 4, asked: undefined },
  ]);
  const [stem, inner, fc] = stayed;
  assert.match(fc.blocked!, 'it makes the output "fc');
  assert.is(fc.next, undefined);
  for (const { now, next } of [stem, inner]) {
    assert.is(now, next!.go + next!.reasons.reduce((sum, { groups }) => sum + groups, 0));
  }
  assert.ok(stem.next!.go + inner.next!.go > 0);
});

test("a network of which nothing can be pruned is examined all the same, and says so", async () => {
  const b = builder("fixed", ["N", 3]);
  const graph = b.graph([b.gemm(b.input, { name: "fc", out: 2, bias: true })]);
  const model = { graph, params: initialise(graph, 1) };
  const found = diagnose(await examine(gpu, { model, batches: [1], roof: ROOF }));
  assert.equal(found.widths, []);
  assert.match(found.stayed[0].blocked!, "it makes the output");
  const text = partsOf(found).flatMap(({ sentences }) => sentences).join("\n");
  assert.match(text, "No layer can lose a filter: no other width was measured.");
});

test("all that a diagnosis needs is measured: steps of both networks, widths and losses", async () => {
  const dense = residual();
  const { model } = compact(prune(dense, { budget: { macs: 0.5 } }).model);
  const count = 20;
  // A dispatch takes a millisecond there, and so do 200 kB: at this batch it is the work that counts.
  const MANY = 64;
  const data = {
    name: "noise",
    shape: [1, 6, 6] as [number, number, number],
    classes: 4,
    count,
    images: Uint8Array.from({ length: count * 36 }, (_, i) => (i * 7919) % 251),
    labels: Uint16Array.from({ length: count }, (_, i) => i % 4),
    normalization: { scale: 1 / 255, mean: [0.5], std: [0.25] },
  };
  const told: number[] = [];
  const checkup = await examine(gpu, {
    model,
    dense,
    batches: [MANY, 1],
    roof: ROOF,
    data,
    seconds: AMPLE,
    progress: (done) => told.push(done),
  });
  assert.equal(checkup.batches.map(({ batch }) => batch), [1, MANY]);
  for (const { now, dense, launchMs } of checkup.batches) {
    assert.ok(launchMs > 0);
    assert.equal(now.steps.map(({ name }) => name), dense!.steps.map(({ name }) => name));
  }
  const all = otherWidths(model).flatMap(({ name, groups }) =>
    [1, MANY].map((batch) => `${name} ${batch} ${widthsToTry(groups)}`)
  );
  const measured = checkup.widths.map(({ name, batch, times }) =>
    `${name} ${batch} ${times.map(({ groups }) => groups)}`
  );
  assert.equal([measured.toSorted(), checkup.widthsLeftOut], [all.toSorted(), []]);
  const { images, layers } = checkup.losses!;
  assert.is(images, count);
  assert.equal(layers.map(({ name }) => name), ["stem", "inner"]);
  assert.equal(told, told.toSorted((a, b) => a - b));
  const found = diagnose(checkup);
  for (const { name, batch, from, to, savedMs } of found.next!) {
    const { times } = checkup.widths.find((one) => one.name === name && one.batch === batch)!;
    const [now, then] = [from, to].map((groups) => times.find((time) => time.groups === groups)!.ms);
    assert.is(savedMs, now - then);
    assert.is(layers.find((layer) => layer.name === name)!.points[0].keep, to);
  }
  assert.equal([...new Set(found.next!.map(({ batch }) => batch))].at(-1), MANY);
  for (const { gap } of found.batches) {
    const sum = Object.values(gap!.causes).reduce((total, amount) => total + amount, 0);
    assert.ok(Math.abs(sum - gap!.gapMs) < 1e-9 * Math.max(1, gap!.gapMs));
  }
});

test("an examination in a hurry takes the widths of one layer, and says which were left out", async () => {
  const model = residual();
  const { widths, widthsLeftOut } = await examine(gpu, {
    model,
    batches: [1],
    roof: ROOF,
    wholeSeconds: 1e-3,
  });
  assert.is(widths.length, 1);
  const other = widths[0].name === "stem" ? "inner" : "stem";
  assert.equal(widthsLeftOut, [`There was no time for other widths of ${other} at batch 1`]);
});

test("an examination that is stopped ends at the next sample", async () => {
  const model = residual();
  const error = await examine(gpu, { model, batches: [1], signal: AbortSignal.abort() })
    .catch((error) => error);
  assert.instance(error, Interrupted);
});

test.run();
