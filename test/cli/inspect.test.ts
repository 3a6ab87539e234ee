import { suite } from "uvu";
import * as assert from "uvu/assert";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { identityMap } from "../../src/graph/indexmap.ts";
import { createModel } from "../../src/models/zoo.ts";
import { writeModel } from "../../src/formats/model_file.ts";
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
