/** What the commands sweep and worker say: how far a sweep is, and what can't be. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { storeAddress } from "../../src/cli/store_at.ts";
import { formatStatus } from "../../src/cli/sweep_status.ts";
import { readRecipe } from "../../src/recipe/load.ts";
import { denoStore } from "../../src/store/deno.ts";
import { loadSweepFile, parseSweepFile } from "../../src/sweep/sweep_file.ts";
import { checkSweep } from "../../src/sweep/trial_run.ts";
import type { SweepReport } from "../../src/sweep/report.ts";
import { trialId } from "../../src/sweep/trial.ts";
import { session } from "../cli/fake.ts";
import { SWEEP } from "./cells.ts";

const test = suite("sweep/commands");

const report: SweepReport = {
  version: 1,
  sweep: "mine",
  tool: "secateur 0.1.0",
  commit: "0123456",
  adapter: "gpu",
  plans: "default",
  recipe: "digits",
  space: { "stages.1.keep": { kind: "choice", values: [0.5, 0.25] } },
  objectives: [{ metric: "accuracy", direction: "max" }],
  constraints: [{ metric: "accuracy", relation: ">=", value: 0.9 }],
  ended: false,
  jobs: 3,
  epochs: 14,
  trials: [0.5, 0.25, 0.5].map((keep, i) => ({
    id: trialId(i),
    choices: { "stages.1.keep": keep },
    seed: 1,
    state: i < 2 ? "done" as const : "running" as const,
    rungs: i < 2 ? [{ rung: 0, epochs: 6, metrics: { accuracy: 0.88 + 0.08 * i }, job: `${i}` }] : [],
  })),
  differences: [],
};

test("the status has the best trial first, says what is beyond a bound, and which worker has fallen silent", () => {
  const now = 1_000_000;
  const running = [
    {
      id: "abcdef0123456789",
      worker: "ada",
      attempt: 1,
      since: now - 65_000,
      renewed: now - 1000,
      progress: "train 50 %",
    },
    { id: "0123456789abcdef", worker: "bob", attempt: 2, since: now - 90_000, renewed: now - 45_000 },
  ];
  assert.not.match(formatStatus(undefined, report, { now, width: 80 }), /queue/);
  const text = formatStatus({ waiting: 4, done: 3, failed: 1, running }, report, { now, width: 80 });
  const lines = text.split("\n");
  assert.match(lines[2], /^00002 +0\.25 +1 +0\.9600 +done$/);
  assert.match(lines[3], /^00001 +0\.5 +1 +0\.8800 +done, beyond a constraint$/);
  assert.match(text, /\n3 trials: 2 done, 1 running; 3 jobs, 14 epochs\n/);
  assert.match(text, /\nqueue: 4 waiting, 2 running, 3 done, 1 failed\n/);
  assert.match(text, /\nada +abcdef01 +1 min 5 s +train 50 %\n/);
  assert.match(text, /\nbob +01234567 .* silent for 45 s$/);
});

test("a sweep that can't begin is refused in one line and leaves no folder; so is a folder that is none", async () => {
  const { io, run, err } = session();
  const write = (path: string, text: string) => io.store.write(path, new TextEncoder().encode(text));
  const cases: [string, RegExp, string, string][] = [
    ["a key", /^secateur: s\/sweep\.yaml: .*: stages\.1\.keeep: unknown key/, "stages.1.keep:", "stages.1.keeep:"],
    [
      "an objective",
      /^secateur: s\/sweep\.yaml: objective ms: no stage of the recipe cell produces it/,
      "min macs",
      "min ms",
    ],
    ["a recipe", /^secateur: s\/other\.yaml: no such file/, "./cell.yaml", "./other.yaml"],
  ];
  await write("s/cell.yaml", SWEEP.recipe);
  for (const [what, message, from, to] of cases) {
    await write("s/sweep.yaml", SWEEP.file.replace(from, to));
    assert.is(await run("sweep", "s/sweep.yaml"), 1, what);
    assert.match(err.splice(0).join("\n"), message);
  }
  assert.equal(await io.store.list("runs"), []);
  for (const way of ["--resume", "--status"]) {
    assert.is(await run("sweep", way, "nosuch"), 1);
    assert.match(err.splice(0)[0], /^secateur: nosuch holds no sweep: nosuch\/ground\.json is missing/);
  }
  assert.is(await run("sweep"), 2);
  assert.is(await run("sweep", "s/sweep.yaml", "--resume", "x"), 2);
  assert.is(await run("worker"), 2);
  err.splice(0);
  assert.is(await run("worker", "--queue", "amqp://host"), 1);
  assert.match(err[0], /no queue of the kind amqp/);
});

test("a store is served to workers of a Redis, by a way that keeps its token secret; other command lines end with exit code 2", async () => {
  const { run, err } = session();
  const redis = ["--queue", "redis://127.0.0.1:1"];
  const cases: [readonly string[], RegExp][] = [
    [["--store-at", "8600"], /--store-at is for workers that come by way of a Redis: give --queue as well/],
    [[...redis, "--store-at", "8600x"], /Expected a port, or host:port, such as 127\.0\.0\.1:8600/],
    [[...redis, "--store-at", "70000"], /Expected a port/],
    [[...redis, "--store-at", "0.0.0.0:8600"], /others of the network could read the token: give --cert and --key/],
    [[...redis, "--store-at", "8600", "--cert", "a.pem"], /--cert and --key belong together/],
    [[...redis, "--cert", "a.pem", "--key", "b.pem"], /--cert and --key are for --store-at/],
    [[...redis, "--store", "http://127.0.0.1:8600"], /--store: expected a folder: only workers come/],
  ];
  for (const [options, message] of cases) {
    assert.is(await run("sweep", "s.yaml", ...options), 2, options.join(" "));
    assert.match(err.splice(0).join("\n"), message);
  }
  assert.equal([storeAddress("8600"), storeAddress("[::1]:0"), storeAddress("host.local:86")], [
    { hostname: "127.0.0.1", port: 8600 },
    { hostname: "::1", port: 0 },
    { hostname: "host.local", port: 86 },
  ]);
});

test("the example and the file that the documentation shows are sweeps", async () => {
  const root = new URL("../../docs/", import.meta.url);
  const folder = new URL("examples/sweeps/", root).pathname;
  const store = denoStore();
  const { file } = await loadSweepFile(`${folder}digits-criteria.yaml`, store);
  checkSweep(file, await readRecipe(`${folder}digits-criteria-recipe.yaml`, store));
  const shown = /```yaml\n([\s\S]*?)```/.exec(await Deno.readTextFile(new URL("sweeps.md", root)));
  const { space, seeds } = parseSweepFile(shown![1], "sweeps.md");
  assert.equal([Object.keys(space).length, seeds], [5, [1, 2, 3]]);
});

test.run();
