/** `prune net.onnx --data …` without a process: what is asked of whom, what is kept, and what is refused. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import type { NetworkSurveyOptions, PruneOptions } from "../../src/cli/io.ts";
import { loadRecipe } from "../../src/recipe/load.ts";
import type { Survey } from "../../src/one_line/choose_recipe.ts";
import { checkWithoutLabels } from "../../src/recipe/without_labels.ts";
import { silentUi } from "../../src/ui.ts";
import { report, session } from "./fake.ts";

const test = suite("a network without a recipe, on the command line");

function pruning({ failure, labels = "present" }: { failure?: Error; labels?: "present" | "absent" } = {}) {
  const asked: PruneOptions[] = [], surveyed: NetworkSurveyOptions[] = [], told: string[] = [];
  const own = session({
    runPrune: async (options) => {
      asked.push(options);
      if (failure) throw failure;
      await options.store.write(`${options.dir}/report.json`, new Uint8Array(1));
      return report;
    },
    surveyNetwork(options): Promise<Survey> {
      surveyed.push(options);
      return Promise.resolve({
        model: options.network.model.name,
        data: options.data.name,
        params: 1000,
        macs: 1e6,
        images: 512,
        validation: 90,
        test: 150,
        norms: "batch",
        shortcuts: "none",
        imageMs: 0.1,
        ...options.data.labels === "use" && labels === "present" &&
          { known: { accuracy: 0.9, scored: 500, chance: 0.1 } },
      });
    },
  });
  const io = { ...own.io, ui: () => ({ ...silentUi(), note: (text: string) => void told.push(text), close() {} }) };
  return { ...own, io, asked, surveyed, told };
}

async function run({ io }: ReturnType<typeof pruning>, ...args: string[]): Promise<number> {
  const { runProgram } = await import("../../src/cli/program.ts");
  await io.store.write("nets/net.onnx", new Uint8Array(1));
  await io.store.write("w.pth", new Uint8Array(1));
  return await runProgram(args, io);
}

test("a recipe is chosen, told in five lines, kept in the run's folder and carried out", async () => {
  const own = pruning();
  const code = await run(
    own,
    ...[
      "prune",
      "nets/net.onnx",
      "--data",
      "folder:./images",
      "--macs",
      "0.4",
      "--exclude",
      "conv1,fc*",
      "--seed",
      "7",
    ],
    ...["--limit", "600", "--set", "stages.0.retrain.epochs=2", "--data-dir", "d"],
  );
  assert.equal([code, own.err], [0, []]);
  const [{ network, data, dataDir }] = own.surveyed;
  assert.equal([network.model.name, data.name, data.limit, dataDir, data.labels], [
    "nets/net.onnx",
    "folder:./images",
    600,
    "d",
    "use",
  ]);
  const [{ recipe, dir }] = own.asked;
  const [prune] = recipe.stages;
  assert.equal([dir, recipe.model.name, recipe.data.name], ["runs/net-1", "nets/net.onnx", "folder:./images"]);
  assert.equal([recipe.seed, recipe.data.limit, prune.kind], [7, 600, "prune"]);
  assert.ok(prune.kind === "prune" && prune.budget?.macs === 0.4 && prune.retrain?.epochs === 2);
  assert.equal(prune.constraints[0].exclude, ["conv1", "fc*"]);
  assert.is(own.told.length, 5);
  const text = new TextDecoder().decode(await own.io.store.read(`${dir}/recipe.yaml`));
  assert.ok(own.told.every((line) => text.includes(`# ${line}\n`)));
  assert.ok(text.includes("model: { name: ../../nets/net.onnx }\n"), text);
  const kept = await loadRecipe(`${dir}/recipe.yaml`, own.io.store);
  assert.equal(kept, { ...recipe, data: { ...recipe.data, name: "folder:images" } });
});

test("without labels nothing is scored, and the network is fitted instead of trained", async () => {
  const own = pruning();
  assert.is(await run(own, "prune", "nets/net.onnx", "--data", "folder:./images", "--no-labels"), 0);
  assert.is(own.surveyed[0].data.labels, "ignore");
  assert.is(own.asked[0].recipe.stages[0].kind, "oneshot");
  assert.is(own.asked[0].recipe.data.labels, "ignore");
  checkWithoutLabels(own.asked[0].recipe, "the images");
});

test("a folder whose images turn out to have no labels needs no option", async () => {
  const own = pruning({ labels: "absent" });
  assert.is(await run(own, "prune", "nets/net.onnx", "--data", "folder:./images"), 0);
  assert.is(own.asked[0].recipe.stages[0].kind, "oneshot");
  checkWithoutLabels(own.asked[0].recipe, "the images");
  const refused = pruning({ labels: "absent" });
  assert.is(await run(refused, "prune", "nets/net.onnx", "--data", "folder:./images", "--method", "admm"), 2);
  assert.match(refused.err.join(), /--method admm trains by labels, and there are none to look at/);
});

test("what doesn't go together is wrong usage, and nothing is written", async () => {
  for (
    const [args, words] of [
      [["nets/net.onnx"], "prune nets/net.onnx needs --data"],
      [["nets/net.onnx", "--data", "digits", "--model", "w.pth"], "--model names another"],
      [["nets/net.onnx", "--data", "digits", "--macs", "half"], "Expected a number such as 0.5"],
      [["nets/net.onnx", "--data", "digits", "--macs", "0.5", "--params", "0.5"], "exclude each other"],
      [["digits", "--macs", "0.5"], "--macs is for a network without a recipe, prune net.onnx --data …"],
      [
        ["--model", "nets/net.onnx", "--data", "digits"],
        "no recipe is named, and digits, the default, is for a network of its own",
      ],
    ] as [string[], string][]
  ) {
    const own = pruning();
    assert.is(await run(own, "prune", ...args), 2, args.join(" "));
    assert.ok(own.err.length === 1 && own.err[0].includes(words), own.err[0]);
    assert.equal(await own.io.store.list("runs"), []);
  }
  const own = pruning();
  assert.is(await run(own, "prune", "gone.onnx", "--data", "digits"), 1);
  assert.match(own.err[0], /gone\.onnx: no such file; looked for /);
  assert.is(await run(own, "train", "nets/net.onnx"), 1);
  assert.match(
    own.err[1],
    /nets\/net\.onnx is a network and no recipe: secateur prune nets\/net\.onnx --data … chooses/,
  );
});

test("a network or data that don't fit a named recipe are an error that names it, never another recipe", async () => {
  const own = pruning({ failure: new UserError('no layer is named "conv1"; there are a, b') });
  assert.is(await run(own, "prune", "digits", "--model", "nets/net.onnx", "--data", "mnist"), 1);
  assert.match(
    own.err[0],
    /no layer is named "conv1".*the recipe digits is for .* its own, in place of which there was --model nets\/net\.onnx and --data mnist; prune net\.onnx --data …/,
  );
  await run(own, "prune", "digits");
  assert.is(own.err[1], 'secateur: no layer is named "conv1"; there are a, b');
  // A network's file in the working directory is no recipe's name.
  await own.io.store.write("net.onnx", (await own.io.store.read("nets/net.onnx"))!);
  await run(own, "prune", "net.onnx", "--data", "digits");
  assert.is(own.err[2], 'secateur: no layer is named "conv1"; there are a, b');
});

test.run();
