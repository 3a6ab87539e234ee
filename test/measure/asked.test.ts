/** Timing that another device asked for, and the latency table that such times come to. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { testGpu } from "../gpu.ts";
import { timingJob } from "../../src/measure/asked/shape_id.ts";
import { timeJob } from "../../src/measure/asked/time_job.ts";
import { type TimingJob, WHOLE } from "../../src/measure/asked/types.ts";
import { askedTable } from "../../src/measure/latency/asked_table.ts";
import { latencyEstimate } from "../../src/measure/latency/estimate.ts";
import { builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";

const test = suite("timing that is asked for");
const network = () => {
  const b = builder("small", ["N", 4, 6, 6]);
  const x = b.conv(b.input, { name: "conv1", out: 8, kernel: 3, pad: 1, bias: true });
  return b.graph([
    b.conv(b.maxPool(b.relu(x), { name: "pool", kernel: 2 }), { name: "conv2", out: 8, kernel: 1, bias: true }),
  ]);
};

test("a device times what a job asks for, in the job's order, and its pace with it", async () => {
  const gpu = await testGpu();
  const job = await timingJob({
    title: "small",
    graph: network(),
    batch: 2,
    timed: ["conv2", WHOLE, "pool", "absent"],
  });
  const sent: TimingJob = JSON.parse(JSON.stringify(job));
  const answer = (await timeJob(gpu, sent))!;
  assert.is(answer.shape, job.shape);
  assert.equal(answer.adapter, gpu.info);
  assert.equal(answer.times.map(({ name, samplesMs }) => [name, samplesMs.length]), [
    ["conv2", 8],
    [WHOLE, 8],
    ["pool", 8],
    ["absent", 0],
  ]);
  assert.is(answer.paceMs.length, 8);
  assert.ok(answer.times.every(({ samplesMs }) => samplesMs.every((ms) => ms > 0)));
});

test("a table's jobs, timed by a device of 1 ms for each 1000 multiply-adds, make a table that says so", async () => {
  const graph = network();
  const { jobs, table } = await askedTable({ graph }, { name: "small", batch: 1, mostPoints: 1 });
  // Ends of two layer shapes, 4 → 8 and 8 → 8 channels, and the whole with its pool.
  assert.equal(jobs.map(({ title, timed }) => [title, timed]), [
    ["small, the whole", [WHOLE, "pool"]],
    ["1×1 convolution of 3×3, 4 → 4", ["layer"]],
    ["1×1 convolution of 3×3, 4 → 8", ["layer"]],
    ["1×1 convolution of 3×3, 8 → 4", ["layer"]],
    ["1×1 convolution of 3×3, 8 → 8", ["layer"]],
    ["3×3 convolution of 6×6, pads 1, 4 → 4", ["layer"]],
    ["3×3 convolution of 6×6, pads 1, 4 → 8", ["layer"]],
  ]);
  const built = table((job) => ({
    times: job.timed.map((name) => name === "pool" ? 0.25 : graphCost(job.graph).macs / 1000),
    clock: "gpu timestamps",
    quantumMs: 0.01,
  }));
  const exact = (36 * 9 * 4 * 8 + 9 * 8 * 8) / 1000;
  // Times are kept to four digits.
  assert.is(built.wholeMs, Number(exact.toPrecision(4)));
  const estimated = latencyEstimate(built)({ graph });
  assert.ok(Math.abs(estimated - (exact + 0.25)) < 0.01, `${estimated}`);
});

test.run();
