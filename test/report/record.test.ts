/** A device's record from its beginning on. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LatencyTable } from "../../src/measure/latency/types.ts";
import { beginRecord, sessionName, withTable } from "../../src/report/devices/record.ts";
import { parseDeviceRecord } from "../../src/report/devices/schema.ts";

const test = suite("device records");

const table = (model: string, batch: number, wholeMs = 1): LatencyTable => ({
  model,
  batch,
  wholeMs,
  clock: "wall clock",
  quantumMs: 0.1,
  launchMs: 0.01,
  rest: [],
  layers: [{ shape: "linear", layers: ["fc"], inputs: [4, 8], outputs: [4], medianMs: [[1], [2]] }],
});

const begun = () =>
  beginRecord({
    tool: "secateur 0.1.0",
    session: sessionName(),
    name: "pixel8",
    backend: "webgpu",
    runtime: { userAgent: "a browser", cores: 8, isolated: true },
    protocol: { mode: "burst", seconds: 1, batches: [1] },
  });

test("what begins is a record already, and isn't complete", () => {
  const record = begun();
  assert.equal(parseDeviceRecord(JSON.parse(JSON.stringify(record)), "record"), record);
  assert.is(record.complete, false);
  assert.is.not(begun().session, record.session);
});

test("tables are one for each model and batch size, and leave what a stopped session is", () => {
  const tables = [table("a", 1), table("a", 8), table("b", 1), table("a", 1, 2)];
  const record = tables.reduce(withTable, begun());
  assert.equal(record.tables!.map(({ model, batch, wholeMs }) => [model, batch, wholeMs]), [
    ["a", 8, 1],
    ["b", 1, 1],
    ["a", 1, 2],
  ]);
  assert.is(record.complete, false);
  parseDeviceRecord(JSON.parse(JSON.stringify(record)), "record");
});

test.run();
