import { suite } from "uvu";
import * as assert from "uvu/assert";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { LatencyTable } from "../../src/measure/latency/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { session } from "./fake.ts";

const test = suite("blocks");

test("its help names what it takes", async () => {
  const { run, out } = session();
  assert.is(await run("blocks", "--help"), 0);
  for (const words of ["Usage: secateur blocks", "<model>", "--all", "--table", "--device", "--batch", "--json"]) {
    assert.ok(out[0].includes(words), words);
  }
});

test("a network of the zoo: its blocks, their forms, and what they cost before and after", async () => {
  const { run, out, err } = session();
  assert.is(await run("blocks", "convnext-micro"), 0);
  assert.equal(err, []);
  const [text] = out;
  assert.match(text, /^convnext-micro: 8 blocks with 3\.36 M of 3\.\d+ M MACs per sample\n/);
  // 49·C + 8·C² to 49·C + C² for each of 14×14 pixels, C = 16 channels.
  assert.match(
    text,
    /features\.1\.0 +convnext +identity +7×7 depthwise 16→16, 1×1 16→16 +555 k → 204 k +2,976 → 1,136\n +linear /,
  );
  assert.match(text, /\n +skip +nothing +555 k → 0 +2,976 → 0\n/);
  for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
});

test("a file says the same as the zoo's network, also as JSON", async () => {
  const { run, out, io } = session();
  const graph = createModel("mobilenetv2-micro");
  await io.store.write("net.onnx", onnxBytes({ graph, params: initialise(graph, 1) }));
  assert.is(await run("blocks", "net.onnx", "--json"), 0);
  assert.is(await run("blocks", "mobilenetv2-micro", "--json"), 0);
  const [file, zoo] = out.map((text) => JSON.parse(text).blocks);
  const costs = (list: typeof zoo) =>
    list.map((entry: typeof zoo) => entry.offered.map(({ form, macs }: typeof zoo) => [form, macs]));
  assert.equal(costs(file), costs(zoo));
});

test("forms that take more than the block are shown only when asked for", async () => {
  const { run, out } = session();
  assert.is(await run("blocks", "resnet8"), 0);
  assert.is(await run("blocks", "resnet8", "--all"), 0);
  const [some, all] = out;
  assert.match(some, /Not offered:\n {2}identity of layer/);
  assert.not.match(some.split("Not offered")[0], / identity /);
  assert.match(all.split("Not offered")[0], /layer1 +basic +identity /);
});

const TABLE: LatencyTable = {
  model: "digits",
  batch: 4,
  clock: "now",
  quantumMs: 0.001,
  wholeMs: 5,
  launchMs: 0.1,
  layers: [],
  rest: [],
};

test("--table measures this network and what it may become, and ms stand beside", async () => {
  const { run, out, io } = session({
    measureTable: ({ model, batch, also }) => {
      assert.is(model.graph.name, "digits");
      assert.is(batch, 4);
      assert.ok(also!.length > 3);
      return Promise.resolve(TABLE);
    },
  });
  assert.is(await run("blocks", "digits", "--table", "--batch", "4"), 0);
  const said = out[0].replaceAll(/\s+/g, " ");
  assert.match(
    said,
    /No ms where the table has no such layer: .*"conv[12]" .*isn't in the latency table of "digits" at batch 4/,
  );
  assert.equal(await io.store.list("."), []);
});

test("mistakes: one line, exit 1 or 2", async () => {
  const record = new TextEncoder().encode("{}");
  for (
    const [args, code, message] of [
      [["nowhere"], 1, /no file, run or network is named "nowhere"/],
      [[], 2, /missing required argument 'model'/],
      [["digits", "--device", "none.json"], 1, /--device none\.json: no such file; looked for \//],
      [["digits", "--device", "bad.json"], 1, /bad\.json/],
      [
        ["digits", "--table", "--device", "bad.json"],
        2,
        /--table measures here and --device reads .* give one of them/,
      ],
      [["digits", "--batch", "0"], 2, /batch/],
      [["digits", "--unknown"], 2, /unknown option/],
    ] as const
  ) {
    const { run, err, io } = session();
    await io.store.write("bad.json", record);
    assert.is(await run("blocks", ...args), code, args.join(" "));
    assert.is(err.length, 1);
    assert.match(err[0], message);
    assert.not.match(err[0], /\n/);
  }
});

test.run();
