/** This machine as a device among others. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { zooModel } from "../../src/prune/methods/uniform.ts";
import type { DeviceRecord } from "../../src/report/devices/record.ts";
import { parseDeviceRecord } from "../../src/report/devices/schema.ts";
import { timeNetworks } from "../../src/report/devices/time_networks.ts";
import { silentUi } from "../../src/ui.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { session } from "./fake.ts";

const test = suite("secateur time");
const settings = {
  networks: [{ name: "digits", model: zooModel("digits") }],
  protocol: { mode: "burst", seconds: 0.05, batches: [1] },
  detail: false,
  tables: false,
  name: "here",
  tool: "secateur 0.1.0",
  ui: silentUi(),
  runtime: { userAgent: "deno", cores: 2, isolated: true },
  signal: new AbortController().signal,
} as const;

const row = (variant: "dense" | "pruned", medianMs: number) => ({
  network: "digits",
  variant,
  batch: 1,
  params: 10,
  macs: 40,
  status: "measured" as const,
  medianMs,
  madMs: 0.1,
  samples: 20,
});

const record = (name: string): DeviceRecord => ({
  version: 1,
  tool: "secateur 0.1.0",
  session: "session-1",
  name,
  started: "2026-01-31T12:00:00.000Z",
  runtime: settings.runtime,
  backend: "webgpu",
  protocol: settings.protocol,
  complete: true,
  device: { vendor: "v", architecture: "a", description: "d", fallback: true, features: [], limits: {} },
  rows: [row("dense", 3), row("pruned", 1)],
  layers: [],
  kernels: [],
  incidents: [],
});

test("a record as a phone makes it, with tables where they are wanted", async () => {
  const found = await timeNetworks({ ...settings, tables: true, tableSeconds: 0 });
  parseDeviceRecord(JSON.parse(JSON.stringify(found)), "record");
  assert.is(found.complete, true);
  assert.equal(found.rows.map(({ variant, status }) => `${variant} ${status}`), ["dense measured", "pruned measured"]);
  assert.equal(found.tables!.map(({ model, batch }) => [model, batch]), [["digits", 1]]);
});

test("stopped early there is none; an unknown network, or a file that isn't there, is named before anything is measured", async () => {
  const stopped = await timeNetworks({ ...settings, signal: AbortSignal.abort() }).then(
    () => undefined,
    (error) => error,
  );
  assert.instance(stopped, Interrupted);
  for (
    const [name, words] of [["resnet21", /unknown model "resnet21"/], [
      "a/net.onnx",
      /a\/net\.onnx: no such file; looked/,
    ]] as const
  ) {
    for (const command of ["time", "tune"]) {
      const { run, err } = session();
      assert.is(await run(command, name), 1);
      assert.match(err[0], words);
    }
  }
});

test("networks from files are called as their files, or by their paths where two share a name", async () => {
  const asked: [string, number][] = [];
  const { run, io } = session({
    timeNetworks({ networks, name }) {
      for (const { name, model } of networks) asked.push([name, graphCost(model.graph).params]);
      return Promise.resolve(record(name));
    },
  });
  const { graph, params } = zooModel("lenet5");
  for (const file of ["a/net.onnx", "b/net.onnx", "b/other.onnx"]) {
    await io.store.write(file, onnxBytes({ graph, params }));
  }
  assert.is(await run("time", "a/net.onnx", "b/net.onnx", "b/other.onnx", "digits", "--json"), 0);
  assert.equal(asked, [["a/net.onnx", 431_080], ["b/net.onnx", 431_080], ["other", 431_080], ["digits", 38_282]]);
});

test("the command keeps it, shows it, and never writes over another one", async () => {
  const { run, out, err, io } = session({ timeNetworks: ({ name }) => Promise.resolve(record(name)) });
  assert.is(await run("time", "digits", "--name", "desk"), 0);
  assert.match(out[0], /digits .*3\.00×[\s\S]*Kept in runs\/devices\/desk\.json$/);
  assert.is(await run("time", "digits", "--name", "desk"), 1);
  assert.match(err[0], /runs\/devices\/desk\.json is there already/);
  assert.equal(await io.store.list("runs"), ["runs/devices/desk.json"]);
  for (const args of [["--batches", "0"], ["--name", "../x"]]) assert.is(await run("time", ...args), 2);
  assert.is(await run("time", "--help"), 0);
});

test("asked for f16, the command tells how far it moves the outputs, or that there is none here", async () => {
  const timed = async (rows: DeviceRecord["rows"]) => {
    const cli = session({
      timeNetworks: ({ name, protocol }) => Promise.resolve({ ...record(name), protocol, rows }),
    });
    assert.is(await cli.run("time", "digits", "--f16"), 0);
    return cli.out[0];
  };
  const rows = [row("dense", 3), row("pruned", 1)];
  assert.match(await timed(rows), /; burst; numbers kept in f32: this device has no f16\n/);
  const moved = rows.map((one, i) => ({ ...one, halfMaxRel: (i + 1) * 1e-4 }));
  assert.match(await timed(moved), /numbers kept in f16: outputs differ by at most 0\.00020 of the largest\n/);
});

test.run();
