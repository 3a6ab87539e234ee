/** `secateur devices` over records in memory. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Row } from "../../src/measure/session/types.ts";
import { deviceLabels } from "../../src/report/devices/compare.ts";
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
  assert.match(out[0], /here +llvmpipe, a software adapter; burst/);
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
});

async function pageOf(...records: readonly DeviceRecord[]): Promise<string> {
  const { run, io } = await withRecords(...records);
  assert.is(await run("devices", "--html", "devices.html"), 0);
  return new TextDecoder().decode(await io.store.read("devices.html"));
}

test("--html draws one chart of all networks and devices, without what is in doubt, and names what is left out", async () => {
  const page = await pageOf(PIXEL, LAPTOP, SOFTWARE);
  assert.is(page.match(/<figure>/g)?.length, 1);
  const [chart] = page.match(/<figure>[\s\S]*<\/figure>/)!;
  assert.match(
    chart,
    "resnet20, batch 1: 2.00× fewer MACs; pixel8 6.00 → 4.00 ms, 1.50×; resnet20, batch 32: 2.00× fewer MACs; pixel8 80.0 → 32.0 ms, 2.50×<",
  );
  assert.not.match(chart, "laptop");
  assert.match(page, /laptop[\s\S]*the page was hidden meanwhile/);
  assert.match(page, "Left out of the comparison: here (software adapter).");
});

test("--html has no table for a device that timed nothing, and no chart where none did", async () => {
  const idle = record("idle", "Mali-G57", false, [row("dense", 1, 6)]);
  const captions = (page: string) => [...page.matchAll(/<caption><span>([^<]*)/g)].map(([, caption]) => caption);
  const page = await pageOf(PIXEL, idle);
  assert.equal(captions(page), ["pixel8", "Devices"]);
  assert.match(page, "Timed no network both dense and pruned: idle.");
  const nothing = await pageOf(idle);
  assert.equal(captions(nothing), ["Devices"]);
  assert.match(nothing, "No network was timed both dense and pruned.");
  assert.not.match(nothing, "<figure>");
});

test("--html says so where every pair is in doubt", async () => {
  const page = await pageOf(LAPTOP);
  assert.match(page, "Every pair of times is in doubt: the tables say why.");
  assert.not.match(page, "<figure>");
});

test("devices of one name are told apart by adapter, by time, by session, or by number", () => {
  const pixel = { ...PIXEL, session: "aaaaaaaa-1" };
  const other = { ...pixel, device: { ...PIXEL.device!, description: "Mali-G710" } };
  const later = { ...pixel, started: "2026-02-01T08:30:00.000Z" };
  const session = { ...pixel, session: "bbbbbbbb-2" };
  assert.equal(deviceLabels([pixel, LAPTOP]), ["pixel8", "laptop"]);
  assert.equal(deviceLabels([pixel, LAPTOP, other]), ["pixel8 (Mali-G715)", "laptop", "pixel8 (Mali-G710)"]);
  assert.equal(deviceLabels([pixel, later]), [
    "pixel8 (measured 2026-01-31 12:00)",
    "pixel8 (measured 2026-02-01 08:30)",
  ]);
  assert.equal(deviceLabels([pixel, session]), ["pixel8 (session aaaaaaaa)", "pixel8 (session bbbbbbbb)"]);
  assert.equal(deviceLabels([pixel, { ...pixel }]), ["pixel8 (number 1)", "pixel8 (number 2)"]);
});

test("labels stand in the table, in its doubts and on the page", async () => {
  const first = { ...LAPTOP, device: { ...LAPTOP.device!, description: "Iris Plus" } };
  const cli = session();
  const put = (file: string, found: DeviceRecord) =>
    cli.io.store.write(file, new TextEncoder().encode(JSON.stringify(found)));
  await put("runs/devices/laptop.json", LAPTOP);
  await put("runs/devices/laptop-2.json", first);
  assert.is(await cli.run("devices", "--html", "devices.html"), 0);
  assert.match(cli.out[0], "laptop (Iris Xe)");
  assert.match(cli.out[0], "? laptop (Iris Plus), resnet20, batch 1: the page was hidden meanwhile");
  assert.match(new TextDecoder().decode(await cli.io.store.read("devices.html")), "on laptop (Iris");
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
