import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { EvalOptions } from "../../src/cli/io.ts";
import type { Score } from "../../src/train/evaluate_network.ts";
import { session } from "./fake.ts";

const test = suite("secateur eval");

const score: Score = {
  model: "net.onnx",
  params: 271098,
  macs: 40551040,
  data: "./images",
  part: "test",
  images: 10000,
  shape: [3, 32, 32],
  classes: 2,
  classNames: ["cat", "dog"],
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  correct: 8103,
  accuracy: 0.8103,
  loss: 0.87876,
};

function evaluating() {
  const asked: EvalOptions[] = [];
  const own = session({ evaluateNetwork: (options) => (asked.push(options), Promise.resolve(score)) });
  return { ...own, asked };
}

test("options reach the engine, the score is a table", async () => {
  const { io, run, asked, out } = evaluating();
  for (const file of ["net.onnx", "w.pth", "a.npy", "b=c.npy"]) await io.store.write(file, new Uint8Array(1));
  const code = await run(
    ...["eval", "net.onnx", "--data", "folder:./images", "--part", "all", "--mean", ".485,.456,.406"],
    ...["--std", ".229, .224, .225", "--size", "32", "--weights", "w.pth", "--data-dir", "d"],
    ...["--output", "logits", "--input", "style=a.npy", "--input", "size=b=c.npy"],
  );
  assert.is(code, 0);
  const [{ store: _store, ui: _ui, ...options }] = asked;
  assert.equal(options, {
    network: {
      model: { name: "net.onnx", output: "logits", inputs: { style: "a.npy", size: "b=c.npy" } },
      weights: "w.pth",
      preprocess: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], size: 32 },
    },
    data: { name: "folder:./images", part: "all" },
    dataDir: "d",
  });
  for (
    const text of ["271,098 parameters", "2: cat, dog", "81.03 % (8,103 of 10,000)", "0.8788", "mean 0.485, 0.456"]
  ) {
    assert.ok(out.join("\n").includes(text), `${text}\n${out.join("\n")}`);
  }
});

test("a run's folder stands for its network; --json gives the score", async () => {
  const { io, run, asked, out } = evaluating();
  await io.store.write("runs/a/model.safetensors", new Uint8Array(1));
  assert.is(await run("eval", "runs/a", "--data", "digits", "--json"), 0);
  assert.is(asked[0].network.model.name, "runs/a/model.safetensors");
  assert.equal(JSON.parse(out.join("\n")), score);
});

test("wrong usage is said, with exit code 2", async () => {
  for (
    const [args, said] of [
      [["eval", "--data", "digits"], "missing required argument 'model'"],
      [["eval", "net.onnx"], "required option '--data <data>' not specified"],
      [["eval", "resnet20", "--data", "digits"], "give its weights with --weights"],
      [["eval", "net.onnx", "--data", "digits", "--mean", "a"], "Expected numbers like 0.485"],
      [["eval", "net.onnx", "--data", "digits", "--part", "dev"], "Allowed choices are train, validation, test, all"],
      [["eval", "net.onnx", "--data", "digits", "--size", "0"], "Expected a whole number of pixels"],
    ] as const
  ) {
    const { run, err } = evaluating();
    assert.is(await run(...args), 2);
    assert.ok(err.join("\n").includes(said), err.join("\n"));
  }
});

test("its help names data of one's own", async () => {
  const { run, out } = evaluating();
  assert.is(await run("eval", "--help"), 0);
  assert.match(out.join("\n"), "folder:./images");
});

test.run();
