/** Interleaved timing on a device that is only a clock: what its contestants record costs what they say. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { type Contestant, measureInterleaved, sampleInterleaved } from "../../src/measure/interleaved.ts";

const test = suite("interleaved measuring");

interface Recording {
  readonly names: readonly string[];
  readonly ms: number;
}

/** `speed(t)` is how many times as long work takes at time t, in ms. */
function clockwork({ quantumMs = 1e-6, speed = (_t: number): number => 1 } = {}) {
  let now = 0;
  let recorded: { name: string; ms: number }[] = [];
  const recordings: Recording[] = [];
  const waits: number[] = [];
  const gpu = {
    timeEach(records: readonly (() => void)[]) {
      waits.push(records.length);
      return Promise.all(records.map((record) => gpu.time(record)));
    },
    time(record: () => void) {
      recorded = [];
      record();
      const ms = recorded.reduce((sum, r) => sum + r.ms, 0) * speed(now);
      now += ms;
      recordings.push({ names: recorded.map((r) => r.name), ms });
      return Promise.resolve({ ms: Math.round(ms / quantumMs) * quantumMs, clock: "gpu timestamps", quantumMs });
    },
  } as unknown as Gpu;
  const contestant = (name: string, ms: number, firstMs = ms): Contestant => {
    let calls = 0;
    return { name, record: () => recorded.push({ name, ms: calls++ === 0 ? firstMs : ms }) };
  };
  return { gpu, contestant, recordings, waits };
}

test("every round measures everybody, in an order that rotates", async () => {
  const { gpu, contestant, recordings } = clockwork();
  const contestants = [contestant("a", 10), contestant("b", 20), contestant("c", 30)];
  await measureInterleaved(gpu, contestants, { seconds: 0, minSamples: 4, maxSamples: 4 });
  const order = recordings.slice(-12).map(({ names }) => names[0]).join("");
  assert.is(order, "abc" + "bca" + "cab" + "abc");
});

test("contestants on devices of their own are timed on these, each by its own clock", async () => {
  const fine = clockwork(), coarse = clockwork({ quantumMs: 0.5 });
  const [a, b] = await measureInterleaved(fine.gpu, [
    fine.contestant("a", 60),
    { ...coarse.contestant("b", 80), gpu: coarse.gpu },
  ], { seconds: 0 });
  assert.equal([a.medianMs, a.quantumMs, b.medianMs, b.quantumMs], [60, 1e-6, 80, 0.5]);
  assert.equal([...new Set(coarse.recordings.flatMap(({ names }) => names))], ["b"]);
});

test("times are per run, in the order given, and say how they were taken", async () => {
  const { gpu, contestant } = clockwork();
  const measured = await measureInterleaved(gpu, [contestant("slow", 12), contestant("fast", 0.25)], { seconds: 0.1 });
  assert.equal(measured.map(({ name, medianMs, madMs }) => [name, medianMs, madMs]), [["slow", 12, 0], [
    "fast",
    0.25,
    0,
  ]]);
  assert.is(measured[0].clock, "gpu timestamps");
  assert.is(measured[0].quantumMs, 1e-6);
});

test("samples are at least 5 ms long", async () => {
  const { gpu, contestant, recordings } = clockwork();
  await measureInterleaved(gpu, [contestant("tiny", 0.003)], { seconds: 0, minSamples: 3, maxSamples: 3 });
  for (const { ms } of recordings.slice(-3)) assert.ok(ms >= 5 && ms < 50, `${ms} ms`);
});

test("and at least 100 steps of the clock: Chrome's 65,536 ns want 6.6 ms, Deno's polling 1 s", async () => {
  for (const quantumMs of [0.065536, 10]) {
    const { gpu, contestant, recordings } = clockwork({ quantumMs });
    const [measured] = await measureInterleaved(gpu, [contestant("x", 1.7)], {
      seconds: 0,
      minSamples: 3,
      maxSamples: 3,
    });
    for (const { ms } of recordings.slice(-3)) assert.ok(ms >= 99 * quantumMs, `${ms} ms by steps of ${quantumMs}`);
    assert.ok(Math.abs(measured.medianMs / 1.7 - 1) < 0.01, `${measured.medianMs}`);
  }
});

test("contestants are warmed up and tried out together, those whose sample is long enough no more than once", async () => {
  const { gpu, contestant, waits, recordings } = clockwork();
  const contestants = Array.from({ length: 40 }, (_, i) => contestant(`${i}`, i < 30 ? 6 : 0.5));
  const sampled = await sampleInterleaved(gpu, contestants, { seconds: 0, minSamples: 1, maxSamples: 1 });
  // 32, of which two take half a millisecond and are tried with ten; then eight such.
  assert.equal(waits, [32, 32, 2, 8, 8, 8]);
  assert.equal(sampled.map(({ repeats }) => repeats), contestants.map((_, i) => i < 30 ? 1 : 10));
  assert.ok(recordings.slice(-40).every(({ ms }) => ms >= 5 && ms < 7));
});

test("warming up isn't measured", async () => {
  const { gpu, contestant } = clockwork();
  const [measured] = await measureInterleaved(gpu, [contestant("x", 8, 4000)], {
    seconds: 0,
    minSamples: 1,
    maxSamples: 1,
  });
  assert.is(measured.medianMs, 8);
});

test("the time per contestant, and the least and most samples, bound the number of rounds", async () => {
  const rounds = async (options: { seconds: number; minSamples?: number; maxSamples?: number }) => {
    const { gpu, contestant } = clockwork();
    const [a, b] = await measureInterleaved(gpu, [contestant("a", 10), contestant("b", 100)], options);
    assert.is(a.samples, b.samples);
    return a.samples;
  };
  assert.is(await rounds({ seconds: 0 }), 5);
  assert.is(await rounds({ seconds: 0, minSamples: 9 }), 9);
  assert.is(await rounds({ seconds: 0.2 }), 20, "the fast one has its 0.2 s as well");
  assert.is(await rounds({ seconds: 100 }), 60);
  assert.is(await rounds({ seconds: 100, maxSamples: 12 }), 12);
});

test("on the wall, rests count as well", async () => {
  const { gpu, contestant } = clockwork();
  const rest = async () => {
    await new Promise((done) => setTimeout(done, 20));
    return "go on" as const;
  };
  const options = { seconds: 0.2, secondsOf: "wall", minSamples: 2, maxSamples: Infinity, beforeSample: rest } as const;
  const [a] = await measureInterleaved(gpu, [contestant("a", 10), contestant("b", 100)], options);
  assert.ok(a.samples >= 2 && a.samples <= 11, `${a.samples} samples of 40 ms for both in 0.4 s`);
});

test("it ends where it is told to, with the samples that there are", async () => {
  const { gpu, contestant } = clockwork();
  let calls = 0;
  const [a, b] = await sampleInterleaved(gpu, [contestant("a", 10), contestant("b", 20)], {
    beforeSample: () => Promise.resolve(++calls > 4 ? "enough" : "go on"),
  });
  assert.equal([a.samplesMs, b.samplesMs], [[10], [20, 20]]);
});

test("samples are no longer than they need to be, however coarse the clock", async () => {
  const { gpu, contestant, recordings } = clockwork({ quantumMs: 10 });
  const options = { seconds: 0, minSamples: 1, maxSamples: 1, longestSampleMs: 300 };
  const [{ repeats, quantumMs }] = await sampleInterleaved(gpu, [contestant("x", 17)], options);
  assert.ok(recordings.at(-1)!.ms >= 300 && recordings.at(-1)!.ms < 500);
  assert.equal([repeats, quantumMs], [recordings.at(-1)!.names.length, 10]);
});

test("a machine that gets slower keeps the ratio", async () => {
  const { gpu, contestant } = clockwork({ speed: (t) => 1 + t / 2000 });
  const [a, b] = await measureInterleaved(gpu, [contestant("a", 10), contestant("b", 20)], {
    seconds: 0,
    minSamples: 20,
  });
  assert.ok(Math.abs(b.medianMs / a.medianMs - 2) < 0.04, `${b.medianMs / a.medianMs}`);
});

test("a contestant that records nothing is an error that names it, not a wait without end", async () => {
  const { gpu, contestant } = clockwork();
  try {
    await measureInterleaved(gpu, [contestant("real", 5), { name: "idle", record: () => {} }]);
    assert.unreachable("should throw");
  } catch (error) {
    assert.match((error as Error).message, /"idle" takes 0 ms for \d+ runs/);
  }
});

test.run();
