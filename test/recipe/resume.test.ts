/** A run that was interrupted or killed, however often and wherever, ends in the same bits as one that was not. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunOptions } from "../../src/run/pipeline.ts";
import type { Recipe } from "../../src/recipe/schema.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { onlyNightly } from "../long.ts";
import { abortedAt, Crash, crashing, outcome } from "./interrupt.ts";
import { admm, prune, retrain, tinyRecipe, train } from "./tiny.ts";

const test = suite("resume");

const rest = [
  { kind: "purify", tolerance: 0.05, retrain: { ...retrain(), loss: { kind: "distill" } } },
  { kind: "unused" },
  { kind: "compact" },
  { kind: "controls", epochs: 1 },
];

const half = {
  kind: "magnitude",
  keep: 0.5,
  compact: false,
  retrain: { ...retrain(2), schedule: { kind: "constant" } },
};

const recipes: Readonly<Record<string, Recipe>> = {
  "compact between steps, augmented": tinyRecipe([train(), admm({ compact: true }), ...rest], {
    data: { name: "digits", limit: 200, augment: { crop: 1 } },
  }),
  "masked throughout, batch norm, residual, a step taken back": tinyRecipe([
    train(2),
    admm({ compact: false, updates: 2, steps: 1 }),
    { ...half, constraints: [{ kind: "column" }] },
    admm({ compact: false, steps: 1, updates: 1, floor: 1, backoffs: 1 }),
    { kind: "purify", tolerance: 0.05, retrain: retrain() },
    { kind: "compact" },
  ], { model: { name: "resnet8", width: 0.125 }, batch: 32 }),
};

/** Runs in `store` again and again, each process ended early in its own way, until one comes through. */
async function inPieces(
  recipe: Recipe,
  store: Store,
  early: (process: number) => Partial<RunOptions> | undefined,
): Promise<{ pieces: number; ended: string[] }> {
  const ended: string[] = [];
  for (let process = 0;; process++) {
    const options = early(process);
    const resume = process > 0;
    try {
      await prune(recipe, { store, resume, ...options });
      return { pieces: process + 1, ended };
    } catch (error) {
      if (!(error instanceof Interrupted) && !(error instanceof Crash)) throw error;
      assert.ok(options, "a process that nobody ended came to its end");
      ended.push(error.message);
    }
  }
}

for (const [name, recipe] of Object.entries(recipes)) {
  // What resumes bit for bit after a kill does so after an interruption, which writes its checkpoint in peace.
  const interrupted = onlyNightly(test);
  const killed = name === Object.keys(recipes)[0] ? onlyNightly(test) : test;
  let whole: ReturnType<typeof outcome> | undefined;
  const expectedOutcome = () => whole ??= prune(recipe).then(({ store }) => outcome(store));

  interrupted(`${name}: interrupted within epochs, at their ends and between stages`, async () => {
    const expected = await expectedOutcome();
    const store = memoryStore();
    // An epoch has 4 or 7 batches.
    const moments = [1, 3, 7, 2, 8, 14, 5, 9, 6, 4, 10, 11, 13];
    const { pieces } = await inPieces(recipe, store, (i) => ({ signal: abortedAt(moments[i % moments.length]) }));
    assert.ok(pieces > 8, `${pieces} pieces`);
    assert.equal(await outcome(store), expected);
  });

  killed(`${name}: killed at any change of its folder`, async () => {
    const expected = await expectedOutcome();
    const store = memoryStore();
    const { pieces } = await inPieces(
      recipe,
      store,
      (i) => i < 25 ? { store: crashing(store, 3 + i % 7, (["before", "amid", "after"] as const)[i % 3]) } : undefined,
    );
    assert.ok(pieces > 8, `${pieces} pieces`);
    assert.equal(await outcome(store), expected);
  });
}

test.run();
