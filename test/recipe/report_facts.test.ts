/** What a run's report says beside its networks: what it ran on, each class's accuracy, warnings, and where time went. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseReport } from "../../src/report/validate.ts";
import { silentUi } from "../../src/ui.ts";
import { admm, DIR, prune, retrain, tinyRecipe, train } from "./tiny.ts";

const test = suite("facts in a run's report");

test("names network and data; classes add up to the accuracy; the warnings are those that were shown", async () => {
  const shown: string[] = [];
  const ui = { ...silentUi(), warn: (text: string) => shown.push(text) };
  const stages = [
    train(1),
    admm({ steps: 1, updates: 1, retrain: retrain(1) }),
    { kind: "compact" },
    { kind: "measure", batches: [2], seconds: 0.2, variants: ["dense", "compact"] },
  ];
  const { report, store } = await prune(tinyRecipe(stages), { ui });
  const { network, data, images, classes = [], baseline, final, warnings, spent, layerTimes } = report;
  assert.equal([network, data], ["digits", "digits"]);
  assert.is(images!.test, classes.reduce((sum, { images }) => sum + images, 0));
  const all = (when: "before" | "after") =>
    classes.reduce((sum, one) => sum + one.images * one[when], 0) / images!.test;
  assert.ok(Math.abs(all("before") - baseline.accuracy!.test) < 1e-9);
  assert.ok(Math.abs(all("after") - final.accuracy!.test) < 1e-9);
  assert.match(shown[0], /ADMM has not converged/);
  assert.equal(warnings, shown);
  assert.equal(spent!.stages.map(({ kind }) => kind), ["train", "admm", "compact", "measure"]);
  assert.ok(spent!.stages.every(({ seconds }) => seconds > 0));
  assert.is(spent!.tuning, 0);
  assert.is(layerTimes!.batch, 2);
  const timed = layerTimes!.layers.filter(({ beforeMs, afterMs }) => beforeMs > 0 && afterMs! > 0);
  const layers = ["conv1", "conv2", "fc1", "fc2"];
  assert.equal(timed.map(({ name }) => name).filter((name) => layers.includes(name)), layers);
  const text = new TextDecoder().decode(await store.read(`${DIR}/report.json`));
  assert.equal(parseReport(JSON.parse(text), "report.json"), report);
});

test.run();
