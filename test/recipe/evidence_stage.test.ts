/** Criteria that look at gradients and activations, in runs: what they choose from is gathered on training images. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prune, retrain, tinyRecipe, train, verify } from "./tiny.ts";

const test = suite("evidence in runs");

for (const criterion of ["taylor", "activation"]) {
  test(`${criterion} prunes step by step to a compact network that verify agrees on`, async () => {
    const { report, store } = await prune(tinyRecipe([
      train(1),
      { kind: "prune", criterion, images: 32, budget: { macs: 0.5 }, steps: 2, retrain: retrain(1) },
      { kind: "compact" },
      { kind: "controls", runs: ["fisher"], epochs: 1 },
    ]));
    assert.ok(report.final.macs <= 0.5 * report.baseline.macs && report.final.macs > 0.25 * report.baseline.macs);
    assert.is(report.controls.fisher!.macs, report.final.macs);
    for (const { name, verdict } of await verify(store)) assert.is(verdict, "agrees", name);
  });
}

test("a criterion that can't be normalised is refused before anything is trained", async () => {
  const stage = { kind: "prune", criterion: "fpgm", normalise: "mean", keep: 0.5 };
  const error = await prune(tinyRecipe([train(1), stage])).then(() => "", ({ message }) => message);
  assert.match(error, /^criterion fpgm can't be normalised by mean/);
});

test.run();
