/** Timing sessions on the real device: what they survive. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DeviceLimitError, NoAdapterError } from "../../src/gpu/errors.ts";
import type { OpenGpu } from "../../src/gpu/gpu.ts";
import type { SessionNetwork } from "../../src/measure/session/session.ts";
import type { Row } from "../../src/measure/session/types.ts";
import { createVisibility } from "../../src/measure/session/visibility.ts";
import { onlyNightly } from "../long.ts";
import { replaceTime } from "../gpu/replace_time.ts";
import { faulty, flipsBit } from "./session_faults.ts";
import { ALL, DENSE_BYTES, FIRST, incidents, name, session } from "./session_run.ts";

const test = suite("what a timing session survives");

/** Loses the first, second … of the devices that rows are measured on, amid the samples. */
function losing(...nths: number[]): OpenGpu {
  let measured = 0;
  return faulty((gpu) => {
    const time = gpu.time.bind(gpu);
    let timed = 0;
    replaceTime(gpu, (record) => {
      if (++timed === 9 && nths.includes(++measured)) gpu.loseDevice();
      return time(record);
    });
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

onlyNightly(test)("lost twice in the same row, it fails, and the others are measured", async () => {
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
    networks: FIRST,
    open: (options) => gone ? Promise.reject(new NoAdapterError("no WebGPU adapter: gone")) : opener(options),
  }, (event) => gone ||= event.kind === "self-test");
  assert.is(complete, true);
  assert.equal(found.rows.map(({ status }) => status), ["failed", "failed"]);
  assert.match(found.rows[0].reason!, "no WebGPU adapter");
});

test("a variant that doesn't fit fails alone, with the reason", async () => {
  const open = faulty((gpu) => {
    const alloc = gpu.alloc.bind(gpu);
    gpu.alloc = (bytes, label) => {
      if (bytes === DENSE_BYTES) throw new DeviceLimitError(`buffer "${label}" needs ${bytes} bytes`);
      return alloc(bytes, label);
    };
  });
  const { found, complete } = await session({ networks: FIRST, open });
  assert.is(complete, true);
  assert.equal(found.rows.map(({ variant, status }) => `${variant} ${status}`), ["dense failed", "pruned measured"]);
  assert.match(found.rows[0].reason!, /needs \d+ bytes/);
});

onlyNightly(test)("a network that can't be made fails with its reason, and the session goes on", async () => {
  const broken: SessionNetwork = {
    network: "mine",
    variant: "dense",
    model: () => Promise.reject(new Error("the file ends early\nat byte 7")),
  };
  const { found, complete } = await session({ networks: [broken, FIRST[0]] });
  assert.is(complete, true);
  assert.equal(found.rows.map(({ network, status, reason }) => [network, status, reason]), [
    ["mine", "failed", "the file ends early"],
    ["first", "measured", undefined],
  ]);
});

test("a device that computes wrong numbers is not timed", async () => {
  const { found, complete } = await session({ networks: FIRST, open: flipsBit(1) });
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
    { signal: controller.signal, networks: FIRST, protocol: { mode: "sustained", seconds, batches: [8] } },
    (event) => event.kind === "self-test" && setTimeout(() => controller.abort(), 700),
  );
  assert.is(complete, false);
  assert.ok(performance.now() - started < seconds * 1000, "the first row alone would have taken longer");
});

test("a hidden page makes rows doubtful; they are measured again when it is seen", async () => {
  const visibility = createVisibility();
  const told: Row[] = [];
  const { found } = await session({
    visibility,
    networks: FIRST,
    protocol: { mode: "sustained", seconds: 0.5, batches: [8] },
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

onlyNightly(test)("hidden again, the row stays doubtful and isn't measured a third time", async () => {
  const visibility = createVisibility();
  let rows = 0;
  const { found, complete } = await session({
    visibility,
    networks: FIRST,
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
    replaceTime(gpu, (record) => {
      if (++timed === 5 && times-- > 0) hide();
      return time(record);
    });
  });
}

test.run();
