/** What `--best` chooses, and what it says where it can't. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bestTrial, checkWish, parseWish } from "../../src/sweep/best.ts";
import { UserError } from "../../src/errors.ts";
import { parseRecipe } from "../../src/recipe/schema.ts";
import { readYaml } from "../../src/recipe/yaml_text.ts";
import { type Metrics, type Trial, trialId } from "../../src/sweep/trial.ts";
import { SWEEP } from "./cells.ts";

const test = suite("the best trial");

const trial = (index: number, metrics: Metrics, state: Trial["state"] = "done"): Trial => ({
  id: trialId(index),
  choices: {},
  seed: 1,
  rungs: [{ rung: 0, epochs: 4, metrics, job: "" }],
  state,
});

const trials = [
  trial(0, { accuracy: 0.99, macs: 300, ms: 3, params: 9 }),
  trial(1, { accuracy: 0.98, macs: 200, ms: 2, params: 7 }),
  trial(2, { accuracy: 0.985, macs: 200, ms: 2, params: 8 }),
  trial(3, { accuracy: 0.9, macs: 100, ms: 1, params: 5 }),
  trial(4, { accuracy: 0.999, macs: 50, ms: 0.5, params: 1 }, "stopped"),
  { ...trial(5, {}, "failed"), rungs: [] },
];

const best = (text: string, among: readonly Trial[] = trials) => bestTrial(among, parseWish(text)).id;

test("of the done trials that keep the bounds the best, and of equals the one that the next wish or the order prefers", () => {
  assert.is(best("accuracy >= 0.98, min ms"), "00002");
  assert.is(best("accuracy >= 0.98, min ms, max accuracy"), "00003");
  assert.is(best("max accuracy"), "00001");
  assert.is(best("min params,accuracy>=0.85,macs<=250"), "00004");
  assert.is(best("acc >= 0.985, min mac"), "00003", "a metric may be shortened");
});

const says = (run: () => unknown, message: RegExp) =>
  assert.throws(run, (error: Error) => error instanceof UserError && message.test(error.message));

test("what can't be chosen is said in one line, with what to do", () => {
  says(
    () => best("accuracy >= 0.995, min ms"),
    /^none of 4 trials .* accuracy >= 0.995: nearest is 00001 with accuracy 0.99$/,
  );
  says(() => best("accuracy >= 0.98"), /not which of them is the best: add max or min/);
  says(() => best("accuracy > 0.98, min ms"), /constraint "accuracy > 0.98": expected a metric, >= or <=/);
  says(() => best("max accuracy, min accuracy"), /^objectives: accuracy is asked for twice: leave one out$/);
  says(() => best("max accuracy, min acc"), /^objectives: accuracy is asked for twice: leave one out$/);
  says(() => best("acc >= 0.9, accuracy >= 0.95, min ms"), /^constraints: accuracy >= 0\.9 and accuracy >= 0\.95 are/);
  says(() => best("min macs, ms >= 2, ms <= 1"), /^constraints: ms >= 2 and ms <= 1 exclude each other/);
  says(() => best("fewest ms"), /constraint "fewest ms": expected/);
  says(() => best("min ms,"), /constraint "": expected/);
  says(() => best("min"), /objective "min": expected/);
  says(() => best("min latency"), /no trial of this sweep has a metric "latency": expected accuracy, macs, ms, params/);
  says(() => best("min m"), /metric "m" may mean macs or ms/);
  says(() => best("min ms", trials.slice(4)), /none of 2 trials is done yet/);
});

test("before a sweep begins a wish is held against what its trials will have", () => {
  const stages = readYaml(SWEEP.recipe.replace("model: digits", "model: { name: digits }")) as { value: unknown };
  const recipe = parseRecipe(stages.value, "cell");
  checkWish(parseWish("acc >= 0.9, min macs"), recipe);
  says(
    () => checkWish(parseWish("min mcas"), recipe),
    /no trial of this sweep has a metric "mcas": expected accuracy, /,
  );
  says(() => checkWish(parseWish("min ms"), recipe), /no trial of this sweep has a metric "ms"/);
});

test.run();
