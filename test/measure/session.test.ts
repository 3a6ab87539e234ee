/** Timing sessions on the real device: what they tell. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { NoAdapterError } from "../../src/gpu/errors.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { driftOf } from "../../src/measure/stats.ts";
import { replaceTime } from "../gpu/replace_time.ts";
import { keepWorkClock } from "../gpu/work_clock.ts";
import { onlyNightly } from "../long.ts";
import { faulty } from "./session_faults.ts";
import { FIRST, name, PROTOCOL, rowNames, session } from "./session_run.ts";

const test = suite("timing session");

test("tells the device, the self-test, every row and its progress, in this order, as plain data", async () => {
  const { events, found, complete } = await session({ protocol: { ...PROTOCOL, batches: [1, 8] } });
  assert.is(complete, true);
  const kinds = events.map(({ kind }) => kind);
  assert.equal(kinds.slice(0, 3), ["device", "progress", "self-test"]);
  const steps = events.filter((event) => event.kind === "progress");
  assert.equal(steps.map(({ done, total }) => `${done}/${total}`), ["0/5", "1/5", "2/5", "3/5", "4/5", "5/5"]);
  assert.equal(steps.slice(1, 3).map(({ text }) => text), ["first, 1 image", "first, 8 images at once"]);
  for (const { secondsLeft, done } of steps) assert.is(secondsLeft! > 0, done < 5, `${secondsLeft} s left at ${done}`);
  assert.equal(found.rows.map(name), rowNames([1, 8]));
  for (const row of found.rows) {
    assert.is(row.status, "measured");
    assert.is(row.doubt, undefined, `${name(row)}: ${row.doubt}`);
    assert.ok(row.medianMs! > 0 && row.madMs! >= 0 && row.samples! >= 5);
    assert.ok(row.coldMs! > row.medianMs! / row.batch, `cold ${row.coldMs} ms, warm ${row.medianMs} ms`);
    assert.ok(row.quantumMs! > 0 && row.clock!.length > 0);
  }
  const [dense, pruned] = found.rows;
  assert.ok(pruned.params < dense.params && pruned.macs < dense.macs);
  assert.ok(found.device!.fallback === (await Gpu.open()).info.fallback && found.device!.limits.maxBufferSize > 0);
  assert.is(found.selfTest!.trusted, true);
  assert.equal(JSON.parse(JSON.stringify(events)), events.map((event) => structuredClone(event)));
});

test("between the self-test and the first numbers one device for each variant is opened, and each plan compiled once", async () => {
  const opened: Gpu[] = [];
  let tested = 0, numbers = 0;
  await session({ networks: FIRST, open: faulty((gpu) => opened.push(gpu)) }, ({ kind }) => {
    if (kind === "self-test") tested = opened.length;
    if (kind === "row") numbers ||= opened.length;
  });
  assert.is(numbers - tested, 2);
});

test("rows tell the accuracy that was known before", async () => {
  const [dense, pruned] = FIRST;
  const { found } = await session({ networks: [{ ...dense, accuracy: 0.75 }, pruned] });
  assert.equal(found.rows.map(({ accuracy }) => accuracy), [0.75, undefined]);
});

onlyNightly(test)(
  "sustained mode takes all of its time, and says how the end compares with the beginning",
  async () => {
    const started = performance.now(), seconds = 3;
    const protocol = { mode: "sustained", seconds, batches: [8] } as const;
    const { found } = await session({ networks: FIRST.slice(0, 1), protocol, open: faulty(keepWorkClock) });
    assert.ok(performance.now() - started >= seconds * 1000);
    assert.is(found.rows.length, 1);
    for (const { samples, medianMs, drift } of found.rows) {
      assert.ok(samples! >= 5, `${samples} samples`);
      assert.ok(medianMs! > 0 && Math.abs(drift! - 1) < 1e-9, `drift ${drift}`);
    }
  },
);

test("drift compares the last fifth with the first", () => {
  assert.is(driftOf([1, 1, 1, 5, 5, 5, 5, 2, 2, 2]), 2);
  assert.is(driftOf([4, 4, 9, 9, 9, 9, 9, 9, 2, 2]), 0.5);
});

/** A device whose timings are made up: `ms` of a sample, and how fine its clock is. */
function timing(ms: () => number, quantumMs: number) {
  return faulty((gpu) => replaceTime(gpu, () => Promise.resolve({ ms: ms(), clock: "wall clock", quantumMs })));
}

test("a device that gets slower is told of", async () => {
  let ms = 100;
  const { found } = await session({
    networks: FIRST.slice(0, 1),
    open: timing(() => ms += 3, 0.1),
    protocol: { mode: "sustained", seconds: 2, batches: [1] },
  });
  const slower = found.incidents.filter(({ kind }) => kind === "slower");
  assert.is(slower.length, 1, JSON.stringify(found.rows));
  assert.match(slower[0].text, /^first dense, batch 1: \d+\.\d\d times as long at the end/);
});

onlyNightly(test)("a device that is slower for a later row than for the first is told of once", async () => {
  let rows = 0;
  const { found } = await session({
    networks: FIRST,
    protocol: { mode: "burst", seconds: 0, batches: [1, 2, 3] },
    open: faulty((gpu) => {
      keepWorkClock(gpu);
      const factor = rows >= 2 ? 20 : 1;
      const time = gpu.time.bind(gpu);
      replaceTime(gpu, async (record) => {
        const timing = await time(record);
        return { ...timing, ms: timing.ms * factor };
      });
    }),
  }, (event) => event.kind === "row" && rows++);
  const slower = found.incidents.filter(({ text }) => text.includes("product")).map(({ text }) => text);
  assert.match(slower[0], /^at first, batch 2: a 256×256×256 product takes 20\.00 times as long as before/);
  assert.is(slower.filter((text) => text.includes("batch 2")).length, 1);
});

test("a clock that can't tell gives no number, one that hardly can a doubtful one", async () => {
  const row = async (quantumMs: number) => {
    const { found } = await session({ networks: FIRST.slice(0, 1), open: timing(() => 2000, quantumMs) });
    return found.rows[0];
  };
  const [well, hardly, never] = [await row(20), await row(60), await row(1000)];
  assert.equal([well.medianMs, well.doubt], [2000, undefined]);
  assert.equal([hardly.medianMs, hardly.doubt], [2000, "a sample is only 33 steps of the clock"]);
  assert.equal([never.medianMs, never.doubt], [undefined, "a sample is only 2 steps of the clock"]);
});

test("no WebGPU at all is an error that says so", async () => {
  try {
    await session({ open: () => Promise.reject(new NoAdapterError("no WebGPU adapter: install a driver")) });
    assert.unreachable("should throw");
  } catch (error) {
    assert.instance(error, NoAdapterError);
  }
});

test.run();
