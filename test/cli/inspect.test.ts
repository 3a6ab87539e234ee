import { suite } from "uvu";
import * as assert from "uvu/assert";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { identityMap } from "../../src/graph/indexmap.ts";
import { createModel } from "../../src/models/zoo.ts";
import { writeModel } from "../../src/formats/model_file.ts";
import { formatExplanation } from "../../src/cli/explain.ts";
import type { ExplainOnDataOptions, ExplainRunOptions } from "../../src/cli/io.ts";
import { explain } from "../../src/prune/explain.ts";
import { session } from "./fake.ts";

const test = suite("inspect");
const graph = createModel("resnet8", { width: 0.25, size: 8 });
const model = { graph, params: initialise(graph, 1) };

test("its help names what it takes", async () => {
  const { run, out } = session();
  assert.is(await run("inspect", "--help"), 0);
  for (const words of ["Usage: secateur inspect", "<model>", "--html", "--json"]) {
    assert.ok(out[0].includes(words), words);
  }
});

test("a network of the zoo: layers, costs, groups, and what can't go", async () => {
  const { run, out, err } = session();
  assert.is(await run("inspect", "resnet8"), 0);
  assert.equal(err, []);
  const [text] = out;
  assert.match(text, /^resnet8: input \[N,3,32,32\] to linear \[N,10\]\n75,770 parameters/);
  assert.match(text, /layer2\.0\.conv2 +Conv +\[N,32,16,16\] +32×32×3×3 +conv1 +9,216 +2\.36 M/);
  assert.match(text, /64 of conv1, layer1\.0\.conv2, layer2\.0\.conv2, layer3\.0\.conv2 together, read by/);
  assert.match(text, /linear: it makes the output "linear", whose width is given/);
  assert.match(text, /Can't be pruned by kernel:\n {2}linear: a fully connected layer has no kernels/);
  for (const line of text.split("Can be pruned:")[1].split("\n")) assert.ok(line.length <= 100, line);
});

test("an ONNX file, a run's folder and its model say the same", async () => {
  const { run, out, io } = session();
  await io.store.write("net.onnx", onnxBytes(model));
  await writeModel(io.store, "runs/x", { model, dense: model, origin: identityMap(graph) });
  for (const name of ["net.onnx", "runs/x", "runs/x/model.safetensors"]) {
    assert.is(await run("inspect", name, "--json"), 0, name);
  }
  const [file, folder, saved] = out.map((text) => JSON.parse(text));
  assert.equal(folder, saved);
  assert.equal(file.groups, folder.groups);
  assert.is(file.params, folder.params);
});

test("of an ONNX file one output of several, and its constant inputs, may be chosen", async () => {
  const { run, out, err, io } = session();
  const b = builder("two", ["N", 2, 4, 4]);
  const first = b.conv(b.input, { name: "first", out: 3, kernel: 1 });
  const second = b.conv(first, { name: "second", out: 5, kernel: 1 });
  const both = b.graph([first, second]);
  await io.store.write("two.onnx", onnxBytes({ graph: both, params: initialise(both, 1) }));
  assert.is(await run("inspect", "two.onnx", "--json"), 0);
  assert.is(await run("inspect", "two.onnx", "--output", "first", "--json"), 0);
  const [all, one] = out.map((text) => JSON.parse(text));
  assert.equal(all.nodes.map(({ name }: { name: string }) => name), ["first", "second"]);
  assert.equal(one.nodes.map(({ name }: { name: string }) => name), ["first"]);
  assert.is(await run("inspect", "two.onnx", "--output", "third"), 1);
  assert.match(err[0], /it has no output "third": known are "first", "second"/);
  assert.is(await run("inspect", "two.onnx", "--input", "style"), 2);
  assert.match(err[1], /Expected name=file.npy/);
  assert.is(await run("inspect", "two.onnx", "--input", "style=a.npy", "--input", "style=b.npy"), 2);
  assert.match(err[2], /Input "style" has a.npy already: give each once/);
  assert.is(await run("inspect", "resnet8", "--input", "a=b.npy"), 2);
  assert.match(err[3], /--input is for networks from files, resnet8 is one of the zoo/);
});

test("--html writes a page, beside either output", async () => {
  const { run, out, io } = session();
  assert.is(await run("inspect", "digits", "--html", "out/net.html"), 0);
  assert.match(out[0], /The graph is drawn in out\/net\.html$/);
  const page = new TextDecoder().decode(await io.store.read("out/net.html"));
  assert.match(page, /<title>Network: digits<\/title>/);
});

test("--explain says why a group stays or goes, of a file's weights or of drawn ones", async () => {
  const { run, out, err, io } = session();
  await io.store.write("net.onnx", onnxBytes(model));
  assert.is(await run("inspect", "net.onnx", "--explain", "layer1.0.conv1:0", "--budget", "macs=0.5"), 0);
  assert.match(
    out[0],
    /^Group 0 of layer1\.0\.conv1:filter (stays|goes): its worth by per-cost is not (above|below) the/,
  );
  assert.match(out[0], /\nscore +\S+ by l2, rank \d of 4\n/);
  assert.match(out[0], /\nparameters +\d+ \(\d+\.\d\d %\)\nMACs +\S+( k)? \(\d+\.\d\d %\)\n/);
  assert.match(
    out[0].replace(/\n */g, " "),
    /0\.5 of the macs was asked for, 0\.\d+ of the macs is reached: \d+ of the \d+ groups/,
  );
  assert.is(
    await run("inspect", "digits", "--explain", "conv2", "--rule", "global", "--exclude", "conv1", "--protect", "0.5"),
    0,
  );
  assert.match(out[1], /^conv2:filter: \d+ of 32 groups stay, at least 16\n/);
  assert.match(out[1], /\n16 +\d+ +stays +it is protected: the layer keeps 16 of 32 in any case/);
  assert.match(out[1], /A network of the zoo has no weights: these are drawn by seed 1$/);
  assert.is(await run("inspect", "digits", "--explain", "fc2", "--json"), 0);
  assert.match(JSON.parse(out[2]).untouched, /^it can't be pruned by filter: it makes the output/);
  assert.equal(err, []);
  for (
    const [code, words, message] of [
      [1, "--explain conv9", /no layer or group is named "conv9"; there are conv1, conv2, fc1, fc2$/],
      [1, "--explain conv1:16", /"conv1" has the groups 0 to 15, got 16$/],
      [
        1,
        "--explain conv1 --criterion taylor",
        /criterion taylor looks at images: give some with --data, or choose one of l2, l1/,
      ],
      [1, "--explain conv1 --rule best", /unknown budget rule "best": known are per-cost/],
      [2, "--explain conv1 --budget macs=2", /Expected one of params, macs, peakBytes, groups, ms, and how much/],
      [2, "--explain conv1 --budget ms=2", /--budget ms=… needs --device/],
      [2, "--explain conv1 --structure block", /Expected one of layer, filter, qk, v, channel, column, kernel, weight/],
      [2, "--explain conv1 --html a.html", /give one of them$/],
      [2, "--explain conv1 --stage 1 --rule lamp", /--stage takes that from the run: leave one out$/],
      [2, "--explain conv1 --data-dir d", /--data-dir belongs to --stage and to --data/],
      [2, "--explain conv1 --data digits", /--data is for criteria that look at images, and l2 doesn't/],
      [2, "--explain conv1 --images 3", /--images says how many of --data/],
      [2, "--explain conv1 --stage 1 --data digits", /--stage takes that from the run: leave one out$/],
      [2, "--data-dir d", /--data-dir belongs to --stage and to --data of --explain/],
      [2, "--stage 1", /^secateur: --stage says how --explain would prune: give --explain a name too$/],
      [2, "--budget macs=0.5", /^secateur: --budget says how --explain would prune: give --explain a name too$/],
    ] as const
  ) {
    err.length = 0;
    assert.is(await run("inspect", "digits", ...words.split(" ")), code, words);
    assert.match(err.join("\n"), message);
  }
});

test("--explain with a criterion that looks at images hands them on, and how the network would be pruned", async () => {
  const asked: ExplainOnDataOptions[] = [];
  const told = explain(model, "layer1.0.conv1:0", { budget: { macs: 0.5 } });
  const { run, out, io } = session({ explainOnData: (options) => (asked.push(options), Promise.resolve(told)) });
  await io.store.write("net.onnx", onnxBytes(model));
  const words =
    "net.onnx --explain layer1.0.conv1:0 --criterion taylor --data folder:./images --images 40 --rule global";
  assert.is(await run("inspect", ...words.split(" ")), 0);
  const [{ store: _store, ui: _ui, signal: _signal, ...options }] = asked;
  assert.equal(options, {
    network: { model: { name: "net.onnx" } },
    name: "layer1.0.conv1:0",
    prune: { criterion: "taylor", constraints: [{ granularity: "filter" }], budget: { macs: 0.5, rule: "global" } },
    data: { name: "folder:./images", part: undefined },
    dataDir: undefined,
    images: 40,
  });
  assert.is(out[0], formatExplanation(told, 100));
});

test("--explain --stage asks what a run's own stage had, and is told as any explanation", async () => {
  const asked: ExplainRunOptions[] = [];
  const told = explain(model, "layer1.0.conv1:0", { budget: { macs: 0.5 } });
  const { run, out, io } = session({ explainRun: (options) => (asked.push(options), Promise.resolve(told)) });
  assert.is(await run("inspect", "runs/a/", "--explain", "layer1.0.conv1:0", "--stage", "2", "--data-dir", "d"), 0);
  const [{ dir, stage, name, dataDir }] = asked;
  assert.equal({ dir, stage, name, dataDir }, { dir: "runs/a", stage: 2, name: "layer1.0.conv1:0", dataDir: "d" });
  assert.is(out[0], formatExplanation(told, io.width));
});

test("qk and v are explained as any structure", async () => {
  const { run, out } = session();
  const asked = ["--explain", "blocks.0.attn.heads:qk", "--structure", "qk", "--budget", "groups=0.5"];
  assert.is(await run("inspect", "deit-micro", ...asked), 0);
  assert.match(out[0], /^blocks\.0\.attn\.heads:qk: \d+ of 48 groups stay/);
});

test("mistakes: one line, exit 1 or 2, nothing written", async () => {
  for (
    const [args, code, words] of [
      [["inspect"], 2, "missing required argument 'model'"],
      [["inspect", "digits", "--htlm", "x"], 2, "unknown option"],
      [["inspect", "nope.onnx"], 1, "nope.onnx: no such file"],
      [["inspect", "nope"], 1, 'no file, run or network is named "nope"'],
      [["inspect", "bad.onnx", "--html", "x.html"], 1, "bad.onnx: "],
      [["inspect", "notes.txt"], 1, "notes.txt holds no graph"],
      [["inspect", "runs/y/recipe.yaml"], 1, "runs/y/recipe.yaml holds no graph"],
      [["inspect", "runs/y"], 1, "runs/y/model.safetensors is missing"],
    ] as [string[], number, string][]
  ) {
    const { run, out, err, io } = session();
    const files = { "bad.onnx": "no onnx", "notes.txt": "x", "runs/y/recipe.yaml": "x" };
    for (const [name, text] of Object.entries(files)) await io.store.write(name, new TextEncoder().encode(text));
    assert.is(await run(...args), code, args.join(" "));
    assert.is(err.length, 1);
    assert.ok(err[0].startsWith("secateur: ") && err[0].includes(words), err[0]);
    assert.not.match(err[0], /\n/);
    assert.equal(out, []);
    assert.is((await io.store.list("")).length, 3);
  }
});

test.run();
