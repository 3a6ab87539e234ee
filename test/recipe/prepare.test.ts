/** Training that prepares pruning, as a key of the stage that trains. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import type { Recipe } from "../../src/recipe/schema.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { nightly } from "../long.ts";
import { abortedAt, outcome } from "./interrupt.ts";
import { assertSound, prune, retrain, tinyRecipe, train } from "./tiny.ts";

const test = suite("prepare");

/** Callbacks alone are stopped after each step in test/prune/preparing.test.ts. */
const NIGHTLY = ["soft filters", "all that presses"];

async function assertResumable(name: string, recipe: Recipe, expected: Record<string, unknown>): Promise<void> {
  if (!nightly && NIGHTLY.includes(name)) return;
  const store = memoryStore();
  const moments = [5, 16, 3, 9, 2, 31];
  for (let i = 0;; i++) {
    const signal = i < moments.length ? abortedAt(moments[i]) : undefined;
    try {
      await prune(recipe, { store, resume: i > 0, signal });
      assert.equal(await outcome(store), expected);
      return;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    }
  }
}

const prepared = (prepare: object) => ({ ...train(3), prepare });

test("filters exchanged while the network trains: half of them stay, smaller and proved, and resuming changes nothing", async () => {
  const regrow = { keep: 0.5, every: 5, criterion: "fpgm", returns: "training" };
  const recipe = tinyRecipe([prepared({ regrow }), { kind: "compact" }]);
  const { report, store } = await prune(recipe);
  await assertSound(store);
  assert.ok(report.compression.macs > 1.5, `${report.compression.macs}`);
  assert.ok("maxRel" in report.equivalence);
  await assertResumable("soft filters", recipe, await outcome(store));
});

test("SNIP before the first epoch: what it leaves is trained, and stays masked through what follows", async () => {
  const recipe = tinyRecipe([
    prepared({ snip: { keep: 0.25, images: 64 } }),
    { kind: "prune", keep: 0.75, retrain: retrain() },
    { kind: "compact" },
  ]);
  const { report, store } = await prune(recipe);
  await assertSound(store);
  const { params, nonzero } = report.baseline;
  assert.ok(nonzero < 0.35 * params, `${nonzero} of ${params}`);
  assert.ok(report.final.nonzero < nonzero);
  await assertResumable("SNIP", recipe, await outcome(store));
});

test("all that presses at once goes along with training", async () => {
  const press = { slimming: 1e-3, "group-lasso": { strength: 1e-4 }, "growing-l2": { keep: 0.5, every: 2 } };
  const model = { model: { name: "resnet8", width: 0.125 }, batch: 32 };
  const recipe = tinyRecipe([prepared(press), { kind: "prune", criterion: "bn-scale", keep: 0.5 }], model);
  const { store } = await prune(recipe);
  await assertSound(store);
  await assertResumable("all that presses", recipe, await outcome(store));
});

test("what can't be prepared is refused in one line before anything is trained", async () => {
  for (
    const [prepare, words] of [
      [
        { "group-lasso": { strength: 1, constraints: [{ kind: "filter", layers: ["nowhere"] }] } },
        /no layer is named "nowhere"/,
      ],
      [{ regrow: { keep: 0.5, criterion: "hrank", constraints: [{ kind: "weight" }] } }, /criterion hrank can't score/],
    ] as const
  ) {
    const error = await prune(tinyRecipe([prepared(prepare)])).catch((error) => error);
    assert.instance(error, UserError);
    assert.match(error.message, words);
    assert.not.match(error.message, /\n/);
  }
  for (
    const [prepare, words] of [
      [{}, /stages\.0\.prepare: nothing is asked for: leave it out/],
      [{ snip: { keep: 0.5 }, regrow: { keep: 0.5 } }, /snip and regrow both say what is trained; remove one/],
      [
        { regrow: { keep: 0.5, constraints: [{ kind: "n:m" }] } },
        /training can't prepare n:m or pattern: name another/,
      ],
    ] as const
  ) assert.throws(() => tinyRecipe([prepared(prepare)]), words);
});

test.run();
