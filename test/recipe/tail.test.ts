/** The stages at a recipe's end that only measure and compare: what may change in a run that is resumed. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { requireSameTraining, tailOf, trainingIdentity } from "../../src/run/tail.ts";
import { admm, tinyRecipe, train } from "./tiny.ts";

const test = suite("the last stages of a recipe");
const measure = (batch: number) => ({ kind: "measure", batches: [batch], seconds: 0.01 });
const trained = [train(1), measure(1), admm({ steps: 1 }), { kind: "compact" }];
const before = tinyRecipe([...trained, measure(2), { kind: "controls", epochs: 1 }]);

test("begin after the last stage that changes the network", () => {
  assert.is(tailOf(before), 4);
  assert.is(tailOf(tinyRecipe(trained)), 4);
  assert.is(tailOf(tinyRecipe([measure(1)])), 0);
});

test("may be changed, added and left out, and so may the name; what is measured before them may not", async () => {
  const same = [
    tinyRecipe([...trained, measure(4), { kind: "controls", epochs: 2 }], { name: "other", description: "told anew" }),
    tinyRecipe(trained),
    tinyRecipe([...trained, measure(2), measure(8)]),
  ];
  for (const recipe of same) {
    requireSameTraining(before, recipe, "runs/x");
    assert.is(await trainingIdentity(recipe), await trainingIdentity(before));
  }
  const others = [
    tinyRecipe([train(1), measure(3), ...trained.slice(2)]),
    tinyRecipe(trained, { batch: 32 }),
    tinyRecipe(trained.slice(0, 3)),
  ];
  for (const recipe of others) {
    assert.throws(() => requireSameTraining(before, recipe, "runs/x"), /^runs\/x belongs to another recipe: /);
    assert.not.equal(await trainingIdentity(recipe), await trainingIdentity(before));
  }
});

test("a change that would train another network is told with the keys that may change", () => {
  assert.throws(() => requireSameTraining(before, { ...before, batch: 32 }, "runs/x"), (error: Error) => {
    assert.instance(error, UserError);
    assert.is(
      error.message,
      "runs/x belongs to another recipe: batch is 16 there and 32 here, and the network depends on it; resume it without " +
        "that change, or start a new run (what may change: name, description, layout, stages.4 (measure), stages.5 (controls); " +
        "stages of kind measure and controls may be added at the end)",
    );
    return true;
  });
});

test.run();
