/** What the command line shows of a sweep that is there: its front, its page and its best trial. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { drawFront, writeSweepPage } from "../../src/cli/sweep_views.ts";
import { serveSweep } from "../../src/cli/serve_sweep.ts";
import { askedBy, requireSameAsked, type SweepGround, type SweepReport } from "../../src/sweep/report.ts";
import { type Trial, trialId } from "../../src/sweep/trial.ts";
import { failureOf } from "../../src/cli/sweep_outcome.ts";
import { parseSweepFile } from "../../src/sweep/sweep_file.ts";
import { SWEEP } from "../sweep/cells.ts";
import { sampleReport } from "../sweep/front_sample.ts";
import { session } from "./fake.ts";

const test = suite("secateur sweep, what it shows");

const encode = (text: string) => new TextEncoder().encode(text);

const GROUND: SweepGround = {
  version: 1,
  asked: { file: { name: "digits" }, recipe: {} },
  identity: { tool: "secateur 0.1.0", commit: "abc", source: "s" },
  adapter: "gpu",
  data: { request: "r", sha256: "d" },
  plans: "default",
  store: "/store",
};

/** A command line in whose store a sweep lies. */
async function withSweep() {
  const cli = session();
  const { store } = cli.io;
  await store.write("s/ground.json", encode(JSON.stringify(GROUND)));
  await store.write("s/sweep.json", encode(JSON.stringify(sampleReport())));
  await store.write("s/sweep.yaml", encode("name: digits\n"));
  for (const id of ["00002", "00035"]) {
    await store.write(`s/trials/${id}/recipe.yaml`, encode(`name: cell\nseed: ${Number(id)}\n`));
    await store.write(`s/trials/${id}/model.onnx`, encode(`network ${id}`));
  }
  await store.write("s/trials/00035/report.html", encode("report"));
  return cli;
}

const textOf = async (cli: ReturnType<typeof session>, path: string) =>
  new TextDecoder().decode(await cli.io.store.read(path));

test("--best prints the recipe as YAML that says which trial it is of, and copies its files", async () => {
  const cli = await withSweep();
  await cli.io.store.write("s/best/old.onnx", encode("of an earlier wish"));
  assert.is(await cli.run("sweep", "--status", "s/", "--best", "acc >= 0.95, max acc"), 0);
  const [text] = cli.out;
  assert.equal(parse(text), { name: "cell", seed: 35 });
  assert.match(
    text,
    /^# Trial 00035, criterion taylor, keep 0.7, seed 1: accuracy 97\.\d\d %\n# .* copied to s\/best\n/,
  );
  assert.equal(await cli.io.store.list("s/best"), ["s/best/model.onnx", "s/best/recipe.yaml", "s/best/report.html"]);
  assert.is(await textOf(cli, "s/best/model.onnx"), "network 00035");
  assert.is(await cli.run("sweep", "--status", "s", "--best", "accuracy >= 0.936, min ms"), 0);
  assert.is(await textOf(cli, "s/best/model.onnx"), "network 00002");
});

test("a wish that is none ends with exit code 2, one that no trial fulfils with 1, and nothing is copied", async () => {
  const cli = await withSweep();
  assert.is(await cli.run("sweep", "--status", "s", "--best", "accuracy > 0.98, min ms"), 2);
  assert.match(cli.err.join("\n"), 'constraint "accuracy > 0.98": expected a metric, >= or <=, and a number');
  cli.err.length = 0;
  assert.is(await cli.run("sweep", "--status", "s", "--best", "accuracy >= 0.999, min ms"), 1);
  assert.match(cli.err.join("\n"), "none of 36 trials that are done has accuracy >= 0.999: nearest is 00035");
  assert.equal(await cli.io.store.list("s/best"), []);
  assert.is(await cli.run("sweep", "--status", "elsewhere", "--best", "min ms"), 1);
});

test("options that would change nothing end with exit code 2, and say what to do", async () => {
  const cli = await withSweep();
  const cases: [string[], RegExp][] = [
    [["--status", "s", "--workers", "1"], /^secateur: --workers: has no effect with --status, .*: leave it out$/],
    [["--status", "s", "--out", "x"], /^secateur: --out: has no effect with --status/],
    [["--status", "s", "--serve", "--json"], /^secateur: --json: has no effect with --status --serve: leave it out$/],
    [["--resume", "s", "--store", "x"], /^secateur: --store: a sweep goes on in its folder and with its store/],
    [["s.yaml", "--port", "9000"], /^secateur: --port: is that of the page which --serve shows: give --serve as well$/],
    [["s.yaml", "--best", "min ms", "--json"], /^secateur: --json: --best prints a recipe as YAML/],
    [["--status", ""], /^secateur: --status: found "", expected at least a letter/],
    [["s.yaml", "--store", "ftp://x"], /^secateur: --store: expected a folder/],
  ];
  for (const [args, message] of cases) {
    assert.is(await cli.run("sweep", ...args), 2, args.join(" "));
    assert.match(cli.err.splice(0).join("\n"), message);
  }
  assert.is(await cli.run("prune", ""), 2);
  assert.match(cli.err.splice(0)[0], /^secateur: recipe: found ""/);
});

test("a folder of which a part is missing or was changed by hand is refused in one line", async () => {
  const cli = await withSweep();
  const says = async (message: RegExp, ...args: string[]) => {
    assert.is(await cli.run("sweep", ...args), 1);
    assert.equal(cli.err.length, 1);
    assert.match(cli.err.splice(0)[0], message);
  };
  await says(
    /^secateur: s\/recipe\.yaml is missing, which was there when the sweep began: restore it/,
    "--resume",
    "s",
  );
  await cli.io.store.write("s/sweep.json", encode('{"version":1,"trials":[{}]}'));
  await says(/^secateur: s\/sweep\.json: is no sweep's report/, "--status", "s");
  for (const ground of ["{", "null", '{"version":1}', JSON.stringify({ ...GROUND, identity: {} })]) {
    await cli.io.store.write("s/ground.json", encode(ground));
    for (const way of ["--status", "--resume"]) {
      await says(/^secateur: s\/ground\.json: is not what a sweep of this Secateur wrote: restore it/, way, "s");
    }
  }
});

test("a sweep goes on with the file and the recipe that it began with, and with more of a budget", () => {
  const parsed = (text: string) => parseSweepFile(text, "s");
  const before = JSON.parse(JSON.stringify(askedBy(parsed(SWEEP.file), { seed: 1 })));
  const held = (text: string, recipe: unknown = { seed: 1 }) =>
    requireSameAsked("s", before, askedBy(parsed(text), recipe));
  held(`${SWEEP.file}budget: { hours: 2 }\ndescription: more\n`);
  assert.throws(
    () => held(SWEEP.file.replace("seeds: 5", "seeds: 6")),
    /^s\/sweep\.yaml was changed since the sweep began: seeds\.5 was nothing and is 6: put it back \(of sweep\.yaml, budget and/,
  );
  assert.throws(
    () => held(SWEEP.file.replace("taylor", "l1")),
    /vary\.stages\.1\.criterion\.values\.1 was "taylor" and is "l1"/,
  );
  assert.throws(
    () => held(SWEEP.file, { seed: 2 }),
    /^s\/recipe\.yaml was changed since the sweep began: seed was 1 and is 2/,
  );
});

test("a sweep failed where a trial did, where two results of a job differ, and where nothing was done", () => {
  const trials = (...states: Trial["state"][]) =>
    states.map((state, i) => ({ ...sampleReport().trials[0], id: trialId(i), state, reason: "no memory" }));
  const failure = (trials: readonly Trial[], differences: SweepReport["differences"] = []) =>
    failureOf({ trials, differences }, "s", "AGAIN");
  assert.is(failure(trials("done", "stopped")), undefined);
  assert.is(
    failure(trials("stopped", "stopped")),
    "none of 2 trials was done when the budget's hours were over: give budget.hours in s/sweep.yaml more, and go on with: AGAIN",
  );
  assert.match(failure([])!, /^no trial had begun when the budget's hours were over/);
  assert.is(
    failure(trials("done", "failed")),
    "1 of 2 trials failed, first 00002: no memory; the others are over; to try them again: AGAIN",
  );
  const difference = { job: "j", label: "00001 train", what: "bits", values: ["a", "b"] } as const;
  assert.match(failure(trials("done"), [difference])!, /^1 jobs were done twice .*, first 00001 train: bits a and b: /);
});

test("the page lies beside the report, and leads to the reports that there are", async () => {
  const { io } = await withSweep();
  assert.is(await writeSweepPage(io, sampleReport(), "s/"), "s/sweep.html");
  const html = new TextDecoder().decode(await io.store.read("s/sweep.html"));
  assert.match(html, '<a href="trials/00035/report.html">00035</a>');
  assert.match(html, '<th scope="row">00002</th>');
  assert.match(html, "name: digits");
});

test("a page that is open when the sweep ends is shown its end before the server goes", async () => {
  const { io } = await withSweep();
  const cache = Deno.env.get("SECATEUR_CACHE");
  const folder = await Deno.makeTempDir();
  Deno.env.set("SECATEUR_CACHE", folder);
  try {
    await io.store.write("s/sweep.json", encode(JSON.stringify({ ...sampleReport(), ended: false })));
    let told = "";
    const server = await serveSweep(io, { dir: "s", port: 0, tell: (text) => told = text });
    const link = /http:\/\/localhost:\d+\/[\w-]{22}\/$/.exec(told)![0];
    const page = async () => await (await fetch(link)).text();
    assert.match(await page(), "data-follow=");
    const closed = server[Symbol.asyncDispose]();
    await io.store.write("s/sweep.json", encode(JSON.stringify({ ...sampleReport(), ended: true })));
    assert.not.match(await page(), "data-follow=");
    await closed;
    await fetch(link).then(() => assert.unreachable("the server goes on"), () => {});
  } finally {
    if (cache === undefined) Deno.env.delete("SECATEUR_CACHE");
    else Deno.env.set("SECATEUR_CACHE", cache);
    await Deno.remove(folder, { recursive: true });
  }
});

test("the front fits the terminal, and there is none where only one trial is done", () => {
  const text = drawFront(sampleReport(), 60)!;
  assert.ok(text.split("\n").every((line) => line.length < 60), text);
  assert.match(text, "●");
  assert.is(drawFront({ ...sampleReport(), trials: sampleReport().trials.slice(0, 1) }, 60), undefined);
});

test.run();
