/** The work of a run, and the time that is left of it: by counts and a clock that are worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sharedSeconds } from "../../src/run/doctor_time.ts";
import { runProgress, secondsLeft } from "../../src/run/run_progress.ts";
import { runUi } from "../../src/run/run_ui.ts";
import { workOf } from "../../src/run/run_work.ts";
import { loadRecipe } from "../../src/recipe/load.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { silentUi } from "../../src/ui.ts";
import { admm, retrain, tinyRecipe, train } from "./tiny.ts";

const test = suite("progress of a run");
const images = { train: 100, validation: 20, test: 30 };

test("the work of a stage is three passes for each image of an epoch, its validation, and both accuracies in the end", () => {
  const stages = [
    train(4),
    admm({ steps: 2, updates: 3, compact: false, retrain: retrain(2), constraints: [{ kind: "filter", keep: 0.5 }] }),
    { kind: "purify", retrain: retrain(1) },
    { kind: "compact" },
    { kind: "controls", methods: ["magnitude", "scratch"] },
    { kind: "measure", batches: [1, 8], seconds: 2 },
  ];
  const told = workOf(tinyRecipe(stages), images).map(({ stage, label, passes, seconds }) => [
    stage,
    label,
    passes,
    seconds,
  ]);
  assert.equal(told, [
    // 4 · (3 · 100 + 20) + 50.
    [0, "train", 1330, 0],
    [1, "admm 1/2", 1010, 0],
    [1, "retrain 1/2", 690, 0],
    [1, "admm 2/2", 1010, 0],
    [1, "retrain 2/2", 690, 0],
    // 16 · 20.
    [2, "purify", 320, 0],
    [2, "purify retrain", 370, 0],
    // 2 · 2 + 1 epochs of retraining, or 4 from scratch, at half the width.
    [4, "control: magnitude", 825, 0],
    [4, "control: scratch", 665, 0],
    // 2 · 2 s · 2 batches · 3 variants.
    [5, "measure", 0, 24],
    // 4 s, 2 for each batch, and 5 · 2 for other widths.
    [5, "doctor", 0, 18],
  ]);
});

test("a run that measures for a moment, or not both networks, isn't examined when it ends", () => {
  const labels = (measure: object) =>
    workOf(tinyRecipe([train(1), { kind: "measure", ...measure }]), images).map(({ label }) => label);
  assert.equal(labels({ seconds: 0.2 }), ["train", "measure", "doctor"]);
  assert.equal(labels({ seconds: 0.19 }), ["train", "measure"]);
  assert.equal(labels({ seconds: 1, variants: ["compact"] }), ["train", "measure"]);
  assert.equal(labels({ seconds: 1, variants: ["dense"] }), ["train", "measure"]);
});

test("a network that was made smaller takes less, by the width that it keeps or the root of its budget", () => {
  const after = (stage: unknown) => workOf(tinyRecipe([train(1), stage, train(1)]), images).at(-1)!.passes;
  const whole = 370;
  assert.is(after(admm({ compact: true, constraints: [{ kind: "filter", keep: 0.5 }] })), whole / 2);
  assert.is(after(admm({ compact: true, constraints: [{ kind: "filter" }], budget: { macs: 0.25 } })), whole / 2);
  assert.is(after(admm({ compact: false, constraints: [{ kind: "filter", keep: 0.5 }] })), whole);
});

test("what is left goes at the pace of what was done, and as long as the recipe says", () => {
  assert.is(secondsLeft({ passes: 100, seconds: 5, aside: 0 }, { passes: 300, seconds: 2 }), 17);
  // Tuning took 0.25 s beside 5: a twentieth more. It is expected to take a tenth at most.
  assert.is(secondsLeft({ passes: 100, seconds: 5, aside: 0.25 }, { passes: 300, seconds: 2 }), 17.75);
  assert.is(secondsLeft({ passes: 100, seconds: 5, aside: 50 }, { passes: 300, seconds: 2 }), 18.5);
});

const parts = [
  { stage: 0, label: "train", passes: 400, seconds: 0, tries: 1 },
  { stage: 1, label: "retrain", passes: 400, seconds: 0, tries: 4 },
  { stage: 2, label: "measure", passes: 0, seconds: 6, tries: 1 },
];

test("the time left by a played clock; tuning doesn't count, and a measurement takes what it says", () => {
  let ms = 0;
  const progress = runProgress(parts, () => ms);
  progress.enter(0);
  const tuning = progress.begin("tune training");
  ms += 200;
  tuning.end();
  assert.equal([progress.fraction(), progress.left()], [0, undefined]);
  const training = progress.begin("train");
  ms += 4000;
  training.at(0.5);
  // 200 passes in 4 s, and a twentieth for tuning: 600 more, and 6 s. 4 of 22.6 s are over.
  assert.ok(Math.abs(progress.left()! - 18.6) < 1e-9);
  assert.ok(Math.abs(progress.fraction() - 4 / 22.6) < 1e-9);
  ms += 4000;
  training.at(1);
  training.end();
  progress.enter(1);
  for (let i = 0; i < 2; i++) {
    const retraining = progress.begin(i === 0 ? "retrain" : "retrain, 70 % of macs");
    ms += 2000;
    retraining.at(1);
    retraining.end();
  }
  // 600 passes in 12 s, 0.2 s of tuning: 200 more are 4 · (1 + 1/60) s, and 6.
  assert.ok(Math.abs(progress.left()! - 10.0667) < 1e-4);
  // Less was tried than was expected.
  progress.enter(2);
  assert.is(progress.left(), 6);
  const measuring = progress.begin("measure");
  ms += 9000;
  measuring.at(0.5);
  assert.is(progress.left(), 3);
  measuring.at(1);
  assert.equal([progress.left(), progress.fraction()], [0, 1]);
});

test("the doctor takes a tenth of a run, five seconds at least, and no more than all that it can look at takes", () => {
  const share = { of: 0.1, least: 5 };
  assert.equal([20, 50, 80, 130, 1000].map((ran) => sharedSeconds(12, share, ran)), [5, 5, 8, 12, 12]);
  assert.is(sharedSeconds(4, share, 20), 4);
  const examined = [...parts, { stage: 2, label: "doctor", passes: 0, seconds: 12, share, tries: 1 }];
  const leftAfter = (seconds: number) => {
    let ms = 0;
    const progress = runProgress(examined, () => ms);
    const training = progress.begin("train");
    ms += 1000 * seconds;
    training.at(1);
    return { progress, left: progress.left()!, pass: (more: number) => ms += 1000 * more };
  };
  const near = (value: number, expected: number) => assert.ok(Math.abs(value - expected) < 1e-9, `${value}`);
  // Half of the passes in 20 s: 20 and 6 more are a run of 46 s, of which a tenth is less than 5 s.
  near(leftAfter(20).left, 20 + 6 + 5);
  // In 40 s: 86 s. In 100 s: 206 s, of which a tenth is more than 12 s.
  near(leftAfter(40).left, 40 + 6 + 8.6);
  near(leftAfter(100).left, 100 + 6 + 12);
  const { progress, pass } = leftAfter(20);
  progress.enter(2);
  const measuring = progress.begin("measure");
  pass(6);
  measuring.at(1);
  measuring.end();
  const doctor = progress.begin("doctor");
  near(progress.left()!, 5);
  pass(2);
  doctor.at(0.5);
  near(progress.left()!, 2.5);
});

test("a run that goes on tells the time by what this process has done", () => {
  let ms = 0;
  const progress = runProgress(parts, () => ms);
  progress.enter(0);
  const training = progress.begin("train", 0.5);
  assert.equal([progress.fraction(), progress.left()], [0.25, undefined]);
  ms += 1000;
  training.at(0.75);
  // 100 passes in 1 s: 500 more, and 6 s.
  assert.is(progress.left(), 11);
});

test("each bundled recipe has parts with work, under labels that tell them apart", async () => {
  for (const name of ["digits", "digits-resnet-depth", "mnist-lenet5"]) {
    const found = workOf(await loadRecipe(name, memoryStore()), images);
    assert.ok(found.every(({ passes, seconds }) => passes + seconds > 0), name);
    assert.is(new Set(found.map(({ stage, label }) => `${stage} ${label}`)).size, found.length, name);
  }
});

test("a run is one bar; what its parts came to are lines under their names", () => {
  let ms = 0;
  const shown: unknown[] = [], lines: string[] = [], bars: string[] = [];
  const silent = silentUi();
  const ui = runUi(
    {
      ...silent,
      note: (text) => lines.push(text),
      stage: (name, total) => {
        bars.push(name);
        return { ...silent.stage(name, total), update: (step, { text, left }) => shown.push([step, text, left]) };
      },
    },
    "digits",
    runProgress(parts, () => ms),
    () => ms,
  );
  const stage = ui.stage("train", 10);
  ms += 2000;
  stage.update(5, { text: "epoch 1/2" });
  ms += 2000;
  stage.done("validation accuracy 98.15 %");
  ui.note("compact: smaller");
  const next = ui.stage("tune training", 2);
  next.update(1, { text: "gemm" });
  next.done();
  assert.equal(bars, ["digits"]);
  // 2 of 8 + 6 s, then 4 of the same.
  assert.equal(shown, [[143, "train  epoch 1/2", 12], [286, "tune training  gemm", 10]]);
  assert.equal(lines, ["train: 4.0 s, validation accuracy 98.15 %", "compact: smaller", "tune training: 0.0 s"]);
});

test.run();
