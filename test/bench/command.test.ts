import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MEASURED } from "../../bench/suites/measured.ts";
import { SUITES } from "../../bench/suites/registry.ts";

const test = suite("bench command");
const bench = `${import.meta.dirname}/../../bench`;

async function run(...args: string[]) {
  const output = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", `${bench}/main.ts`, ...args] }).output();
  const [out, err] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code: output.code, out, err };
}

test("--help names every suite", async () => {
  const { code, out } = await run("--help");
  assert.is(code, 0);
  for (const { name } of SUITES) assert.match(out, name);
});

test("a suite's --help has what it takes and its cases, and nothing of the others", async () => {
  const { code, out } = await run("sparse", "--help");
  assert.is(code, 0);
  assert.match(out, "Usage: deno task bench sparse");
  assert.match(out, "--variant <way>");
  assert.match(out, "N of M: GEMM 512×512×512");
  assert.not.match(out, /--steps|peers/);
});

test("wrong usage is one line about what is wrong, the usage, and exit code 2", async () => {
  for (
    const [args, message] of [
      [["nope"], /^bench: unknown suite "nope": expected kernels/],
      [["kernels", "--rounds=0"], /^bench: --rounds: found "0"/],
      [["headline", "--batch=1,x"], /^bench: --batch: found "1,x", expected whole numbers/],
      [["train-step", "--browser"], /^bench: --browser: suite "train-step" runs in Deno only/],
      [["peers", "--case="], /^bench: --case: found "", expected a part of a case's name/],
      [["--sneed", "3"], /^bench: .*--sneed/],
      [["profile", "--case=x"], /^bench: --case: suite "profile" doesn't take it; it takes --rounds, --seed/],
      [["kernels", "--gpu=navi21"], /^bench: --gpu: suite "kernels" doesn't take it/],
      [["inference", "--variant=x"], /^bench: --variant: suite "inference" doesn't take it/],
    ] as const
  ) {
    const { code, err, out } = await run(...args);
    assert.is(code, 2);
    assert.match(err, message);
    assert.match(err, "Usage: ");
    assert.is(out, "");
  }
});

test("a way that no shape has ends in a line that says where ways are listed", async () => {
  const { code, err } = await run("kernels", "--case=GEMM 64", "--no-tune", "--rounds=1", "--variant=magic");
  assert.is(code, 2);
  assert.match(err, 'no shape has a way called "magic"');
  assert.match(err, "secateur kernel lists those of a shape");
});

test("suites are files with a configuration, and measured ones exist", () => {
  for (const { file, config, args } of SUITES) {
    assert.ok(Deno.statSync(`${bench}/${file}`).isFile);
    assert.ok(Deno.statSync(`${bench}/${config}`).isFile);
    if (args) assert.ok(MEASURED.some(({ name }) => name === args[0]), `no measured suite "${args[0]}"`);
  }
  assert.is(new Set(SUITES.map(({ name }) => name)).size, SUITES.length);
});

test("every measured suite has cases, none twice, each with a table's worth of words", () => {
  for (const { name, title, notes, defaults, cases } of MEASURED) {
    const names = cases(defaults).map((c) => c.name);
    assert.ok(names.length > 0, name);
    assert.equal(names.filter((n, i) => names.indexOf(n) !== i), [], name);
    assert.ok(title !== "" && notes.length > 0, name);
  }
});

test("nothing that only rivals or benches need is in the root's import map; what is shared has one version", () => {
  const read = (path: string) => JSON.parse(Deno.readTextFileSync(path)).imports as Record<string, string>;
  const [root, benches, peers] = ["../", "", "peers/"].map((path) => read(`${bench}/${path}deno.json`));
  for (const name of ["benny", "playwright-core"]) assert.ok(name in benches && !(name in root), name);
  for (const name of ["@jax-js/jax", "@tensorflow/tfjs-core", "gpu.js", "onnxruntime-web"]) {
    assert.ok(name in peers && !(name in benches) && !(name in root), name);
  }
  for (const [name, specifier] of [...Object.entries(benches), ...Object.entries(peers)]) {
    assert.match(specifier, /@\d+\.\d+\.\d+(-[\w.-]+)?$/, "pinned");
    for (const other of [root, benches]) if (name in other) assert.is(other[name], specifier);
  }
});

test.run();
