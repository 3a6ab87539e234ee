/** Latency tables: which widths they measure, how they price a network, and how near the price is. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import fc from "fast-check";
import { UserError } from "../../src/errors.ts";
import { builder } from "../../src/graph/build.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Model } from "../../src/graph/types.ts";
import { buildLatencyTable } from "../../src/measure/latency/build.ts";
import { latencyEstimate, unfitTable } from "../../src/measure/latency/estimate.ts";
import { gridOf, pointsOf, shapeGroups, widths } from "../../src/measure/latency/grid.ts";
import { monotone, outliers } from "../../src/measure/latency/monotone.ts";
import { tableSteps } from "../../src/measure/latency/steps.ts";
import type { LatencyTable } from "../../src/measure/latency/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { pruneFilters, zooPair } from "../../src/prune/methods/uniform.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { openGpu } from "../gpu/kernels.ts";
import { keepWorkClock } from "../gpu/work_clock.ts";

const test = suite("latency tables");

const zoo = (name: string): Model => {
  const graph = createModel(name);
  return { graph, params: initialise(graph, 1) };
};

/** A table whose layers take 1 + 2·i + 3·o + i·o, and the rest nothing. */
function exactTable(model: Model): LatencyTable {
  const steps = tableSteps(model);
  const layers = shapeGroups(steps.filter((step) => step.kind === "layer")).map((group) => {
    const { inputs, outputs } = gridOf(group, "fine");
    const cost = (i: number, o: number) => 1 + 2 * i + 3 * o + i * o;
    const medianMs = inputs.map((i) => outputs.length === 0 ? [cost(i, 0)] : outputs.map((o) => cost(i, o)));
    return { shape: group.step.shape, layers: group.layers, inputs, outputs, medianMs };
  });
  return { model: "exact", batch: 1, clock: "none", quantumMs: 0, wholeMs: 0, launchMs: 0, layers, rest: [] };
}

test("widths go from 4 to all channels, finer grids hold coarser ones", () => {
  assert.equal(widths(64, "fine"), [4, 8, 12, 16, 24, 32, 48, 64]);
  assert.equal(widths(3, "fine"), [3]);
  fc.assert(fc.property(fc.integer({ min: 1, max: 2048 }), fc.integer({ min: 1, max: 8 }), (channels, of) => {
    const most = channels * of;
    const grids = (["ends", "quarters", "halves", "fine"] as const).map((fineness) => widths(most, fineness, of));
    for (const [i, grid] of grids.entries()) {
      assert.is(grid.at(-1), most);
      assert.ok(grid.every((width, k) => width % of === 0 && (k === 0 || width > grid[k - 1])));
      if (i > 0) assert.ok(grids[i - 1].every((width) => grid.includes(width)));
    }
  }));
});

test("outliers are the times that are longer than those of wider layers", () => {
  assert.equal(outliers([[1, 2], [3, 4]], 1.2), []);
  assert.equal(outliers([[1, 9], [3, 4]], 1.2), [[0, 1]]);
  assert.equal(outliers([[1.1, 1]], 1.2), []);
  assert.equal(outliers([[9], [1], [2]], 1.2), [[0, 0]]);
});

test("monotone grids stay, others become so, by no more than they have to", () => {
  const row = fc.array(fc.double({ min: 0.001, max: 100, noNaN: true }), { minLength: 3, maxLength: 3 });
  fc.assert(fc.property(fc.array(row, { minLength: 1, maxLength: 4 }), (grid) => {
    const found = monotone(grid);
    found.forEach((line, i) =>
      line.forEach((value, j) => {
        assert.ok(i === 0 || value >= found[i - 1][j]);
        assert.ok(j === 0 || value >= line[j - 1]);
      })
    );
    assert.equal(monotone(found), found);
  }));
  assert.equal(monotone([[1, 2], [3, 4]]), [[1, 2], [3, 4]]);
  assert.equal(monotone([[2, 1]]), [[1.5, 1.5]]);
});

test("interpolation is exact for what a layer's work is; removed layers cost nothing", () => {
  for (const name of ["lenet5", "resnet8", "mobilenetv2-micro"]) {
    const { dense, pruned } = zooPair(name);
    const estimate = latencyEstimate(exactTable(dense));
    for (const model of [dense, pruned]) {
      const expected = tableSteps(model).filter((step) => step.kind === "layer").reduce((sum, step) => {
        const [i, o] = [step.input, step.probe.groups.kind === "thin" ? 0 : step.output];
        return sum + 1 + 2 * i + 3 * o + i * o;
      }, 0);
      assert.ok(Math.abs(estimate(model) / expected - 1) < 0.02, `${name}: ${estimate(model)}, expected ${expected}`);
    }
    assert.ok(estimate(pruned) < estimate(dense));
  }
});

test("another network is refused with the layer that has no place in the table", () => {
  const table = exactTable(zoo("lenet5"));
  assert.is(unfitTable(table, zoo("lenet5")), undefined);
  assert.match(
    unfitTable(table, zoo("resnet20"))!,
    /^layer "conv1" \(3×3 convolution of 32×32.* isn't in the latency table of "exact"/,
  );
  const b = builder("wider", ["N", 1, 28, 28]);
  b.conv(b.input, { name: "conv1", out: 500, kernel: 5 });
  const graph = b.graph();
  assert.match(unfitTable(table, { graph })!, /which goes to 1 → 20 there/);
});

test("a table that is built prices the network and its pruned form near what they take", async () => {
  using gpu = await openGpu();
  keepWorkClock(gpu);
  const { dense, pruned } = zooPair("lenet5");
  const told: string[] = [];
  const table = await buildLatencyTable(gpu, dense, {
    name: "lenet5",
    batch: 8,
    seconds: 0,
    onProgress: ({ done, total, text }) => {
      assert.ok(done <= total);
      told.push(text);
    },
  });
  assert.is(told[0], "the whole network");
  assert.ok(told.length > 8);
  const points = table.layers.reduce((sum, layer) => sum + pointsOf(layer), 0);
  assert.is(told.length, 1 + points);
  const estimate = latencyEstimate(table);
  assert.ok(Math.abs(estimate(dense) / table.wholeMs - 1) < 0.1, `${estimate(dense)} of ${table.wholeMs}`);
  const plan = compilePlan(gpu, pruned, 8);
  using x = Tensor.zeros(gpu, [8, 1, 28, 28]);
  const { ms } = await gpu.time(() => plan.run(x));
  assert.ok(Math.abs(estimate(pruned) / ms - 1) < 0.2, `${estimate(pruned)} of ${ms}`);
  assert.ok(estimate(pruned) < 0.9 * estimate(dense));
  assert.ok(estimate(pruneFilters(dense, 0.2)) <= estimate(pruned) * 1.001);
});

test("layers of what the model may become are in the table where it is asked for them", async () => {
  const gpu = await testGpu();
  const net = (kernel: number, out: number): Model => {
    const b = builder("net", ["N", 3, 9, 9]);
    b.conv(b.conv(b.input, { name: "first", out: 8, kernel: 3, pad: 1 }), {
      name: "second",
      out,
      kernel,
      pad: (kernel - 1) / 2,
    });
    const graph = b.graph();
    return { graph, params: initialise(graph, 1) };
  };
  const [model, merged] = [net(3, 6), net(5, 12)];
  const alone = await buildLatencyTable(gpu, model, { name: "net", batch: 2, seconds: 0.1 });
  assert.match(
    unfitTable(alone, merged)!,
    /layer "second" \(5×5 convolution of 9×9, pads 2, 8 → 12\) isn't in the latency table/,
  );
  const both = await buildLatencyTable(gpu, model, { name: "net", batch: 2, seconds: 0.1, also: [merged] });
  assert.equal(both.layers.map(({ shape, layers }) => [shape, layers]), [
    ["5×5 convolution of 9×9, pads 2", ["second"]],
    ["3×3 convolution of 9×9, pads 1", ["second"]],
    ["3×3 convolution of 9×9, pads 1", ["first"]],
  ]);
  assert.ok(latencyEstimate(both)(merged) > 0);
  assert.ok(latencyEstimate(both)(model) > 0);
});

test("building stops when it is told to, and wants a layer", async () => {
  const gpu = await testGpu();
  const controller = new AbortController();
  const building = buildLatencyTable(gpu, zoo("digits"), {
    name: "digits",
    batch: 1,
    signal: controller.signal,
    onProgress: ({ done }) => done === 2 && controller.abort(new Error("enough")),
  });
  assert.match(await building.then(() => "", (error) => error.message), /^enough$/);
  const b = builder("bare", ["N", 3, 4, 4]);
  b.relu(b.input);
  const bare = { graph: b.graph(), params: new Map() };
  const error = await buildLatencyTable(gpu, bare, { name: "bare", batch: 1 }).then(() => undefined, (error) => error);
  assert.instance(error, UserError);
});

test.run();
