import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SLOW_FILES, slowestFirst } from "./order.ts";
import { findTests } from "./runner.ts";
import { runInWorkers } from "./workers.ts";

const test = suite("runner");
const here = import.meta.dirname!;

/** Runs `files` (name -> source) in a process of its own; what runFiles returned and printed. */
async function run(files: Record<string, string>): Promise<{ passed: number; failed: number; output: string }> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, source] of Object.entries(files)) await Deno.writeTextFile(`${directory}/${name}`, source);
    const main = `${directory}/main.ts`;
    await Deno.writeTextFile(
      main,
      `import { findTests, runFiles } from "file://${here}/runner.ts";
       console.log("\\n" + JSON.stringify(await runFiles(findTests("${directory}", []))));`,
    );
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--config", `${here}/../deno.json`, main],
      env: { NO_COLOR: "1" },
    }).output();
    const output = new TextDecoder().decode(stdout);
    return { ...JSON.parse(output.trim().split("\n").at(-1)!), output };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const good = `import { suite } from "uvu"; import * as assert from "uvu/assert"; const test = suite("good");
  test("one", () => {}); test("two", async () => { await 0; }); test.run();`;

test("passing and failing tests are counted, and a failure shows what differs", async () => {
  const bad = good.replace("async () => { await 0; }", "() => assert.equal({ a: 1 }, { a: 2 })");
  const { passed, failed, output } = await run({ "a.test.ts": good, "b.test.ts": bad });
  assert.equal({ passed, failed }, { passed: 3, failed: 1 });
  assert.match(output, /two/);
  assert.match(output, /"a":.2/);
});

test("a file that throws, one without suites or tests, a hook that throws, a stray rejection and a skipped test are failures", async () => {
  const { passed, failed, output } = await run({
    "a.test.ts": `throw new Error("thrown at import");`,
    "b.test.ts": `import { suite } from "uvu"; suite("idle")("never", () => {});`,
    "c.test.ts": good.replace("test.run()", `test.before(() => { throw new Error("hook"); }); test.run()`),
    "d.test.ts": good.replace(
      "await 0",
      `Promise.reject(new Error("stray")); await new Promise((r) => setTimeout(r, 5))`,
    ),
    "e.test.ts": good,
    "f.test.ts": `import { suite } from "uvu"; suite("empty").run();`,
    "g.test.ts": good.replace(`test("two"`, `test.skip("two"`),
    "h.test.ts": good.replace(`test("two"`, `test.only("two"`),
  });
  assert.equal({ passed, failed }, { passed: 6, failed: 8 });
  for (const message of [/thrown at import/, /no suite/, /a hook threw/, /stray/, /without a test/, /left out/]) {
    assert.match(output, message);
  }
});

test("files run side by side, a file that ends its process fails alone, and a worker goes on to its next queue", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const sources = [good, `Deno.exit(3);`, good, good.replace("async () => { await 0; }", "() => assert.ok(false)")];
    const files = await Promise.all(sources.map(async (source, i) => {
      await Deno.writeTextFile(`${directory}/${i}.test.ts`, source);
      return `file://${directory}/${i}.test.ts`;
    }));
    const printed: string[] = [];
    const [first, last] = [{ files: files.slice(0, 3) }, { files: files.slice(3), config: `${here}/../deno.json` }];
    const counts = await runInWorkers([[first], [first, last]], {
      script: `${here}/worker.ts`,
      print: (text) => printed.push(text),
    });
    assert.equal([first.files, last.files], [[], []]);
    assert.equal(counts, { passed: 5, failed: 2 });
    assert.is(printed.length, 4);
    assert.match(printed.join("\n"), /1\.test\.ts: its process ended with exit code 3/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

test("tests are found by a part of their path, in order", () => {
  const names = (filters: string[]) => findTests(here, filters).map((file) => file.name);
  assert.equal(names(["setup"]), ["setup.test.ts"]);
  assert.equal(names(["runner", "setup.test"]), ["runner.test.ts", "setup.test.ts"]);
  assert.equal(names(["no such"]), []);
  const all = names([]);
  assert.ok(all.length > 2);
  assert.equal(all, all.toSorted());
});

test("files that are known as slow start first, all of them exist, and the others keep their order", () => {
  const all = findTests(here, []).map(({ name }) => name);
  assert.equal(SLOW_FILES.filter((name) => !all.includes(name)), []);
  assert.equal(slowestFirst(all).slice(0, SLOW_FILES.length), SLOW_FILES);
  assert.equal(slowestFirst(all).toSorted(), all);
  assert.equal(slowestFirst(["a.test.ts", SLOW_FILES[1], "b.test.ts", SLOW_FILES[0]]), [
    ...SLOW_FILES.slice(0, 2),
    "a.test.ts",
    "b.test.ts",
  ]);
});

test.run();
