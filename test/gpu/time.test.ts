import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TimestampClock, type Timing, wallQuantumMs } from "../../src/gpu/clock.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { floats, openGpu, planAffine } from "./kernels.ts";

const test = suite("timing");

const COUNT = 1 << 18;

/** The shortest times of a few dispatches, and of twenty times as many: what else the machine does only adds to them. */
async function times(gpu: Gpu) {
  const [x, y] = [floats(gpu, COUNT), floats(gpu, COUNT)];
  gpu.clear(x);
  const repeat = (n: number) => () => {
    for (let i = 0; i < n; i++) gpu.run(planAffine(COUNT, i), [x, y]);
  };
  await gpu.time(repeat(2));
  const shortest = async (n: number) => {
    const samples = [];
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      const timing = await gpu.time(repeat(n));
      assert.ok(timing.ms > 0 && timing.ms <= performance.now() - start + 1, `${timing.ms} ms, longer than it took`);
      samples.push(timing);
    }
    return samples.sort((a, b) => a.ms - b.ms)[0];
  };
  return { few: await shortest(5), many: await shortest(100) };
}

test("more work takes longer, on the device's clock where it has one", async () => {
  using gpu = await openGpu();
  const { few, many } = await times(gpu);
  assert.ok(many.ms > 4 * few.ms, `5 dispatches took ${few.ms} ms, 100 took ${many.ms} ms`);
  if (gpu.features.has("timestamp-query")) assert.is(many.clock, "gpu timestamps");
});

test("several recordings are timed one by one in one wait, and without timestamps too", async () => {
  for (const without of [[], ["timestamp-query"]] as const) {
    using gpu = await openGpu({ without: [...without] });
    const [x, y] = [floats(gpu, COUNT), floats(gpu, COUNT)];
    gpu.clear(x);
    const repeat = (n: number) => () => {
      for (let i = 0; i < n; i++) gpu.run(planAffine(COUNT, i), [x, y]);
    };
    const rounds: Timing[][] = [];
    for (let i = 0; i < 6; i++) rounds.push(await gpu.timeEach([repeat(100), repeat(5), repeat(5)]));
    const [many, few, last] = rounds[0].map((_, k) => Math.min(...rounds.slice(1).map((round) => round[k].ms)));
    assert.ok(many > few && many > last && few > 0 && last > 0, `${many} ms, ${few} ms and ${last} ms`);
    assert.equal(await gpu.timeEach([]), []);
  }
});

test("with timestamps a measurement waits for earlier work alone, and not again where that was seen to be done", async () => {
  using gpu = await openGpu();
  if (!gpu.features.has("timestamp-query")) return;
  const queue = GPUQueue.prototype;
  const { onSubmittedWorkDone } = queue;
  let waits = 0;
  queue.onSubmittedWorkDone = function () {
    waits++;
    return onSubmittedWorkDone.call(this);
  };
  const waitsFor = async (work: () => unknown) => {
    waits = 0;
    await work();
    return waits;
  };
  try {
    const [x, y] = [floats(gpu, COUNT), floats(gpu, COUNT)];
    const once = () => gpu.run(planAffine(COUNT, 1), [x, y]);
    const time = () => gpu.time(once);
    await gpu.sync();
    assert.is(await waitsFor(time), 0);
    assert.is(await waitsFor(time), 0, "it has waited for its own");
    assert.is(await waitsFor(() => gpu.timeEach([once, once, once])), 0);
    once();
    assert.is(await waitsFor(time), 1, "something was recorded");
    once();
    gpu.flush();
    assert.is(await waitsFor(time), 1, "something was submitted");
    assert.is(await waitsFor(time), 0);
    once();
    await gpu.readMany([]);
    assert.is(await waitsFor(time), 1, "reading nothing has seen nothing");
    once();
    await gpu.readMany([y]);
    assert.is(await waitsFor(time), 0, "reading something has seen it");
  } finally {
    queue.onSubmittedWorkDone = onSubmittedWorkDone;
  }
});

test("without timestamps the wall clock is used, with its own grain", async () => {
  using gpu = await openGpu({ without: ["timestamp-query"] });
  assert.not.ok(gpu.features.has("timestamp-query"));
  const started = performance.now();
  const { many } = await times(gpu);
  assert.is(many.clock, "wall clock");
  // A poll is short beside the twelve measurements of which each waits for one at least.
  const all = performance.now() - started;
  assert.ok(many.quantumMs > 0.01 && many.quantumMs < all / 2, `${many.quantumMs} of ${all} ms`);
});

test("the wall clock's grain is what a wait for nothing takes, and never less than the clock's step", async () => {
  const waits: number[] = [];
  const slow = await wallQuantumMs(async () => {
    const started = performance.now();
    await new Promise((done) => setTimeout(done, 20));
    waits.push(performance.now() - started);
  });
  assert.ok(slow >= Math.min(...waits) && slow < Math.max(...waits) + 1, `${slow} ms of ${waits}`);
  const quick = await wallQuantumMs(() => Promise.resolve());
  assert.ok(quick > 0 && quick < slow / 2, `${quick} ms beside ${slow}`);
});

const pair = (from: bigint, to: bigint) => BigUint64Array.of(from, to).buffer;

test("timestamps that can't be true aren't taken", () => {
  const clock = new TimestampClock();
  const timing = clock.timing(pair(1_000_000n, 3_500_000n), 4);
  assert.equal([timing?.ms, timing?.clock], [2.5, "gpu timestamps"]);
  for (const [from, to] of [[0n, 0n], [5n, 4n], [0n, 100_000_000n]]) {
    assert.is(clock.timing(pair(from, to), 4), undefined);
  }
});

test("the grain of timestamps is what divides them all", () => {
  const quantum = (...pairs: [bigint, bigint][]) => {
    const clock = new TimestampClock();
    return pairs.map(([from, to]) => clock.timing(pair(from, to), 1e9)?.quantumMs).at(-1);
  };
  const step = 65_536n, late = 1_790_000_000_000n;
  assert.is(quantum([4n * step, 8n * step]), 0.262144, "too coarse at first");
  assert.is(quantum([4n * step, 8n * step], [late * step, (late + 3n) * step]), 0.065536);
  assert.is(quantum([100_000n, 300_000n], [700_000n, 1_200_000n]), 0.1);
  assert.is(quantum([late, late + 12_345n], [late + 52_001n, late + 81_009n]), 1e-6);
});

test("each dispatch of a recording is timed by itself, over several submits", async () => {
  using gpu = await openGpu();
  const [x, y] = [floats(gpu, COUNT), floats(gpu, COUNT)];
  const found = await gpu.timeDispatches(() => {
    for (let i = 0; i < 70; i++) gpu.run(planAffine(i === 69 ? COUNT : 4, i), [x, y], `number ${i}`);
  });
  assert.equal(found.map(({ label }) => label), Array.from({ length: 70 }, (_, i) => `number ${i}`));
  if (!gpu.features.has("timestamp-query")) return;
  const small = found.slice(0, 69).map(({ ms }) => ms!).sort((a, b) => a - b)[34];
  assert.ok(small > 0 && found[69].ms! > 2 * small, `${found[69].ms} ms beside ${small}`);
});

test("without timestamps the dispatches of a recording have no times", async () => {
  using gpu = await openGpu({ without: ["timestamp-query"] });
  const [x, y] = [floats(gpu, 4), floats(gpu, 4)];
  const [found] = await gpu.timeDispatches(() => gpu.run(planAffine(4), [x, y], "alone"));
  assert.is(found.label, "alone");
  assert.is(found.plan.program.name, "affine");
  assert.is(found.ms, undefined);
});

test.run();
