/** What the command line shows of a sweep that is there: its front, its page and its best trial. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { drawFront, writeSweepPage } from "../../src/cli/sweep_views.ts";
import { serveSweep } from "../../src/cli/serve_sweep.ts";
import { sampleReport } from "../sweep/front_sample.ts";
import { session } from "./fake.ts";

const test = suite("secateur sweep, what it shows");

const encode = (text: string) => new TextEncoder().encode(text);

/** A command line in whose store a sweep lies. */
async function withSweep() {
  const cli = session();
  const { store } = cli.io;
  await store.write("s/ground.json", encode('{"version":1}'));
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
