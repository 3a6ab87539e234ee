/** The command line and the engine together: real processes where signals, kills and drivers matter, else in this one. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadDataset } from "../../src/data/deno.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { formatRecipe } from "../../src/recipe/load.ts";
import type { Recipe } from "../../src/recipe/schema.ts";
import { runPrune } from "../../src/run/pipeline.ts";
import { verifyRun } from "../../src/run/verify.ts";
import { denoStore } from "../../src/store/deno.ts";
import { tinyMnist, writeFolder } from "../data/fixtures.ts";
import { testGpu } from "../gpu.ts";
import { onlyNightly } from "../long.ts";
import { crashing, outcome } from "../recipe/interrupt.ts";
import { admm, DIR, prune, retrain, tinyRecipe, train } from "../recipe/tiny.ts";
import { session } from "./fake.ts";

const test = suite("end to end");
const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const root = await Deno.makeTempDir({ prefix: "secateur-end-" });
const bytes = (text: string) => new TextEncoder().encode(text);

/** A command line in this process, on the tests' device, that finds its data in `root`. */
async function here(gpu?: Gpu) {
  const device = gpu ?? await testGpu();
  return session({
    runPrune: ({ dataDir, ...options }) =>
      runPrune({
        ...options,
        gpu: device,
        loadData: ({ name, validation, limit }) =>
          loadDataset(name, { dataDir, validation, limit, cacheDir: `${root}/none`, mirror: "http://127.0.0.1:1/" }),
      }),
    verifyRun: ({ dataDir, ...options }) =>
      verifyRun({ ...options, gpu: device, loadData: ({ name, ...rest }) => loadDataset(name, { dataDir, ...rest }) }),
  });
}

function start(args: readonly string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, ...args],
    env: { NO_COLOR: "1", SECATEUR_DEBUG: "", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function end(child: Deno.ChildProcess): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** Ends `child` by `signal` once its log has `lines` lines, and `afterMs` later. */
async function endAt(child: Deno.ChildProcess, signal: Deno.Signal, log: string, lines: number, afterMs: number) {
  let ended = false;
  child.status.then(() => ended = true);
  const count = async () => (await Deno.readTextFile(log).catch(() => "")).split("\n").length - 1;
  while (!ended && await count() < lines) await new Promise((resolve) => setTimeout(resolve, 4));
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  if (ended) assert.unreachable(`the process ended before its log had ${lines} lines: ${(await end(child)).err}`);
  child.kill(signal);
}

onlyNightly(test)(
  "kill -9 at three moments, then Ctrl-C, each followed by --resume: the bits of a run left alone",
  async () => {
    const recipe: Recipe = tinyRecipe([
      train(2),
      admm({ compact: true }),
      { kind: "purify", tolerance: 0.05, retrain: retrain(2) },
      { kind: "compact" },
      { kind: "controls", epochs: 3 },
    ]);
    const dir = `${root}/killed`;
    const log = `${dir}/log.jsonl`;
    await Deno.writeTextFile(`${root}/tiny.yaml`, formatRecipe(recipe));
    const resume = ["prune", "--resume", dir];

    const moments = [[1, 0], [5, 15], [8, 40]] as const;
    for (const [i, [lines, afterMs]] of moments.entries()) {
      const child = start(i === 0 ? ["prune", `${root}/tiny.yaml`, "--out", dir, "--tune", "none"] : resume);
      await endAt(child, "SIGKILL", log, lines, afterMs);
      assert.is((await end(child)).code, 137);
    }
    const interrupted = start(resume);
    await endAt(interrupted, "SIGINT", log, 11, 0);
    const { code, err } = await end(interrupted);
    assert.is(code, 130, err);
    assert.is(err.trimEnd().split("\n").pop(), `secateur: interrupted; go on with: deno task prune --resume ${dir}`);

    const last = await end(start([...resume, "--quiet"]));
    assert.equal([last.code, last.out], [0, ""], last.err);
    const { store } = await prune(recipe);
    assert.equal(await outcome(denoStore(), dir), await outcome(store));
  },
);

test("no adapter: one line, exit 1, no folder left", async () => {
  const none = `${root}/no-driver.json`;
  const { code, out, err } = await end(
    start(["prune", "--quiet", "--out", `${root}/nowhere`], {
      VK_DRIVER_FILES: none,
      VK_ICD_FILENAMES: none,
      DENO_WEBGPU_BACKEND: "vulkan",
    }),
  );
  assert.equal([code, out], [1, ""]);
  assert.match(err, /^secateur: no WebGPU adapter: install a Vulkan driver [^\n]*\n$/);
  assert.is(await Deno.stat(`${root}/nowhere`).catch(() => "gone"), "gone");
});

test("bad input through the whole engine: one line that names it, exit 1, nothing left", async () => {
  const broken = tinyMnist();
  await writeFolder(broken, `${root}/good`);
  const images = "train-images-idx3-ubyte", labels = "train-labels-idx1-ubyte";
  await writeFolder({ ...broken, [images]: broken[images].slice(0, 5000) }, `${root}/cut`);
  await writeFolder({ ...broken, [labels]: broken[labels].map((b, i) => i === 3 ? 9 : b) }, `${root}/corrupt`);
  const own = formatRecipe(tinyRecipe([train(1), admm(), { kind: "compact" }]));
  const mnist = ["prune", "mnist-lenet5", "--set", "stages=[{kind: train, epochs: 1}]"];
  for (
    const [args, words] of [
      [["prune", "my.yaml", "--set", "model.name=lenet6"], /unknown model "lenet6": expected one of /],
      [["prune", "my.yaml", "--set", "model.depth=3"], /model\.depth: unknown key/],
      [["prune", "my.yaml", "--set", "data.name=cifar"], /data set "cifar", expected one of: digits, /],
      [["prune", "my.yaml", "--set", "stages.0.kind=trian"], /stages\.0\.kind: expected train, .*got "trian"/],
      [["prune", "my.yaml", "--set", "stages.0.epochs=ten"], /stages\.0\.epochs: expected .*, got "ten"/],
      [["prune", "my.yaml", "--set", "stages.1.keep=0"], /stages\.1\.keep: expected a fraction above 0/],
      [
        ["prune", "my.yaml", "--set", "stages.1.constraints.0.layers=[conv9]"],
        /no layer is named "conv9"; there are conv1, /,
      ],
      [["prune", "my.yaml", "--set", "stages.1.constraints.0.layers=[fc2]"], /layer "fc2" can't be pruned by filter: /],
      [
        ["prune", "my.yaml", "--set", "stages.1.budget={params: 1e-6}"],
        /budget: 0\.000001 of the params can't be reached/,
      ],
      [["prune", "my.yaml", "--set", "stages.0="], /stages\.0 is admm, expected train/],
      [[...mnist, "--data-dir", `${root}/missing`], /--data-dir ".*missing": found no such folder/],
      [[...mnist, "--data-dir", `${root}/cut`], /cut\/train-images-idx3-ubyte: .*5000/],
      [[...mnist, "--data-dir", `${root}/corrupt`], /corrupt\/train-labels-idx1-ubyte: /],
    ] as [string[], RegExp][]
  ) {
    const { run, out, err, io } = await here();
    await io.store.write("my.yaml", bytes(own));
    assert.is(await run(...args, "--out", "mine"), 1, args.join(" "));
    assert.is(err.length, 1, err.join("\n"));
    assert.match(err[0], /^secateur: [^\n]+$/);
    assert.ok(words.test(err[0]), err[0]);
    assert.equal([out, await io.store.list("")], [[], ["my.yaml"]]);
  }
});

test("a run that can't go on: one line, exit 1, and what it had kept is still there", async () => {
  const recipe = tinyRecipe([train(2), admm({ steps: 1, updates: 1 }), { kind: "compact" }]);
  const checkpoint = `${DIR}/checkpoint.safetensors`;
  const { run, err, io } = await here();
  await prune(recipe, { store: crashing(io.store, 8, "after") }).catch(() => {});
  const whole = (await io.store.read(checkpoint))!;

  await io.store.write(checkpoint, whole.slice(0, 3000));
  assert.is(await run("prune", "--resume", DIR), 1);
  assert.match(err.pop()!, /^secateur: runs\/tiny\/checkpoint\.safetensors: [^\n]+$/);
  assert.is(await io.store.size(checkpoint), 3000);

  await io.store.write(checkpoint, whole);
  await io.store.write(`${DIR}/recipe.yaml`, bytes(formatRecipe({ ...recipe, seed: 2 })));
  assert.is(await run("prune", "--resume", DIR), 1);
  assert.match(err.pop()!, /^secateur: runs\/tiny\/checkpoint\.safetensors: was written by another recipe [^\n]+$/);

  await io.store.write(`${DIR}/recipe.yaml`, bytes(formatRecipe(recipe)));
  const doomed = await Gpu.open();
  doomed.loseDevice();
  const other = await here(doomed);
  for (const file of await io.store.list(DIR)) await other.io.store.write(file, (await io.store.read(file))!);
  assert.is(await other.run("prune", "--resume", DIR), 1);
  assert.match(other.err.pop()!, /^secateur: the GPU device was lost [^\n]*--resume[^\n]*$/);

  assert.is(await run("prune", "--resume", DIR, "--quiet"), 0, err.join("\n"));
  assert.is(await run("verify", DIR), 0, err.join("\n"));
  assert.equal(err.filter((line) => !line.startsWith("warning: ")), []);
});

onlyNightly(test)("a rate that is far too high: exit 1 and a way out", async () => {
  const { run, err, io } = await here();
  await io.store.write("my.yaml", bytes(formatRecipe(tinyRecipe([train(2)]))));
  assert.is(await run("train", "my.yaml", "--set", "stages.0.optimizer={kind: sgd, lr: 1e6}"), 1);
  assert.match(
    err[0],
    /^secateur: train: the loss is not a number any more(, nor is .*"[\w.]+",)? in epoch 1 of 2, at learning rate \d+: try /,
  );
  assert.equal(err.length, 1);
});

test.after(() => Deno.remove(root, { recursive: true }));
test.run();
