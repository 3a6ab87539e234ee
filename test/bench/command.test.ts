import { suite } from "uvu";
import * as assert from "uvu/assert";
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

test("wrong usage is one line about what is wrong, the usage, and exit code 2", async () => {
  for (
    const [args, message] of [
      [["nope"], /^bench: unknown suite "nope": expected train-step/],
      [["kernels", "--rounds=0"], /^bench: --rounds: found "0"/],
      [["--sneed", "3"], /^bench: .*--sneed/],
    ] as const
  ) {
    const { code, err, out } = await run(...args);
    assert.is(code, 2);
    assert.match(err, message);
    assert.match(err, "Usage: ");
    assert.is(out, "");
  }
});

test("suites are files, with a configuration where they need one", () => {
  for (const { file, config } of SUITES) {
    assert.ok(Deno.statSync(`${bench}/${file}`).isFile);
    if (config) assert.ok(Deno.statSync(`${bench}/${config}`).isFile);
  }
});

test("nothing that only rivals need is in the root's import map", () => {
  const read = (path: string) => JSON.parse(Deno.readTextFileSync(path)).imports as Record<string, string>;
  const [root, peers] = [read(`${bench}/../deno.json`), read(`${bench}/peers/deno.json`)];
  assert.equal(Object.keys(root).filter((name) => name in peers), []);
  for (const specifier of Object.values(peers)) assert.match(specifier, /@\d+\.\d+\.\d+$/, "pinned");
});

test.run();
