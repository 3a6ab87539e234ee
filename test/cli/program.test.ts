import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { type Engine, type PruneOptions, StopSignal } from "../../src/cli/io.ts";
import { modelNames } from "../../src/models/zoo.ts";
import { CRITERIA } from "../../src/prune/criteria/criteria.ts";
import { SELECTIONS } from "../../src/prune/reconstruct/selections.ts";
import { GRANULARITIES } from "../../src/prune/structures/structures.ts";
import { stages } from "../../src/recipe/registry.ts";
import { loadRecipe } from "../../src/recipe/load.ts";
import type { Check } from "../../src/report/checks.ts";
import { report, session } from "./fake.ts";

const test = suite("command line");
const bytes = (text: string) => new TextEncoder().encode(text);

/** A session whose pipeline notes what it was asked and succeeds. */
function recording() {
  const asked: PruneOptions[] = [];
  const runPrune = async (options: PruneOptions) => {
    asked.push(options);
    for (const file of ["checkpoint.safetensors", "report.json"]) {
      await options.store.write(`${options.dir}/${file}`, bytes("{}"));
    }
    return report;
  };
  return { asked, ...session({ runPrune }) };
}

test("help of the program and of each command", async () => {
  for (
    const command of [
      [],
      ["prune"],
      ["train"],
      ["eval"],
      ["verify"],
      ["recipes"],
      ["criteria"],
      ["structures"],
      ["methods"],
      ["inspect"],
      ["sensitivity"],
      ["tune"],
    ]
  ) {
    const { run, out, err } = session();
    assert.is(await run(...command, "--help"), 0);
    assert.match(out.join("\n"), new RegExp(`Usage: secateur ${command.join("")}`));
    assert.equal(err, []);
  }
  const { run, out } = session();
  await run("prune", "--help");
  for (
    const option of ["--data-dir", "--out", "--seed", "--limit", "--set", "--resume", "--tune", "--json", "--quiet"]
  ) {
    assert.ok(out[0].includes(option), option);
  }
  for (const command of ["inspect", "tune"]) {
    const { run, out } = session();
    await run(command, "--help");
    const lines = out.join("\n").split("\n");
    for (const name of modelNames) assert.ok(lines.some((line) => line.split(" ").includes(name)), name);
    assert.ok(lines.every((line) => line.length <= 100));
  }
});

test("a run's own recipe names files as seen from its folder, wherever that is", async () => {
  const text = "version: 1\nname: x\nmodel: ../net.onnx\ndata: folder:./images\nstages: [{ kind: unused }]";
  for (const dir of ["runs/a", "/tmp/elsewhere/a"]) {
    const { asked, io, run } = recording();
    await io.store.write("recipes/x.yaml", bytes(text));
    await io.store.write("w.pth", bytes("weights"));
    assert.is(await run("prune", "recipes/x.yaml", "--out", dir, "--quiet", "--weights", "w.pth"), 0);
    const [{ recipe }] = asked;
    const names = ({ model, weights, data }: typeof recipe) => [model.name, weights, data.name];
    assert.equal(names(recipe), ["net.onnx", "w.pth", "folder:recipes/images"]);
    const kept = names(await loadRecipe(`${dir}/recipe.yaml`, io.store));
    const there = (path: string) => dir.startsWith("/") ? `${Deno.cwd()}/${path}` : path;
    assert.equal(kept, [there("net.onnx"), there("w.pth"), `folder:${there("recipes/images")}`]);
  }
});

test("runs are tuned unless told otherwise", async () => {
  const { asked, run } = recording();
  await run("prune", "digits", "--quiet");
  await run("train", "digits", "--quiet", "--tune", "full");
  await run("train", "digits", "--quiet", "--tune", "none");
  await run("train", "digits", "--quiet", "--no-tune");
  assert.equal(asked.map(({ tune }) => tune), ["auto", "full", "none", "none"]);
});

test("tune: what it asks for, and what it prints", async () => {
  const asked: unknown[] = [];
  const tuned = [{
    shapeClass: "gemm nt 1x2x3",
    untuned: "8x8",
    winner: "4x4",
    measured: [{ name: "8x8", medianMs: 3 }, { name: "4x4", medianMs: 2 }],
    refused: [{ name: "16x16", reason: "its numbers differ" }],
  }];
  const report = { adapter: "Acme GPU", file: "plans/acme.json", tuned };
  const tuneModels: Engine["tuneModels"] = ({ networks, batches, fresh }) => {
    asked.push({ models: networks.map(({ name }) => name), batches, fresh });
    return Promise.resolve(fresh ? report : { ...report, tuned: [] });
  };
  const { run, out } = session({ tuneModels });
  assert.is(await run("tune"), 0);
  assert.is(await run("tune", "resnet20", "--batches", "4,32", "--fresh"), 0);
  assert.equal(asked, [
    { models: ["digits", "lenet5", "resnet20"], batches: [1, 64], fresh: false },
    { models: ["resnet20"], batches: [4, 32], fresh: true },
  ]);
  assert.match(
    out[0],
    /All of this was known; --fresh measures it again\.\n\nTuned for Acme GPU; kept in plans\/acme\.json/,
  );
  assert.match(out[1], /gemm nt 1x2x3 +8x8 +4x4 +2\.00 +1\.50× +1/);
});

test("wrong usage: one line, exit 2", async () => {
  for (
    const [args, words] of [
      [["nope"], "unknown command 'nope'"],
      [["prnue"], "(Did you mean prune?)"],
      [["--nope"], "unknown option '--nope'"],
      [["prune", "--sed", "3"], "(Did you mean one of --seed, --set?)"],
      [["prune", "--seed"], "argument missing"],
      [["prune", "--seed", "x"], "Expected a whole number of at least 0"],
      [["prune", "--limit", "0"], "Expected a whole number of at least 1"],
      [["prune", "--set", "x"], "Expected path=value"],
      [["prune", "--set", "=3"], "expected path=value"],
      [["prune", "a", "b"], "too many arguments"],
      [["verify"], "missing required argument 'dir'"],
      [["tune", "--batches", "0"], "Expected batch sizes like 1,32"],
      [["tune", "--batches", "1,x"], "Expected batch sizes like 1,32"],
    ] as [string[], string][]
  ) {
    const { run, out, err } = session();
    assert.is(await run(...args), 2, args.join(" "));
    assert.is(err.length, 1);
    assert.ok(err[0].startsWith("secateur: ") && err[0].includes(words), err[0]);
    assert.not.match(err[0], /\n/);
    assert.equal(out, []);
  }
  assert.is(await session().run(), 2, "no command at all");
});

test("mistakes in what is asked for: one line, exit 1, nothing written", async () => {
  for (
    const [args, words] of [
      [["prune", "nope"], 'no recipe is named "nope"'],
      [["prune", "nope.yaml"], "nope.yaml: no such file"],
      [["prune", "--set", "stages.1.keeep=1"], "stages.1.keeep: unknown key"],
      [["prune", "--set", "stages.1.keep=1.5"], "expected a fraction above 0 and at most 1, got 1.5"],
      [["prune", "--resume", "runs/none"], "runs/none holds no run"],
      [["verify", "runs/none"], "runs/none holds no run"],
    ] as [string[], string][]
  ) {
    const { run, err, io } = session();
    assert.is(await run(...args), 1, args.join(" "));
    assert.is(err.length, 1);
    assert.ok(err[0].startsWith("secateur: ") && err[0].includes(words), err[0]);
    assert.not.match(err[0], /\n/);
    assert.equal(await io.store.list(""), []);
  }
});

test("a file that isn't there is told with the option that named it and the place that was looked at", async () => {
  const here = Deno.cwd();
  for (
    const [args, told] of [
      [["prune", "--model", "nosuch.onnx"], `--model nosuch.onnx: no such file; looked for ${here}/nosuch.onnx`],
      [["train", "--weights", "a/w.pth"], `--weights a/w.pth: no such file; looked for ${here}/a/w.pth`],
      [["prune", "--device", "/gone/d.json"], "--device /gone/d.json: no such file"],
      [["prune", "--input", "size=s.npy"], `--input size=s.npy: no such file; looked for ${here}/s.npy`],
      [["eval", "nosuch.onnx", "--data", "digits"], `nosuch.onnx: no such file; looked for ${here}/nosuch.onnx`],
      [["inspect", "nosuch.onnx"], `nosuch.onnx: no such file; looked for ${here}/nosuch.onnx`],
    ] as [string[], string][]
  ) {
    const { run, err } = session();
    assert.is(await run(...args), 1, args.join(" "));
    assert.equal(err, [`secateur: ${told}`]);
  }
});

test("prune runs the recipe as changed, in a folder of its own", async () => {
  const { run, asked, out, err, io } = recording();
  assert.is(
    await run(
      "prune",
      "--seed",
      "5",
      "--limit",
      "300",
      "--set",
      "batch=32",
      "--set",
      "stages.1.keep=0.3",
      "--data-dir",
      "my data",
    ),
    0,
  );
  assert.equal(err, []);
  const [{ recipe, dir, resume, dataDir, tool, commit, command }] = asked;
  assert.equal([tool, commit], ["secateur 0.1.0", "0123456"]);
  assert.equal([recipe.name, recipe.seed, recipe.data.limit, recipe.batch], ["digits", 5, 300, 32]);
  assert.equal([dir, resume, dataDir], ["runs/digits-1", false, "my data"]);
  assert.is(command, "secateur prune --seed 5 --limit 300 --set batch=32 --set stages.1.keep=0.3 --data-dir 'my data'");
  assert.equal(await loadRecipe("runs/digits-1/recipe.yaml", io.store), recipe, "the effective recipe is kept");
  assert.match(out[0], /runs\/digits-1\/report.html/);
  await run("prune");
  assert.is(asked[1].dir, "runs/digits-2");
});

test("--json prints the report and nothing else, --quiet nothing", async () => {
  const { run, out } = recording();
  await run("prune", "--json");
  assert.equal(JSON.parse(out.join("\n")), report);
  out.length = 0;
  await run("prune", "--quiet");
  assert.equal(out, []);
});

test("--out has to be empty, --resume goes on in its folder", async () => {
  const { run, asked, err, io } = recording();
  assert.is(await run("prune", "--out", "mine", "--seed", "3"), 0);
  assert.is(await run("prune", "--out", "mine"), 1);
  assert.match(err.pop()!, /mine is not empty; go on with it by --resume mine/);

  assert.is(await run("prune", "--resume", "mine"), 0);
  assert.equal([asked[1].dir, asked[1].resume, asked[1].recipe], ["mine", true, asked[0].recipe]);
  assert.is(await run("prune", "digits", "--seed", "3", "--resume", "mine"), 0, "the same recipe, said again");
  assert.is(await run("prune", "--resume", "mine", "--seed", "4"), 1);
  assert.match(err.pop()!, /mine belongs to another recipe: seed is 3 there and 4 here/);
  assert.is(await run("prune", "mnist-lenet5", "--resume", "mine"), 1);
  assert.match(err.pop()!, /mine belongs to another recipe: [\w.]+ is /);
  assert.is(await run("prune", "--resume", "mine", "--out", "other"), 2);
  assert.match(err.pop()!, /leave out --out/);

  await io.store.write("file", bytes("x"));
  assert.is(await run("prune", "--out", "file"), 1);
  assert.match(err.pop()!, /file.* is a file/);
  await io.store.write("mine/recipe.yaml", bytes("version: 1\nname: ["));
  assert.is(await run("prune", "--resume", "mine"), 1);
  assert.match(err.pop()!, /mine\/recipe.yaml, line 2, column/);
});

test("train keeps the train stages only", async () => {
  const { run, asked, err, io } = recording();
  assert.is(await run("train"), 0);
  assert.equal(asked[0].recipe.stages.map((stage) => stage.kind), ["train"]);
  assert.is(await run("train", "--resume", "runs/digits-1"), 0);
  await io.store.write(
    "p.yaml",
    bytes("{version: 1, name: p, model: {name: x}, data: {name: x}, stages: [{kind: unused}]}"),
  );
  assert.is(await run("train", "p.yaml"), 1);
  assert.match(err[0], /recipe p has no train stage/);
});

test("a run that fails before it kept anything leaves nothing, a later failure what it kept", async () => {
  const early = session({ runPrune: () => Promise.reject(new UserError("no WebGPU adapter")) });
  assert.is(await early.run("prune"), 1);
  assert.equal(early.err, ["secateur: no WebGPU adapter"]);
  assert.equal(await early.io.store.list(""), []);

  const late = session({
    async runPrune({ store, dir }) {
      await store.append(`${dir}/log.jsonl`, "{}\n");
      throw new UserError("loss is NaN in epoch 3");
    },
  });
  assert.is(await late.run("prune"), 1);
  assert.equal(await late.io.store.list(""), ["runs/digits-1/log.jsonl", "runs/digits-1/recipe.yaml"]);
});

test("an unforeseen error: one line without its stack, unless asked for", async () => {
  const crash = { runPrune: () => Promise.reject(new TypeError("x is not\na function")) };
  const { run, err } = session(crash);
  assert.is(await run("prune"), 1);
  assert.equal(err, ["secateur: internal error: x is not a function (SECATEUR_DEBUG=1 shows where)"]);
  const debug = session(crash);
  Object.assign(debug.io, { debug: () => 1 });
  assert.is(await debug.run("prune"), 1);
  assert.match(debug.err[0], /TypeError: x is not\na function\n +at /);
});

test("interrupted: 130, and how to go on", async () => {
  const { run, err, interrupt } = session({
    async runPrune({ store, dir, signal }) {
      interrupt.abort(new StopSignal(130));
      await store.write(`${dir}/checkpoint.safetensors`, bytes("x"));
      throw signal.reason;
    },
  });
  assert.is(await run("prune", "--out", "mine"), 130);
  assert.equal(err, ["secateur: interrupted; go on with: deno task prune --resume mine"]);
});

test("a stage that failed: the report all the same, then 1, and how to do that part again", async () => {
  const failed = [{ stage: 3, kind: "measure", reason: "batch 9: too large" }];
  const { run, out, err } = session({ runPrune: () => Promise.resolve({ ...report, failed }) });
  assert.is(await run("prune", "--out", "mine"), 1);
  assert.match(out[0], /mine\/report.html/);
  assert.equal(err, [
    "secateur: stages.3 (measure) failed: batch 9: too large; everything else is done, and the network lies in mine; to do " +
    "that part again: deno task prune --resume mine, with --set stages.3.<key>=<value> where its settings must change",
  ]);
});

test("a resumed run takes changed keys of its last stages into its recipe", async () => {
  const { run, asked, err, io } = recording();
  await run("prune", "--out", "mine");
  const last = asked[0].recipe.stages.length - 1;
  assert.is(asked[0].recipe.stages[last].kind, "measure");
  assert.is(await run("prune", "--resume", "mine", "--set", `stages.${last}.batches=[3]`), 0);
  assert.equal(asked[1].recipe.stages[last], { ...asked[0].recipe.stages[last], batches: [3] });
  assert.equal(await loadRecipe("mine/recipe.yaml", io.store), asked[1].recipe);
  assert.is(await run("prune", "--resume", "mine", "--set", "stages.0.epochs=3"), 1);
  assert.match(err.pop()!, /what may change: name, description, .*stages\.\d+ \(measure\)/);
});

test("a run that was killed before it kept anything isn't resumed by guess", async () => {
  const { run, err, io } = recording();
  await run("prune", "--out", "mine");
  for (const name of ["checkpoint.safetensors", "report.json", "model.safetensors", "model.onnx"]) {
    await io.store.remove(`mine/${name}`);
  }
  assert.is(await run("prune", "--resume", "mine"), 1);
  assert.match(err.pop()!, /^secateur: mine: the run ended before it had kept anything: delete the folder, /);
});

test("a run that lost its checkpoint isn't told to be deleted where its report is there", async () => {
  const { run, err, io } = recording();
  await run("prune", "--out", "mine");
  await io.store.remove("mine/checkpoint.safetensors");
  assert.is(await run("prune", "--resume", "mine"), 1);
  assert.match(
    err.pop()!,
    /^secateur: mine: checkpoint\.safetensors is missing, .*as far as report\.json: restore it, /,
  );
});

test("verify: a table, and 1 where something differs", async () => {
  const checks: Check[] = [
    { name: "params", expected: 10_250, found: 10_250, verdict: "agrees" },
    { name: "compact = masked", expected: "a proof", found: "nothing was compared", verdict: "not proved" },
    { name: "test accuracy", expected: 0.9701, found: 0.9512, verdict: "differs" },
  ];
  const { run, out, err, io } = session({ verifyRun: () => Promise.resolve(checks) });
  await io.store.write("runs/x/report.json", bytes("{}"));
  assert.is(await run("verify", "runs/x"), 1);
  assert.match(out[0], /test accuracy +0.9701 +0.9512 +FAILED/);
  assert.equal(err, ["secateur: runs/x: 1 of 3 checks failed"]);
  assert.match(out[0], /compact = masked +a proof +nothing was compared +not proved/);
  checks.pop();
  assert.is(await run("verify", "runs/x"), 0);
});

test("recipes lists every name with its description", async () => {
  const { run, out } = session();
  assert.is(await run("recipes"), 0);
  assert.match(out[0], /^digits +\S.*\n/);
  assert.match(out[0], /mnist-lenet5 +LeNet-5/);
});

test("criteria lists every criterion with what it looks at", async () => {
  const { run, out, err } = session();
  assert.is(await run("criteria"), 0);
  for (const name of CRITERIA.keys()) assert.match(out[0], new RegExp(`^${name} +\\S`, "m"));
  assert.match(out[0], /^taylor +labelled images +Molchanov et al. 2019, arXiv 1906.10771 +\|Σ/m);
  assert.match(out[0], /^random +nothing/m);
  assert.is(await run("criteria", "l2"), 2);
  assert.is(err.length, 1);
});

test("structures and methods list what can be asked for, what shrinks, and what stages look at", async () => {
  const { run, out } = session();
  assert.is(await run("structures"), 0);
  for (const kind of GRANULARITIES) assert.match(out[0], new RegExp(`^${kind} +(the tensors|nothing)`, "m"));
  assert.match(out[0], /^filter +the tensors +a filter with/m);
  assert.match(out[0], /^n:m +nothing: zeros stay +of each m/m);
  assert.is(await run("methods"), 0);
  assert.match(out[1], /^oneshot +images +filters/m);
  assert.match(out[1], /^compact +nothing +all that is 0/m);
  for (const kind of out[1].split("\n").slice(2).map((line) => line.split(" ")[0])) assert.ok(kind in stages, kind);
  assert.match(out[3], /^regrow +labelled images +by its structure/m);
  for (const name of SELECTIONS.keys()) assert.match(out[5], new RegExp(`^${name} +\\S+ .*\\d{4}, \\S`, "m"));
  assert.match(out[5], /^alps +Meng et al. 2024, arXiv 2406.07831 +those that ADMM/m);
});

test.run();
