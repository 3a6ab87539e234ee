/** `secateur devices` over records in memory. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Row } from "../../src/measure/session/types.ts";
import type { DeviceRecord } from "../../src/report/devices/record.ts";
import { session } from "./fake.ts";

const test = suite("devices");

const row = (variant: Row["variant"], batch: number, medianMs: number, more: Partial<Row> = {}): Row => ({
  network: "resnet20",
  variant,
  batch,
  params: 100,
  macs: variant === "dense" ? 400 : 200,
  status: "measured",
  medianMs,
  madMs: medianMs / 50,
  samples: 9,
  clock: "gpu timestamps",
  quantumMs: 0.001,
  ...more,
});

const record = (name: string, description: string, fallback: boolean, rows: readonly Row[]): DeviceRecord => ({
  version: 1,
  tool: "secateur 0.1.0",
  session: `session-${name}`,
  name,
  started: "2026-01-31T12:00:00.000Z",
  runtime: { userAgent: "test", cores: 8, isolated: true },
  backend: "webgpu",
  protocol: { mode: "burst", seconds: 3, batches: [1, 32] },
  complete: true,
  device: { vendor: "v", architecture: "a", description, fallback, features: [], limits: {} },
  rows,
  layers: [],
  kernels: [],
  incidents: [],
});

const PIXEL = record("pixel8", "Mali-G715", false, [
  ...[row("dense", 32, 80), row("pruned", 32, 32), row("dense", 1, 6), row("pruned", 1, 4)],
]);
const LAPTOP = record("laptop", "Iris Xe", false, [
  ...[row("dense", 1, 3), row("pruned", 1, 2, { doubt: "the page was hidden meanwhile" })],
]);
const SOFTWARE = record("here", "llvmpipe", false, [row("dense", 1, 9), row("pruned", 1, 3)]);
/** On the phone's own GPU, and yet nothing to compare with WebGPU. */
const WITHOUT_WEBGPU: DeviceRecord = { ...record("old", "Adreno 530", false, PIXEL.rows), backend: "gpu.js webgl2" };

async function withRecords(...records: readonly DeviceRecord[]) {
  const cli = session();
  for (const found of records) {
    await cli.io.store.write(`runs/devices/${found.name}.json`, new TextEncoder().encode(JSON.stringify(found)));
  }
  return cli;
}

test("devices stand side by side, batches in order, software adapters left out and named", async () => {
  const { run, out } = await withRecords(PIXEL, LAPTOP, SOFTWARE, WITHOUT_WEBGPU);
  assert.is(await run("devices"), 0);
  const [head, , one, many] = out[0].split("\n");
  assert.match(head, /network +batch +MACs +laptop +pixel8$/);
  assert.match(one, /resnet20 +1 +2\.00× +3\.00 → 2\.00 ms +\? +6\.00 → 4\.00 ms +1\.50×/);
  assert.match(many, /resnet20 +32 +2\.00× +80\.0 → 32\.0 ms +2\.50×/);
  assert.match(out[0], "? laptop, resnet20, batch 1: the page was hidden meanwhile");
  assert.match(out[0], "Left out: here (software adapter), old (gpu.js webgl2); --all shows them");
  assert.not.match(out[0], "llvmpipe");
});

test("--all shows software adapters; a file may be named alone", async () => {
  const { run, out, err } = await withRecords(PIXEL, SOFTWARE);
  assert.is(await run("devices", "--all"), 0);
  assert.match(out[0], /here +llvmpipe; burst/);
  assert.is(await run("devices", "runs/devices/here.json"), 1);
  assert.match(err[0], "there are here (software adapter): --all shows them");
});

test("--html writes a page without scripts that escapes what records say", async () => {
  const sly = record("sly", "<script>alert(1)</script>", false, PIXEL.rows);
  const { run, io } = await withRecords(PIXEL, sly);
  assert.is(await run("devices", "--html", "devices.html"), 0);
  const page = new TextDecoder().decode(await io.store.read("devices.html"));
  assert.not.match(page, "<script");
  assert.match(page, "resnet20, batch 32");
  assert.match(page, /Speed-up: pixel8 2\.50×, sly 2\.50×/);
});

test("a bad record is refused with its key, and nothing is written", async () => {
  const { run, err, io } = await withRecords({ ...PIXEL, rows: [{ ...PIXEL.rows[0], medianMs: -1 }] });
  assert.is(await run("devices", "--html", "devices.html"), 1);
  assert.match(err[0], /runs\/devices\/pixel8\.json: rows\.0\.medianMs: expected/);
  await io.store.write("bad.json", new TextEncoder().encode("{"));
  assert.is(await run("devices", "bad.json"), 1);
  assert.match(err[1], "bad.json: not valid JSON");
  assert.is(await run("devices", "nowhere"), 1);
  assert.match(err[2], "nowhere: no record of a device there");
  assert.is(await io.store.size("devices.html"), undefined);
});

test.run();
