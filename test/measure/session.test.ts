/** Timing sessions on the real device: what they tell, and what they survive. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { DeviceLimitError, NoAdapterError } from "../../src/gpu/errors.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Model } from "../../src/graph/types.ts";
import type { OpenGpu } from "../../src/gpu/gpu.ts";
import { type Findings, NO_FINDINGS, withEvent } from "../../src/measure/session/findings.ts";
import { driftOf } from "../../src/measure/stats.ts";
import { measureSession, type SessionNetwork, type SessionOptions } from "../../src/measure/session/session.ts";
import type { Row, SessionEvent } from "../../src/measure/session/types.ts";
import { createVisibility } from "../../src/measure/session/visibility.ts";
import { createModel } from "../../src/models/zoo.ts";
import { assertKeepable, faulty, flipsBit } from "./session_faults.ts";

const test = suite("timing session");
prepareEnvironment();

function model(name: string, width = 1): Model {
  const graph = createModel(name, { width });
  return { graph, params: initialise(graph, 1) };
}

const NETWORKS: readonly SessionNetwork[] = ["digits", "lenet5"].flatMap((network) => [
  { network, variant: "dense", model: () => model(network) },
  { network, variant: "pruned", model: () => model(network, 0.5) },
]);
const DIGITS = NETWORKS.slice(0, 2);
const PROTOCOL = { mode: "burst", seconds: 0.05, batches: [8] } as const;

/** Runs a session and keeps all that it tells. `on` sees each event as it is told. */
async function session(
  options: Partial<SessionOptions>,
  on: (event: SessionEvent) => void = () => {},
): Promise<{ events: SessionEvent[]; found: Findings; complete: boolean }> {
  const events: SessionEvent[] = [];
  const { complete } = await measureSession({
    networks: NETWORKS,
    protocol: PROTOCOL,
    ...options,
    onEvent: (event) => {
      events.push(event);
      on(event);
    },
  });
  const found = events.reduce(withEvent, NO_FINDINGS);
  assertKeepable(found);
  return { events, found, complete };
}

const name = ({ network, variant, batch }: Row) => `${network} ${variant} ${batch}`;
const rowNames = (batches: readonly number[]) =>
  ["digits", "lenet5"].flatMap((network) =>
    batches.flatMap((batch) => ["dense", "pruned"].map((variant) => `${network} ${variant} ${batch}`))
  );
const ALL = rowNames(PROTOCOL.batches);
/** A machine that others use as well gets slower now and then. */
const incidents = (found: Findings) => found.incidents.map(({ kind }) => kind).filter((kind) => kind !== "slower");

test("tells the device, the self-test and every row, in this order, as plain data", async () => {
  const { events, found, complete } = await session({ protocol: { ...PROTOCOL, batches: [1, 8] } });
  assert.is(complete, true);
  const kinds = events.map(({ kind }) => kind);
  assert.equal(kinds.slice(0, 3), ["device", "progress", "self-test"]);
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

test("progress goes from 0 to its total", async () => {
  const { events } = await session({ networks: DIGITS });
  const steps = events.filter((event) => event.kind === "progress");
  assert.equal(steps.map(({ done, total }) => `${done}/${total}`), ["0/2", "1/2", "2/2"]);
});

test("sustained mode takes all of its time, and says how the end compares with the beginning", async () => {
  const { found } = await session({ networks: DIGITS, protocol: { mode: "sustained", seconds: 6, batches: [8] } });
  for (const { samples, medianMs, drift } of found.rows) {
    assert.ok(samples! >= 25, `${samples} samples`);
    assert.ok(medianMs! > 0 && drift! > 0.2 && drift! < 5, `drift ${drift}`);
  }
});

test("drift compares the last fifth with the first", () => {
  assert.is(driftOf([1, 1, 1, 5, 5, 5, 5, 2, 2, 2]), 2);
  assert.is(driftOf([4, 4, 9, 9, 9, 9, 9, 9, 2, 2]), 0.5);
});

/** A device whose timings are made up: `ms` of a sample, and how fine its clock is. */
function timing(ms: () => number, quantumMs: number) {
  return faulty((gpu) => gpu.time = () => Promise.resolve({ ms: ms(), clock: "wall clock", quantumMs }));
}

test("a device that gets slower is told of", async () => {
  let ms = 100;
  const { found } = await session({
    networks: DIGITS,
    open: timing(() => ms += 0.3, 0.1),
    protocol: { mode: "sustained", seconds: 0.5, batches: [1] },
  });
  const slower = found.incidents.filter(({ kind }) => kind === "slower");
  assert.is(slower.length, 2, JSON.stringify(found.rows));
  assert.match(slower[0].text, /^digits dense, batch 1: \d\.\d\d times as long at the end/);
});

test("a device that is slower for a later row than for the first is told of once", async () => {
  let rows = 0;
  const { found } = await session({
    networks: DIGITS,
    protocol: { mode: "burst", seconds: 0, batches: [1, 2, 3] },
    open: faulty((gpu) => {
      const factor = rows >= 2 ? 20 : 1;
      const time = gpu.time.bind(gpu);
      gpu.time = async (record) => {
        const timing = await time(record);
        return { ...timing, ms: timing.ms * factor };
      };
    }),
  }, (event) => event.kind === "row" && rows++);
  const slower = found.incidents.filter(({ text }) => text.includes("product")).map(({ text }) => text);
  assert.match(slower[0], /^at digits, batch 2: a 256×256×256 product takes \d+\.\d\d times as long as before/);
  assert.is(slower.filter((text) => text.includes("batch 2")).length, 1);
});

/** Loses the first, second … of the devices that rows are measured on, amid the samples. */
function losing(...nths: number[]): OpenGpu {
  let measured = 0;
  return faulty((gpu) => {
    const time = gpu.time.bind(gpu);
    let timed = 0;
    gpu.time = (record) => {
      if (++timed === 15 && nths.includes(++measured)) gpu.loseDevice();
      return time(record);
    };
  });
}

test("a lost device is opened again and the row tried once more", async () => {
  const { found, complete } = await session({ open: losing(1) });
  assert.is(complete, true);
  assert.equal(incidents(found), ["device lost", "device reopened"]);
  assert.equal(found.rows.map(name), ALL);
  assert.equal(found.rows.map(({ status }) => status), ["retried", "retried", "measured", "measured"]);
  assert.ok(found.rows.every(({ medianMs }) => medianMs! > 0));
});

test("lost twice in the same row, it fails, and the others are measured", async () => {
  const { found, complete } = await session({ open: losing(1, 2) });
  assert.is(complete, true);
  assert.equal(incidents(found), ["device lost", "device reopened", "device lost"]);
  assert.equal(found.rows.map(name), ALL);
  assert.equal(found.rows.map(({ status }) => status), ["failed", "failed", "measured", "measured"]);
  assert.match(found.rows[0].reason!, /^the GPU device was lost/);
  assert.not.match(found.rows[0].reason!, "--resume");
});

test("a device that never comes back fails the rest of the table", async () => {
  let gone = false;
  const opener = faulty(() => {});
  const { found, complete } = await session({
    networks: DIGITS,
    open: (options) => gone ? Promise.reject(new NoAdapterError("no WebGPU adapter: gone")) : opener(options),
  }, (event) => gone ||= event.kind === "self-test");
  assert.is(complete, true);
  assert.equal(found.rows.map(({ status }) => status), ["failed", "failed"]);
  assert.match(found.rows[0].reason!, "no WebGPU adapter");
});

/** Of the weights of the dense digits network's first linear layer, [64, 512]. */
const DENSE_BYTES = 64 * 512 * 4;

test("a variant that doesn't fit fails alone, with the reason", async () => {
  const open = faulty((gpu) => {
    const alloc = gpu.alloc.bind(gpu);
    gpu.alloc = (bytes, label) => {
      if (bytes === DENSE_BYTES) throw new DeviceLimitError(`buffer "${label}" needs ${bytes} bytes`);
      return alloc(bytes, label);
    };
  });
  const { found, complete } = await session({ networks: DIGITS, open });
  assert.is(complete, true);
  assert.equal(found.rows.map(({ variant, status }) => `${variant} ${status}`), ["dense failed", "pruned measured"]);
  assert.match(found.rows[0].reason!, /needs \d+ bytes/);
});

test("a network that can't be made fails with its reason, and the session goes on", async () => {
  const broken: SessionNetwork = {
    network: "mine",
    variant: "dense",
    model: () => Promise.reject(new Error("the file ends early\nat byte 7")),
  };
  const { found, complete } = await session({ networks: [broken, DIGITS[0]] });
  assert.is(complete, true);
  assert.equal(found.rows.map(({ network, status, reason }) => [network, status, reason]), [
    ["mine", "failed", "the file ends early"],
    ["digits", "measured", undefined],
  ]);
});

test("a device that computes wrong numbers is not timed", async () => {
  const { found, complete } = await session({ networks: DIGITS, open: flipsBit(1) });
  assert.is(complete, true);
  assert.equal(found.rows.map(({ status }) => status), ["failed", "failed"]);
  assert.match(found.rows[0].reason!, /computes wrong numbers \(self-test: .*reduction/);
});

test("stopped, it ends with what there is", async () => {
  const controller = new AbortController();
  const { events, found, complete } = await session(
    { signal: controller.signal },
    (event) => event.kind === "row" && event.row.variant === "pruned" && controller.abort(),
  );
  assert.is(complete, false);
  assert.equal(found.rows.map(name), ALL.slice(0, 2));
  assert.equal(incidents(found), ["stopped"]);
  assert.is(events.at(-1)!.kind, "incident");
});

test("stopped amid its samples, by a message that comes while it measures", async () => {
  const controller = new AbortController();
  const started = performance.now(), seconds = 120;
  const { complete } = await session(
    { signal: controller.signal, networks: DIGITS, protocol: { mode: "sustained", seconds, batches: [8] } },
    (event) => event.kind === "self-test" && setTimeout(() => controller.abort(), 1500),
  );
  assert.is(complete, false);
  assert.ok(performance.now() - started < seconds * 1000, "the first row alone would have taken longer");
});

test("a hidden page makes rows doubtful; they are measured again when it is seen", async () => {
  const visibility = createVisibility();
  const told: Row[] = [];
  const { found } = await session({
    visibility,
    networks: DIGITS,
    protocol: { mode: "sustained", seconds: 1, batches: [8] },
    open: hiding(() => visibility.set("hidden")),
  }, (event) => {
    if (event.kind !== "row") return;
    told.push(event.row);
    if (told.length === 2) setTimeout(() => visibility.set("visible"), 100);
  });
  assert.equal(told.map(({ doubt }) => doubt), [
    "the page was hidden meanwhile",
    "the page was hidden meanwhile",
    undefined,
    undefined,
  ]);
  assert.equal(found.rows, told.slice(2));
  assert.equal(incidents(found), ["hidden", "visible"]);
});

test("hidden again, the row stays doubtful and isn't measured a third time", async () => {
  const visibility = createVisibility();
  let rows = 0;
  const { found, complete } = await session({
    visibility,
    networks: DIGITS,
    protocol: { mode: "burst", seconds: 0.05, batches: [8] },
    open: hiding(() => visibility.set("hidden"), Infinity),
  }, (event) => {
    if (event.kind === "row" && ++rows % 2 === 0) setTimeout(() => visibility.set("visible"), 10);
  });
  assert.is(complete, true);
  assert.is(rows, 4);
  assert.ok(found.rows.every(({ doubt }) => doubt === "the page was hidden meanwhile"));
});

/** Calls `hide` at the fifth timing of each of the first `times` devices that time so often. */
function hiding(hide: () => void, times = 1) {
  return faulty((gpu) => {
    const time = gpu.time.bind(gpu);
    let timed = 0;
    gpu.time = (record) => {
      if (++timed === 5 && times-- > 0) hide();
      return time(record);
    };
  });
}

test("a clock that can't tell gives no number, one that hardly can a doubtful one", async () => {
  const row = async (quantumMs: number) => {
    const { found } = await session({ networks: DIGITS.slice(0, 1), open: timing(() => 2000, quantumMs) });
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
