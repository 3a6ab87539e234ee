import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DiagnoseOptions } from "../../src/cli/io.ts";
import { diagnose } from "../../src/doctor/diagnose.ts";
import { modelBytes } from "../../src/formats/model_file.ts";
import { builder } from "../../src/graph/build.ts";
import { identityMap } from "../../src/graph/indexmap.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { askedGroups, runDoctor } from "../../src/run/doctor_run.ts";
import { parseRecipe } from "../../src/recipe/schema.ts";
import { silentUi } from "../../src/ui.ts";
import { checkup, step, timeline } from "../doctor/played.ts";
import { testGpu } from "../gpu.ts";
import { session } from "./fake.ts";

const test = suite("secateur doctor");

const found = diagnose(checkup([{
  batch: 1,
  launchMs: 0.1,
  dense: timeline([step("conv<1>", 1, { macs: 1000 }), step("gone", 0.5, { macs: 10 })]),
  now: timeline([step("conv<1>", 0.5, { macs: 250 })]),
}]));

function measuring() {
  const asked: DiagnoseOptions[] = [];
  const own = session({ diagnose: (options) => (asked.push(options), Promise.resolve(found)) });
  return { ...own, asked };
}

test("options reach the engine, and sentences and tables are printed", async () => {
  const { run, asked, out, io } = measuring();
  const code = await run(
    ...["doctor", "runs/x", "--batches", "1,8", "--seconds", "2.5", "--data", "digits", "--part", "validation"],
    ...["--data-dir", "here", "--images", "100", "--html", "d.html"],
  );
  assert.is(code, 0);
  const [{ store: _store, ui: _ui, signal: _signal, ...options }] = asked;
  assert.equal(options, {
    target: "runs/x",
    batches: [1, 8],
    seconds: 2.5,
    data: "digits",
    part: "validation",
    dataDir: "here",
    images: 100,
  });
  const text = out.join("\n");
  for (const part of ["2.00×", "3.00× faster", "bound by", "direct 4x4", "gone", "The page is d.html"]) {
    assert.match(text, part === "3.00× faster" ? "3.00× faster" : part);
  }
  const page = new TextDecoder().decode(await io.store.read("d.html"));
  assert.match(page, "conv&#60;1&#62;");
  assert.not.match(page, "conv<1>");
});

test("--json gives the diagnosis as it is", async () => {
  const { run, out } = measuring();
  assert.is(await run("doctor", "net.onnx", "--json"), 0);
  assert.equal(JSON.parse(out.join("\n")), JSON.parse(JSON.stringify(found)));
});

test("wrong usage ends with 2 and says what was expected", async () => {
  for (
    const [args, expected] of [
      [["doctor"], /missing required argument 'target'/],
      [["doctor", "x", "--batches", "0"], /Expected batch sizes like 1,32/],
      [["doctor", "x", "--seconds", "long"], /Expected a number of seconds/],
      [["doctor", "x", "--part", "test"], /--part says which part of --data/],
      [["doctor", "x", "--bogus"], /known are .*--batches/],
    ] as const
  ) {
    const { run, err } = measuring();
    assert.is(await run(...args), 2, args.join(" "));
    assert.match(err.join("\n"), expected);
  }
});

test("a folder without a run, one whose network is missing, and files that can't be read are told in one line", async () => {
  const { io } = session();
  const text = (content: string) => new TextEncoder().encode(content);
  await io.store.write("runs/unfinished/recipe.yaml", text("version: 1"));
  await io.store.write("runs/damaged/model.safetensors", text("not a network"));
  await io.store.write("net.onnx", text("not a network either"));
  const gpu = await testGpu();
  const failure = async (target: string) => {
    const loadData = () => Promise.reject(new Error("no data were expected"));
    const error = await runDoctor({ target, store: io.store, ui: silentUi(), gpu, loadData }).catch((error) => error);
    assert.is(error.name, "UserError", `${target}: ${error.stack}`);
    return error.message as string;
  };
  assert.match(
    await failure("nowhere"),
    /^nowhere holds no run: expected the folder of a finished run, or a network's/,
  );
  assert.match(await failure("nowhere.onnx"), /^nowhere.onnx holds no run/);
  assert.match(await failure("runs/unfinished"), /^runs\/unfinished\/model.safetensors is missing: end the run first/);
  assert.match(await failure("runs/damaged"), /^runs\/damaged\/model.safetensors/);
  assert.match(await failure("net.onnx"), /^net.onnx/);
});

test("a run's folder is diagnosed without its data, and says that they are missing", async () => {
  const { io } = session();
  const b = builder("tiny", ["N", 4]);
  const hidden = b.relu(b.gemm(b.input, { name: "hidden", out: 6, bias: true }));
  const graph = b.graph([b.gemm(hidden, { name: "out", out: 2, bias: true })]);
  const model = { graph, params: initialise(graph, 1) };
  await io.store.write(
    "runs/x/model.safetensors",
    await modelBytes({ model, dense: model, origin: identityMap(graph) }),
  );
  const gpu = await testGpu();
  const loadData = () => Promise.reject(new Error("no data were expected"));
  const diagnosis = await runDoctor({
    target: "runs/x",
    store: io.store,
    ui: silentUi(),
    gpu,
    loadData,
    batches: [1],
    seconds: 0,
  });
  assert.is(diagnosis.batches[0].unpruned, true);
  assert.match(diagnosis.checkup.noLosses!, /^the run's recipe can't be read: runs\/x\/recipe.yaml/);
  assert.match(diagnosis.checkup.widthsLeftOut.join(), "There was no time for other widths of hidden at batch 1");
});

test("what a recipe asked of each layer is told by stage, coupled layers and exclusions included", () => {
  const b = builder("small", ["N", 1, 4, 4]);
  const conv = (x: string, name: string, out: number) =>
    b.relu(b.conv(x, { name, out, kernel: 3, pad: 1, bias: true }));
  const graph = b.graph([b.gemm(b.flatten(conv(conv(b.input, "a", 4), "b", 4)), { name: "fc", out: 2, bias: true })]);
  const { stages } = parseRecipe({
    version: 1,
    name: "small",
    model: { name: "digits" },
    data: { name: "digits" },
    stages: [
      { kind: "train", epochs: 1 },
      { kind: "prune", constraints: [{ kind: "filter", layers: ["a"], keep: 0.5 }] },
      { kind: "prune", constraints: [{ kind: "filter", exclude: ["a"] }], budget: { macs: 0.5 } },
    ],
  }, "recipe");
  assert.equal([...askedGroups(stages, graph)], [
    ["a", "stages.1 (prune) asked for 0.5 of its filters"],
    ["b", "stages.2 (prune) asked for a budget for the whole network"],
  ]);
});

test.run();
