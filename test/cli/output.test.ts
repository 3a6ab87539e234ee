import { suite } from "uvu";
import * as assert from "uvu/assert";
import { formatSummary } from "../../src/cli/summary.ts";
import { createUi } from "../../src/cli/ui.ts";
import type { Point } from "../../src/report/types.ts";
import { report } from "./fake.ts";

const test = suite("command line output");

test("the summary", () => {
  assert.is(
    formatSummary(report, "runs/x/report.html"),
    `
accuracy  97.01 % on the test images, −0.64 points against 97.65 %
size      42.0× fewer parameters, 12.3× fewer MACs: 10,250 parameters, 205 k MACs, 41.0 kB, from 430,500, 8.61 M, 1.72 MB
speed     2.50× faster at batch 1 (1.12 ms, from 3.12), 3.00× faster at batch 256 (256 ms, from 768)

stage               validation     test  parameters  non-zero       MACs     size
──────────────────  ──────────  ───────  ──────────  ────────  ─────────  ───────
train                  98.15 %  97.65 %     430,500   430,490  8,610,000  1.72 MB
admm                   97.50 %  97.00 %     430,500   430,490  8,610,000  1.72 MB
compact                97.51 %  97.01 %      10,250    10,240    205,000  41.0 kB
best                   97.70 %  97.20 %      10,250    10,240    205,000  41.0 kB
control: magnitude     95.50 %  95.00 %      10,250    10,240    205,000  41.0 kB
control: scratch       96.50 %  96.00 %      10,250    10,240    205,000  41.0 kB

median ± MAD               dense              masked             compact  speed-up
────────────  ──────────────────  ──────────────────  ──────────────────  ────────
batch 1         3.123 ± 0.012 ms    2.123 ± 0.012 ms    1.123 ± 0.012 ms     2.50×
batch 256     768.123 ± 0.012 ms  512.123 ± 0.012 ms  256.123 ± 0.012 ms     3.00×

params            asked 0.025, reached 0.0238
compact = masked  largest relative difference 2.5e-7 over 1,024 inputs
ADMM residual     ‖W−Z‖/‖W‖ at most 0.0321 (fc1), 2 layers
adapter           llvmpipe
report            runs/x/report.html`.trim(),
  );
});

test("where an achieved figure can't be told the summary says so, and why", () => {
  const text = formatSummary({ ...report, achieved: {}, untold: { params: "it was merged" } }, "x.html");
  assert.match(text, /params +asked 0\.025, what was reached can't be told: it was merged\n/);
});

test("where zeros stay in place, what is stored and what isn't 0 are both told of the parameters that were asked for", () => {
  const text = formatSummary({ ...report, achieved: { params: 1, nonzero: 0.0249, macs: 1 } }, "x.html");
  assert.match(text, /params +asked 0\.025, reached 1 with its zeros, 0\.0249 without\n/);
});

test("what f16 changes is told where a run was asked for it, or why it can't be told", () => {
  const f16 = { images: 359, maxRel: 5.4e-4, sameClass: 1, accuracy: { f32: 0.9833, f16: 0.9805 } };
  assert.match(
    formatSummary({ ...report, f16 }, "x.html"),
    /\nf16 for f32 +accuracy 98\.05 %, from 98\.33 %; outputs move by 5\.4e-4 at most over 359 images\n/,
  );
  const notMeasured = "this adapter has no f16";
  assert.match(
    formatSummary({ ...report, f16: { notMeasured } }, "x.html"),
    /\nf16 for f32 +not measured: this adapter/,
  );
});

test("where the images have no labels the summary says so, and how near the outputs are to the dense network's", () => {
  const told = ({ accuracy: _, ...sizes }: Point, sameClass: number, outputLoss: number): Point => ({
    ...sizes,
    agreement: { images: 150, sameClass, outputLoss },
  });
  const [baseline, final] = [told(report.baseline, 1, 0), told(report.final, 0.94, 0.02134)];
  const run = { ...report, baseline, stages: [baseline, final], final, best: undefined, controls: {} };
  const text = formatSummary({ ...run, latency: [], admm: [] }, "x.html");
  assert.match(text, /\nstage +same class +outputs off by +parameters/);
  assert.match(text, /\ntrain +100\.00 % +0 +430,500 /);
  assert.match(text, /\ncompact +94\.00 % +0\.0213 +10,250 /);
  const line =
    "accuracy  no accuracy was measured: the images have no labels; the dense network's class for 94.00 % of 150 " +
    "images, outputs off by 0.0213 of how much they vary";
  assert.is(text.split("\n")[0], line);
});

test("a summary of training alone leaves out what there is not", () => {
  const text = formatSummary({
    ...report,
    stages: [report.baseline],
    final: report.baseline,
    best: undefined,
    controls: {},
    latency: [],
    speedup: [],
    admm: [],
    equivalence: { notProved: "nothing was pruned" },
  }, "r.html");
  assert.is(text.split("\n\n").length, 3);
  assert.match(text, /^accuracy {2}97\.65 % on the test images, ±0\.00 points against 97\.65 %\nsize {2,}/);
  assert.match(text, /proof +not proved: nothing was pruned/);
  assert.not.match(text, /ADMM|compact|median/);
});

test("without a terminal: a line now and then, and one at the end of a stage", () => {
  let clock = 0;
  let text = "";
  const ui = createUi({ write: (more: string) => text += more }, () => clock);
  ui.note("llvmpipe");
  const stage = ui.stage("train", 20);
  for (let step = 1; step <= 20; step++) {
    clock += 1000;
    stage.update(step, { loss: 1 / step, accuracy: step / 25 });
  }
  stage.done();
  ui.warn("low");
  assert.is(
    text,
    `llvmpipe
train: 25 %  loss 0.2000  accuracy 20.00 %  15 s left
train: 50 %  loss 0.1000  accuracy 40.00 %  10 s left
train: 75 %  loss 0.0667  accuracy 60.00 %  5.0 s left
train: 100 %  loss 0.0500  accuracy 80.00 %
train: done in 20 s  loss 0.0500  accuracy 80.00 %
warning: low
`,
  );
});

test("a stage that knows how long it will take says so, or that it can't tell yet", () => {
  let clock = 0;
  let text = "";
  const stage = createUi({ write: (more: string) => text += more }, () => clock).stage("digits", 1000);
  for (const left of ["unknown", 75] as const) {
    clock += 6000;
    stage.update(100, { text: "train", left });
  }
  assert.is(text, "digits: 10 %  train\ndigits: 10 %  train  1 min 15 s left\n");
});

test("without a terminal a stage that was cut short is not said to be done", () => {
  let text = "";
  const stage = createUi({ write: (more: string) => text += more }, () => 0).stage("measure", 2);
  stage.update(1, { text: "batch 1" });
  stage.abandon();
  stage.done();
  assert.is(text, "");
});

test("in a terminal: a bar, closed even if its stage never ended", () => {
  let text = "";
  const terminal = Object.assign(new EventTarget(), {
    isTTY: true,
    columns: 100,
    write: (more: string) => (text += more, true),
  });
  const ui = createUi(terminal);
  const stage = ui.stage("admm", 4);
  stage.update(2, { loss: 0.5, text: "rho 0.01" });
  stage.done("residual 0.03");
  assert.match(text, /admm .*100%/);
  assert.match(text, /residual 0.03/);
  ui.stage("retrain", 4).update(1, {});
  ui.close();
  assert.ok(text.lastIndexOf("[?25h") > text.lastIndexOf("[?25l"), "the cursor is back");
  assert.ok(text.endsWith("\n"));
  ui.close();
});

test.run();
