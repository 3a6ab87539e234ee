/** Pruning until a floor of accuracy is met, and gradually, as stages of a run. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import type { Recipe } from "../../src/recipe/schema.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { silentUi } from "../../src/ui.ts";
import { nightly } from "../long.ts";
import { abortedAt, outcome } from "./interrupt.ts";
import { assertSound, DIR, prune, retrain, tinyRecipe, train } from "./tiny.ts";

const test = suite("until and gradual");

const until = (until: object, more: object = {}) => ({
  kind: "prune",
  until: { step: 0.6, bisections: 1, ...until },
  retrain: { ...retrain(3), patience: 1 },
  ...more,
});

async function inPieces(recipe: Recipe, moments: readonly number[]): Promise<Record<string, unknown>> {
  const store = memoryStore();
  for (let i = 0;; i++) {
    const signal = i < (nightly ? 3 : 2) * moments.length ? abortedAt(moments[i % moments.length]) : undefined;
    try {
      await prune(recipe, { store, resume: i > 0, signal });
      assert.ok(i > 4, `${i} pieces`);
      return await outcome(store);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    }
  }
}

test("the smallest network that held the floor is the result, the whole path is told, and resuming changes nothing", async () => {
  const recipe = tinyRecipe([train(4), until({ drop: 0.1 }), { kind: "compact" }]);
  const { report, store } = await prune(recipe);
  await assertSound(store);
  const [{ stage, of, floor, attempts }] = report.until!;
  assert.equal([stage, of], [1, "macs"]);
  assert.is(floor, report.baseline.accuracy!.validation - 0.1);
  assert.is(attempts[0].asked, 0.6);
  for (const { accuracy, kept, macs, asked } of attempts) {
    if (accuracy === undefined) continue;
    assert.is(kept, accuracy >= floor);
    assert.ok(macs! <= asked * report.baseline.macs);
  }
  assert.ok(attempts.some(({ kept }) => kept) && attempts.some(({ kept }) => !kept));
  const last = attempts.findLast(({ kept }) => kept)!;
  assert.is(report.requested.macs, last.asked);
  assert.is(report.final.accuracy!.validation, last.accuracy);
  assert.is(report.final.macs, last.macs);
  // Only what was kept is on the way; what was taken back stands in the path alone.
  assert.is(
    report.stages.filter(({ name }) => name.startsWith("retrained")).length,
    attempts.filter(({ kept }) => kept).length,
  );
  const html = new TextDecoder().decode(await store.read(`${DIR}/report.html`));
  assert.match(html, /Pruned until the floor/);
  assert.equal(await inPieces(recipe, [3, 13, 7, 2, 25]), await outcome(store));
});

test("a floor that every network holds ends where nothing is left that could go", async () => {
  const stages = [train(2), until({ accuracy: 0.01, step: 0.3 }, { retrain: undefined, compact: true })];
  const { report } = await prune(tinyRecipe(stages, { model: { name: "resnet8", width: 0.125 } }));
  const { attempts } = report.until![0];
  assert.is(attempts.filter(({ kept }) => kept).length, attempts.findLastIndex(({ kept }) => kept) + 1);
  assert.is(attempts.at(-1)!.kept, false);
  assert.is(report.final.macs, attempts.findLast(({ kept }) => kept)!.macs);
});

test("a floor that nothing holds leaves the network as it was, with a warning that says what to do", async () => {
  const warnings: string[] = [];
  const ui = { ...silentUi(), warn: (text: string) => void warnings.push(text) };
  const stages = [train(4), until({ drop: 0, step: 0.1, bisections: 0 }, { retrain: undefined })];
  const { report } = await prune(tinyRecipe(stages), { ui });
  assert.equal(report.until![0].attempts.map(({ kept }) => kept), [false]);
  assert.equal(report.final, { ...report.baseline });
  assert.equal(report.requested, {});
  assert.match(warnings.join("\n"), /^stages\.1 \(prune\): nothing was pruned: not even 10\.00 % of the macs hold/m);
});

test("a structure that can't save what is made less is told as that, not as a lack of accuracy", async () => {
  const warnings: string[] = [];
  const ui = { ...silentUi(), warn: (text: string) => void warnings.push(text) };
  const stage = until({ accuracy: 0.01, of: "macs", bisections: 0 }, { retrain: undefined });
  await prune(tinyRecipe([train(1), { ...stage, constraints: [{ kind: "weight" }] }]), { ui });
  assert.match(
    warnings.join("\n"),
    /nothing was pruned: the constraints can't leave as little as 60\.00 % of the macs: set until\.step nearer to 1, until\.of to params/,
  );
});

test("an accuracy that the dense network doesn't reach is refused in one line", async () => {
  const error = await prune(tinyRecipe([train(1), until({ accuracy: 1 })])).catch((error) => error);
  assert.instance(error, UserError);
  assert.match(
    error.message,
    /^stages\.1 \(prune\): until: accuracy 1 can't be held: the network before pruning has 0\.\d+ /,
  );
  assert.not.match(error.message, /\n/);
});

test("a drop of all that the network knows is refused, for no network would be too bad", async () => {
  const error = await prune(tinyRecipe([train(1), until({ drop: 0.999 })])).catch((error) => error);
  assert.instance(error, UserError);
  assert.match(
    error.message,
    /^stages\.1 \(prune\): until: drop 0\.999 leaves no floor: the network before pruning has 0\.\d+ /,
  );
});

test("controls of a network that was pruned until a floor must be given their epochs", async () => {
  const error = await prune(tinyRecipe([train(1), until({ drop: 0.1 }), { kind: "controls" }])).catch((error) => error);
  assert.match(error.message, /stages\.2: how long until has trained the network is known afterwards alone/);
});

test("gradually: as many groups stay as were asked for, proved, and resuming changes nothing", async () => {
  const gradual = { epochs: 3, every: 3, optimizer: retrain().optimizer };
  const recipe = tinyRecipe([
    train(2),
    { kind: "prune", criterion: "taylor", images: 32, budget: { macs: 0.5 }, gradual, retrain: retrain() },
    { kind: "compact" },
  ]);
  const { report, store } = await prune(recipe);
  await assertSound(store);
  assert.ok(report.achieved.macs <= 0.5 && report.achieved.macs > 0.4, `${report.achieved.macs}`);
  assert.ok("maxRel" in report.equivalence);
  // The callback alone is stopped after each step in test/prune/gradual.test.ts.
  if (nightly) assert.equal(await inPieces(recipe, [5, 16, 3, 9, 2]), await outcome(store));
});

test.run();
