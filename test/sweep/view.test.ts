/** How a sweep is shown: what is drawn, in characters as well, and what its page says. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseConstraint, parseObjective } from "../../src/sweep/objective.ts";
import { type Metrics, type Trial, trialId } from "../../src/sweep/trial.ts";
import { frontSteps, placed } from "../../src/sweep/view/axes.ts";
import { choiceWords, metricText, shortNames } from "../../src/sweep/view/metric_words.ts";
import { countStates, overviewOf } from "../../src/sweep/view/overview.ts";
import { headline, renderSweep } from "../../src/sweep/view/sweep_page.ts";
import { cellOf, terminalFront } from "../../src/sweep/view/terminal_front.ts";
import { sampleReport, sampleTrials } from "./front_sample.ts";

const test = suite("what is shown of a sweep");

const AIMS = {
  objectives: [parseObjective("max accuracy"), parseObjective("min ms")],
  constraints: [parseConstraint("accuracy >= 0.5")],
};

const trial = (index: number, metrics: Metrics, state: Trial["state"] = "done"): Trial => ({
  id: trialId(index),
  choices: { criterion: "l2", keep: 0.5 },
  seed: 3,
  rungs: [{ rung: 0, epochs: 4, metrics, job: "" }],
  state,
});

const trials = [
  trial(0, { accuracy: 0.9, ms: 4, macs: 9 }),
  trial(1, { accuracy: 0.8, ms: 1, macs: 9 }),
  trial(2, { accuracy: 0.85, ms: 2, macs: 9 }),
  trial(3, { accuracy: 0.79, ms: 2, macs: 9 }),
  trial(4, { accuracy: 0.4, ms: 0.5, macs: 9 }),
  trial(5, { accuracy: 0.99, ms: 0.1, macs: 9 }, "stopped"),
];

test("the front is of done trials that keep the bounds, and costs are the other objectives and what differs", () => {
  const { trials: shown, costs } = overviewOf(trials, AIMS);
  assert.equal(shown.filter(({ front }) => front).map(({ trial }) => trial.id), ["00001", "00002", "00003"]);
  assert.equal(shown.map(({ keepsBounds }) => keepsBounds), [true, true, true, true, false, true]);
  assert.equal(costs.map(({ metric }) => metric), ["ms"], "all have the same MACs");
  const other = overviewOf([...trials, trial(6, { accuracy: 0.1, ms: 9, macs: 8 })], AIMS);
  assert.equal(other.costs.map(({ metric }) => metric), ["ms", "macs"]);
  assert.throws(() => overviewOf(trials, { objectives: [], constraints: [] }), /without an objective/);
  assert.equal(countStates(trials), { done: 5, running: 0, waiting: 0, stopped: 1, failed: 0 });
});

test("trials that lie more than twice as far below the front as it reaches are left out of the plane, and counted", () => {
  const overview = overviewOf(trials, AIMS);
  const { shown, below } = placed(overview, overview.costs[0]);
  // The front reaches from 0.8 to 0.9: 0.6 is the least that is shown.
  assert.equal(shown.map(({ trial }) => trial.id), ["00001", "00002", "00003", "00004"]);
  assert.is(below, 1);
  assert.equal(frontSteps(overview, overview.costs[0], shown), [
    { x: 1, y: 0.8 },
    { x: 2, y: 0.85 },
    { x: 4, y: 0.9 },
  ]);
});

test("a cell of an axis by hand: linear and logarithmic, and its ends", () => {
  assert.is(cellOf({ type: "linear", domain: [10, 20] }, 14.9, 10), 4);
  assert.is(cellOf({ type: "linear", domain: [10, 20] }, 20, 10), 9);
  assert.is(cellOf({ type: "linear", domain: [10, 20] }, 3, 10), 0);
  assert.is(cellOf({ type: "log", domain: [1, 100] }, 10.1, 10), 5);
});

test("the front in characters: dots where trials are, steps from one to the next, ticks at their places", () => {
  const overview = overviewOf(trials, AIMS);
  const text = terminalFront(overview, overview.costs[0], { columns: 44, rows: 8 });
  assert.is(
    text,
    `accuracy
90 % ┤                                  ●
     │                                  │
     │                                  │
85 % ┤                   ●──────────────╯
     │                   │
     │                   │
80 % ┤   ●───────────────╯
     │                   ○
     └───┬───────────────┬──────────────────
         1               2
                                          ms
● on the front   ○ other trials   1 far below not drawn`,
  );
  assert.is(
    terminalFront(overviewOf(trials.slice(0, 1), AIMS), AIMS.objectives[1], { columns: 44, rows: 8 }),
    undefined,
  );
});

test("numbers and choices in words, by the metric's name", () => {
  assert.is(metricText("accuracy", 0.98123), "98.12 %");
  assert.is(metricText("ms", 1.234), "1.23 ms");
  assert.is(metricText("params", 7971), "7,971");
  assert.is(metricText("macs", 241_000), "241 k");
  assert.is(metricText("bytes", 1500), "1.50 kB");
  assert.is(metricText("loss", 0.25), "0.25");
  assert.is(metricText("loss", undefined), "–");
  assert.is(choiceWords(trials[0]), "criterion l2, keep 0.5, seed 3");
  const names = ["stages.1.criterion", "stages.1.a.keep", "stages.2.a.keep", "keep", "width"];
  assert.equal(shortNames(names), ["criterion", "1.a.keep", "2.a.keep", "keep", "width"]);
});

test("the headline says how far the front reaches, which trial is the best, or why there is none", () => {
  const head = (among: readonly Trial[]) => headline(overviewOf(among, AIMS));
  assert.is(head(trials), "3 trials lie on the front: accuracy from 80.00 % at 1.00 ms to 90.00 % at 4.00 ms");
  assert.is(head(trials.slice(0, 1)), "00001 is the best trial: accuracy 90.00 % at 4.00 ms");
  assert.is(head(trials.slice(4, 5)), "No trial keeps the bounds");
  assert.is(head([trial(0, {}, "running")]), "No trial is done yet");
});

const page = (among: readonly Trial[], name = "digits") =>
  renderSweep({
    report: sampleReport(among, name),
    file: "name: digits",
    reportOf: (id) => id === "00002" ? undefined : `trials/${id}/report.html`,
  });

test("a page has a row for each trial, its report, its parents, and a chart for each cost and for the rungs", async () => {
  const html = await page(sampleTrials());
  assert.is(html.match(/<tr id="trial-/g)!.length, 48);
  assert.match(html, '<a href="trials/00001/report.html">00001</a>');
  assert.match(html, '<th scope="row">00002</th>');
  assert.match(html, 'data-parents="00008 00015"');
  for (const id of ["against-ms", "against-params", "against-macs", "rungs"]) assert.match(html, `id="${id}-narrow-t"`);
  assert.match(html, "stage 2 (train): a loss that is not a number");
  assert.is(await page(sampleTrials()), html, "the same sweep gives the same bytes");
  assert.not.match(html, 'http-equiv="refresh"');
  const report = { ...sampleReport(), ended: false };
  assert.match(await renderSweep({ report, reportOf: () => undefined }), '<meta http-equiv="refresh" content="10">');
});

test("a page without a done trial says so, and names are text, not markup", async () => {
  const html = await page([{ ...trial(0, {}, "failed"), rungs: [], reason: "<script>alert(1)</script>" }], "<b>");
  assert.match(html, "Fronts are drawn when two trials are done.");
  assert.not.match(html, "<script>alert");
  assert.not.match(html, "<b>:");
});

test("the table has the front's trials first and 2,000 rows at most, and says of how many", async () => {
  const html = await page(Array.from({ length: 2100 }, (_, i) => trial(i, { accuracy: 0.95, ms: 2100 - i })));
  assert.match(html, "2000 of 2100 trials");
  assert.is(html.match(/<tr id="trial-(\d+)/)![1], "02100");
});

test.run();
