/** The real process: exit codes, streams, and no stack trace. Few, since each start takes a while. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SWEEP } from "../sweep/cells.ts";
import { withoutDenoNotices } from "./deno_notices.ts";

const test = suite("secateur, the process");
const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const root = await Deno.makeTempDir({ prefix: "secateur-cli-" });

const secateur = (...args: string[]) => secateurFrom("", ...args);

async function secateurFrom(folder: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", main, ...args],
    env: { NO_COLOR: "1", SECATEUR_DEBUG: "", SECATEUR_CWD: folder },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: withoutDenoNotices(text(stderr)) };
}

test("lines of Deno's own, which waits for another one, aren't the command's", () => {
  const bold = "\x1b[1mBlocking\x1b[0m waiting for file lock on node_modules directory.\r\n";
  const plain = "Blocking waiting for file lock on node_modules directory.\n";
  assert.is(
    withoutDenoNotices(`${plain}one\n${bold}two: Blocking waiting for file lock\n`),
    "one\ntwo: Blocking waiting for file lock\n",
  );
});

test("--version and recipes on stdout, exit 0", async () => {
  const [version, recipes] = await Promise.all([secateur("--version"), secateur("recipes")]);
  assert.match(version.out, /^secateur \d+\.\d+\.\d+\n$/);
  assert.equal([version.code, version.err, recipes.code, recipes.err], [0, "", 0, ""]);
  assert.match(recipes.out, /^digits /);
});

test("paths are relative to where the user stands, also under a task, which runs in the folder of its deno.json", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  for (const { command } of Object.values(tasks as Record<string, { command: string }>)) {
    const runs = command.match(/\S* ?deno run \S+ (--cached-only )?src\/cli\/main\.ts/g) ?? [];
    for (const run of runs) assert.match(run, /^SECATEUR_CWD="\$INIT_CWD" /);
  }
  const here = `${root}/my place`;
  await Deno.mkdir(here);
  await Deno.writeTextFile(`${here}/mine.yaml`, "name: mine");
  const { code, err } = await secateurFrom(here, "prune", "./mine.yaml");
  assert.is(code, 1);
  assert.match(err, /^secateur: .\/mine.yaml: version: missing/);
});

test("wrong usage exits 2, a mistake 1, each with one line on stderr", async () => {
  await Deno.writeTextFile(`${root}/file`, "x");
  const [usage, unwritable] = await Promise.all([
    secateur("prune", "--nope"),
    secateur("prune", "--out", `${root}/file/run`),
  ]);
  assert.equal([usage.code, usage.out], [2, ""]);
  assert.match(usage.err, /^secateur: unknown option '--nope'[^\n]*\n$/);
  assert.equal([unwritable.code, unwritable.out], [1, ""]);
  assert.match(unwritable.err, /^secateur: cannot [^\n]*file\/run[^\n]*not a folder[^\n]*\n$/);
});

test("SIGINT reaches the pipeline, exits 130 and says how to go on; a second one doesn't wait", async () => {
  for (const stubborn of [false, true]) {
    const dir = `${root}/run-${stubborn}`;
    const pipeline = `async ({ signal, store, dir }) => {
      await store.append(dir + "/log.jsonl", "{}");
      Deno.stdout.writeSync(new TextEncoder().encode("ready"));
      setInterval(() => {}, 1000);
      await new Promise((_, reject) => signal.addEventListener("abort", () => {
        Deno.stdout.writeSync(new TextEncoder().encode("again"));
        if (!${stubborn}) reject(signal.reason);
      }));
    }`;
    const code = `import { systemIo } from "file://${main}";
      import { runProgram } from "${new URL("../../src/cli/program.ts", import.meta.url)}";
      const engine = () => Promise.resolve({ runPrune: ${pipeline} });
      Deno.exit(await runProgram(["prune", "--out", ${JSON.stringify(dir)}], { ...systemIo(), engine }));`;
    await Deno.writeTextFile(`${root}/main.ts`, code);
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--cached-only",
        "--no-check",
        "--config",
        new URL("../../deno.json", import.meta.url).pathname,
        `${root}/main.ts`,
      ],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill("SIGINT");
    if (stubborn) {
      await reader.read();
      child.kill("SIGINT");
    }
    const [status, err] = await Promise.all([child.status, new Response(child.stderr).text().then(withoutDenoNotices)]);
    await reader.cancel();
    assert.is(status.code, 130);
    assert.is(err, stubborn ? "" : `secateur: interrupted; go on with: deno task prune --resume ${dir}\n`);
  }
});

test.after(() => Deno.remove(root, { recursive: true }));
test("a sweep that tried nothing says so and exits 1; one whose store can't be written leaves no folder", async () => {
  const here = `${root}/sweeps`;
  await Deno.mkdir(here);
  const file = SWEEP.file.replace("seeds: 5", "seeds: 1");
  await Deno.writeTextFile(`${here}/cell.yaml`, SWEEP.recipe);
  await Deno.writeTextFile(`${here}/whole.yaml`, file);
  await Deno.writeTextFile(`${here}/short.yaml`, `${file}budget: { hours: 1e-9 }\n`);
  const [none, unwritable] = await Promise.all([
    secateurFrom(here, "sweep", "short.yaml", "--out", "none", "--quiet"),
    secateurFrom(here, "sweep", "whole.yaml", "--out", "unwritable", "--store", "cell.yaml/store", "--quiet"),
  ]);
  assert.equal([none.code, none.out], [1, ""]);
  assert.is(
    none.err,
    "secateur: no trial had begun when the budget's hours were over: give budget.hours in none/sweep.yaml more, and go on with: " +
      "deno task sweep --resume none\n",
  );
  assert.equal([unwritable.code, unwritable.out], [1, ""]);
  assert.match(unwritable.err, /^secateur: cannot write [^\n]+not a folder; choose another path\n$/);
  assert.equal([...Deno.readDirSync(here)].map(({ name }) => name).includes("unwritable"), false);
});

test.run();
