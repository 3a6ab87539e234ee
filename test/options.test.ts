import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("scripts' options");

async function run(script: string, ...args: string[]): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", `${import.meta.dirname}/${script}`, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

test("the fuzzer and the mutants refuse an unknown option, name the known ones and exit with 2", async () => {
  assert.equal(await run("fuzz/run.ts", "--bogus"), {
    code: 2,
    stderr: "Unknown option '--bogus'; known: --count, --seed, --from, --out\n",
  });
  assert.equal(await run("mutation/run.ts", "--bogus"), {
    code: 2,
    stderr: "Unknown option '--bogus'; known: --count, --seed, --only, --list\n",
  });
});

test("the fuzzer refuses a count that is not a whole number", async () => {
  assert.equal(await run("fuzz/run.ts", "--count", "many"), {
    code: 2,
    stderr: "--count is many, a whole number expected\n",
  });
});

test("a part of a path that no test file has is an error that names it", async () => {
  const { code, stderr } = await run("run.ts", "nosuchfile");
  assert.is(code, 1);
  assert.match(stderr, /^No test file matches nosuchfile: /);
});

test.run();
