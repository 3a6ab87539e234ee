/** The epoch that validates best stands beside the last one. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { admm, DIR, prune, retrain, tinyRecipe, train } from "./tiny.ts";

const test = suite("best epoch");

/** So fast that accuracy goes up and down. */
const rough = {
  epochs: 6,
  optimizer: { kind: "sgd", lr: 0.3, momentum: 0.9 },
  schedule: { kind: "constant" },
};

test("of the last retraining: the first of the highest validation accuracies, as small as the result", async () => {
  const { report, store } = await prune(
    tinyRecipe([train(), admm({ steps: 1, updates: 1, compact: false, retrain: rough }), { kind: "compact" }]),
  );
  const lines = new TextDecoder().decode(await store.read(`${DIR}/log.jsonl`)).trim().split("\n").map((l) =>
    JSON.parse(l)
  );
  const epochs: number[] = lines.filter(({ phase }) => phase === "retrain").map((line) => line.validationAccuracy);
  assert.is(epochs.length, rough.epochs);
  const highest = Math.max(...epochs);
  assert.ok(epochs.at(-1)! < highest, `the last epoch is the best one: ${epochs}`);
  assert.is(report.best!.name, `best epoch, ${epochs.indexOf(highest) + 1} of ${rough.epochs}`);
  assert.is(report.best!.accuracy!.validation, highest);
  assert.is(report.final.accuracy!.validation, epochs.at(-1));
  for (const key of ["params", "macs", "nonzero", "bytes"] as const) assert.is(report.best![key], report.final[key]);
});

test("a network that is not retrained has none, nor one that was pruned further since", async () => {
  const plain = await prune(tinyRecipe([train(2), { kind: "compact" }]));
  assert.is(plain.report.best, undefined);
  const purified = await prune(
    tinyRecipe([train(), admm({ steps: 1, updates: 1, retrain: retrain(2) }), { kind: "purify", tolerance: 0.2 }]),
  );
  assert.is(purified.report.best, undefined);
});

test.run();
