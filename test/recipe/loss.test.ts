/** The losses that a recipe names: what they mean, and where they can't stand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { lossSettings } from "../../src/stages/loss.ts";
import { checkOrder } from "../../src/recipe/order.ts";
import { prune, retrain, tinyRecipe, train } from "./tiny.ts";

const test = suite("recipe losses");

test("each loss in the words of training: the labels' share, the temperature, the dense network as teacher", () => {
  const b = builder("net", ["N", 1, 2, 2]);
  b.gemm(b.flatten(b.input), { name: "fc", out: 2 });
  const teacher = { graph: b.graph(), params: initialise(b.graph(), 1) };
  const labels = { kind: "cross-entropy", labelSmoothing: 0.1 };
  assert.equal(lossSettings(undefined, 0.1, teacher), labels);
  assert.equal(lossSettings({ kind: "cross-entropy" }, 0.1, teacher), labels);
  assert.equal(lossSettings({ kind: "outputs" }, 0, teacher), { kind: "outputs", teacher });
  assert.equal(lossSettings({ kind: "distill", temperature: 3, weight: 0.25 }, 0.1, teacher), {
    kind: "sum",
    terms: [{ loss: labels, weight: 0.75 }, { loss: { kind: "distill", teacher, temperature: 3 }, weight: 0.25 }],
  });
});

test("defaults of distill; unknown losses and keys are refused with the known ones", () => {
  const [stage] = tinyRecipe([{ ...train(), loss: { kind: "distill" } }]).stages;
  assert.equal("loss" in stage && stage.loss, { kind: "distill", temperature: 4, weight: 0.5 });
  assert.throws(
    () => tinyRecipe([{ ...train(), loss: { kind: "hinge" } }]),
    /stages\.0\.loss\.kind: expected cross-entropy, distill or outputs, got "hinge"/,
  );
  assert.throws(() => tinyRecipe([{ ...train(), loss: { kind: "outputs", weight: 1 } }]), /loss\.weight: unknown key/);
});

test("a loss with nothing to learn from, and smoothing of labels that nobody reads, are refused", () => {
  const refused = (stages: readonly unknown[], words: RegExp) =>
    assert.throws(() => checkOrder(tinyRecipe(stages)), (e: Error) => e instanceof UserError && words.test(e.message));
  const outputs = { kind: "outputs" };
  refused([{ ...train(), loss: outputs }], /stages\.0: the loss outputs learns from the network before pruning/);
  refused(
    [train(), { kind: "prune", keep: 0.5, retrain: { ...retrain(), loss: outputs, labelSmoothing: 0.1 } }],
    /stages\.1: the loss outputs reads no labels, so labelSmoothing has no effect/,
  );
  checkOrder(tinyRecipe([train(), { ...train(), loss: outputs }]));
});

test("networks that are retrained by the dense one's outputs or classes learn", async () => {
  const run = async (how: Record<string, unknown>) => {
    const stages = [train(6), { kind: "prune", keep: 0.75, retrain: { ...retrain(2), ...how } }];
    return (await prune(tinyRecipe(stages))).report.final.accuracy!.validation;
  };
  // The slope of a squared error doesn't level off as that of cross-entropy does: it wants a smaller rate.
  for (
    const how of [
      { loss: { kind: "outputs" }, optimizer: { kind: "sgd", lr: 0.002 } },
      { loss: { kind: "distill", temperature: 2, weight: 0.9 } },
    ]
  ) {
    const accuracy = await run(how);
    assert.ok(accuracy > 0.6, `${JSON.stringify(how)}: ${accuracy}, chance is 0.1`);
  }
});

test.run();
