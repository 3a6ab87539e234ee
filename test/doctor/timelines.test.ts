import "../../src/disposable.ts";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { initialise } from "../../src/graph/initialise.ts";
import { builder } from "../../src/graph/build.ts";
import { measureTimelines } from "../../src/measure/timelines.ts";
import { testGpu } from "../gpu.ts";
import { replaceTime } from "../gpu/replace_time.ts";

const test = suite("timelines");

/** A convolution and a Gemm, with a pooling between them and a flatten that launches nothing. */
function network() {
  const b = builder("small", ["N", 2, 4, 4]);
  const conv = b.conv(b.input, { name: "conv", out: 3, kernel: 3, pad: 1, bias: true });
  const pool = b.maxPool(b.relu(conv), { name: "pool", kernel: 2 });
  const graph = b.graph([b.gemm(b.flatten(pool), { name: "fc", out: 5, bias: true })]);
  return { graph, params: initialise(graph, 1) };
}

test("each step has its multiply-adds, the bytes that it must move, and its dispatches", async () => {
  const gpu = await testGpu();
  const model = network();
  const found = (await measureTimelines(gpu, [model, model], 3))!;
  assert.is(found.timelines.length, 2);
  assert.ok(found.launchMs > 0);
  for (const { steps, wholeMs } of found.timelines) {
    assert.ok(wholeMs > 0);
    assert.equal(steps.map(({ name, op, macs, bytes }) => ({ name, op, macs, bytes })), [
      // 16 pixels · 3 filters · 2 channels · 9 taps; 3·(32 + 48) activations, 54 weights and 3 biases.
      { name: "conv", op: "Conv", macs: 864, bytes: 4 * (3 * 80 + 57) },
      { name: "pool", op: "MaxPool", macs: 0, bytes: 4 * 3 * (48 + 12) },
      { name: "fc", op: "Gemm", macs: 60, bytes: 4 * (3 * (12 + 5) + 65) },
    ]);
    for (const { dispatches, ms } of steps) {
      assert.ok(ms > 0);
      assert.ok(dispatches.length > 0);
      for (const { workgroups, ms } of dispatches) {
        assert.ok(workgroups! >= 1);
        assert.is(ms !== undefined, gpu.features.has("timestamp-query"));
      }
    }
  }
});

test("rounds end when the time is up, after two at least, and there are no more than five", async () => {
  const gpu = await testGpu();
  const time = gpu.time.bind(gpu);
  let samples = 0;
  const restore = replaceTime(gpu, async (record) => {
    samples++;
    return { ...await time(record), ms: 100 };
  });
  try {
    const samplesIn = async (wallSeconds?: number) => {
      samples = 0;
      await measureTimelines(gpu, [network()], 1, { wallSeconds });
      return samples;
    };
    // Each contestant is warmed up and tried once before the first round.
    const contestants = await samplesIn(0) / 4;
    assert.is(await samplesIn(), 7 * contestants);
  } finally {
    restore();
  }
});

test("the least of all samples is no more than their median", async () => {
  const gpu = await testGpu();
  const time = gpu.time.bind(gpu);
  let sample = 0;
  // Each sample is a ms longer than the one before.
  const restore = replaceTime(gpu, async (record) => ({ ...await time(record), ms: 100 + sample++ }));
  try {
    const samples = async (statistic: "median" | "least") => {
      sample = 0;
      return (await measureTimelines(gpu, [network()], 1, { statistic }))!.timelines[0].wholeMs;
    };
    assert.ok(await samples("least") < await samples("median"));
  } finally {
    restore();
  }
});

test("what is ended before everybody had a turn gives nothing", async () => {
  const gpu = await testGpu();
  let left = 3;
  const found = await measureTimelines(gpu, [network()], 1, {
    beforeSample: () => Promise.resolve(left-- > 0 ? "go on" : "enough"),
  });
  assert.is(found, undefined);
});

test.run();
