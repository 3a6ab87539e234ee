import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { applyOverrides } from "../../src/recipe/overrides.ts";
import { parseRecipe, type Recipe } from "../../src/recipe/schema.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { filesOf, type JobGround, jobId } from "../../src/sweep/job.ts";
import { requireProduced } from "../../src/sweep/metrics.ts";
import { boundaries, firstVaried, measuresTime, mostEpochs, nextEnd } from "../../src/sweep/path.ts";
import { noPruner } from "../../src/sweep/pruner.ts";
import { readReport } from "../../src/sweep/report.ts";
import { differenceOf, type JobResult } from "../../src/sweep/results.ts";
import { parseSweepFile, settingsOf } from "../../src/sweep/sweep_file.ts";
import { checkSweep, trialRecipe } from "../../src/sweep/trial_run.ts";
import { readYaml } from "../../src/recipe/yaml_text.ts";
import { SWEEP } from "./cells.ts";

const test = suite("sweep/job");

const given = (readYaml(SWEEP.recipe.replace("model: digits", "model: { name: digits }")) as { value: unknown }).value;
const recipeWith = (...settings: string[]): Recipe => parseRecipe(applyOverrides(given, settings), "cell");
const ground: JobGround = {
  source: "s",
  adapter: "gpu",
  plans: "default",
  data: { request: "r", sha256: "d" },
  files: {},
};

test("a job's id is that of what it does: neither names nor what comes later count, and everything else does", async () => {
  const id = (recipe: Recipe, own: Partial<JobGround> = {}, until = { stage: 1 }, before: string[] = []) =>
    jobId(recipe, until, before, { ...ground, ...own });
  const plain = await id(recipeWith());
  assert.match(plain, /^[0-9a-f]{64}$/);
  for (const same of ["name=other", "description=other", "stages.1.keep=0.1", "layout=nhwc"]) {
    assert.is(await id(recipeWith(same)), plain, same);
  }
  const others = [
    id(recipeWith("seed=2")),
    id(recipeWith("batch=64")),
    id(recipeWith("stages.0.epochs=5")),
    id(recipeWith("data.limit=500")),
    id(recipeWith("model.width=0.5")),
    id(recipeWith(), { source: "t" }),
    id(recipeWith(), { adapter: "other" }),
    id(recipeWith(), { plans: "p" }),
    id(recipeWith(), { data: { request: "r", sha256: "e" } }),
    id(recipeWith(), {}, { stage: 2 }),
    id(recipeWith(), {}, { stage: 1, epochs: 3 } as { stage: number }),
    id(recipeWith(), {}, { stage: 1 }, ["a"]),
  ];
  assert.is(new Set([plain, ...await Promise.all(others)]).size, others.length + 1);
});

test("files count by their content, and not by where they lie", async () => {
  const at = (path: string, hash: string, beside: Record<string, string> = {}) => {
    const recipe = recipeWith(`weights=${path}`);
    assert.equal(filesOf(recipe), [path]);
    return jobId(recipe, { stage: 1 }, [], { ...ground, files: { [path]: hash, ...beside } });
  };
  assert.is(await at("/a/w.pth", "1"), await at("/b/v.pth", "1"));
  assert.is.not(await at("/a/w.pth", "1"), await at("/a/w.pth", "2"));
  assert.is(await at("/a/n.onnx", "1", { "/a/n.data": "3" }), await at("/b/n.onnx", "1", { "/b/n.data": "3" }));
  assert.is.not(await at("/a/n.onnx", "1", { "/a/n.data": "3" }), await at("/a/n.onnx", "1", { "/a/n.data": "4" }));
});

const stages = recipeWith("stages.3={ kind: measure }").stages;

test("jobs end before stages that take long, where trials part, and where time is measured", () => {
  assert.equal(boundaries(stages, 1), [1, 3, 4]);
  assert.equal(boundaries(stages, 2), [1, 2, 3, 4]);
  assert.is(measuresTime({ stages }, 1, { stage: 3 }), false);
  assert.is(measuresTime({ stages }, 3, { stage: 4 }), true);
  assert.is(firstVaried(["stages.2.keep", "stages.1.keep"]), 1);
  assert.is(firstVaried(["stages.2.keep", "batch"]), 0);
  assert.is(firstVaried([]), 0);
});

test("a trial goes from job to job, and behind what is shared from rung to rung", () => {
  const course = { firstVaried: 1, pruner: noPruner() };
  const from = (stage: number, epochs: number, more = {}) => ({ stage, epochs, rung: 0, shared: 4, ...more });
  assert.equal([from(0, 0), from(1, 4), from(3, 6)].map((at) => nextEnd({ stages }, course, at)), [
    { stage: 1 },
    { stage: 3 },
    { stage: 4 },
  ]);
  const pruner = { epochsOf: (rung: number, before: number) => before + 3 ** rung };
  const rungs = [from(0, 0), from(1, 4), from(1, 5, { rung: 1 }), from(1, 9, { rung: 1 }), from(3, 13, { rung: 2 })];
  assert.equal(rungs.map((at) => nextEnd({ stages }, { firstVaried: 1, pruner }, at)), [
    { stage: 1 },
    { stage: 3, epochs: 5 },
    { stage: 3, epochs: 7 },
    { stage: 3, epochs: 13 },
    { stage: 4 },
  ]);
});

test("two results of a job differ in their bits, or in times that are further apart than they scatter", () => {
  const result = (bits: string, ms: number): JobResult => ({
    version: 1,
    id: "i",
    label: "l",
    stage: 1,
    epochs: 1,
    ended: true,
    metrics: { ms },
    bits,
    spread: { ms: 0.1 },
    files: {},
    seconds: 0,
    worker: "",
  });
  assert.is(differenceOf(result("a", 2), result("a", 3.1)), undefined);
  assert.equal(differenceOf(result("a", 2), result("a", 3.3))?.what, "ms");
  assert.equal(differenceOf(result("a", 2), result("b", 2))?.values, ["a", "b"]);
});

const FILE = `version: 1
name: t
recipe: digits
vary:
  stages.1.criterion: [l2, taylor]
objectives: [max accuracy]
`;

test("a sweep's file that is wrong is refused in one line that names the key and what was expected", () => {
  const wrong: [string, string, RegExp][] = [
    ["objectives", "objektives", /^s\.yaml: objektives: unknown key \(did you mean "objectives"\?\)/],
    ["max accuracy", "best accuracy", /^s\.yaml: objective "best accuracy": expected max or min and a metric/],
    ["[l2, taylor]", "{ from: 2, to: 1 }", /^s\.yaml: vary\.stages\.1\.criterion: expected from to be at most to/],
    ["[l2, taylor]", "{ from: 0, to: 1, scale: log }", /a logarithmic range begins above 0/],
    ["[l2, taylor]", "{ from: 0, to: 1 }", /a grid has no end of values in a range of real numbers/],
    ["[l2, taylor]", "[]", /expected at least one entry/],
    ["[l2, taylor]", "[l2, l2]", /expected each entry once/],
    ["version: 1", "version: 2", /expected 1, the version of sweeps that this Secateur reads/],
    ["objectives:", "sampler: gird\nobjectives:", /sampler\.kind: expected grid.*did you mean "grid"/],
    ["objectives:", "sampler: random\nobjectives:", /budget: the sampler random has no end of its own/],
    ["  stages.1.criterion: [l2, taylor]\n", "  {}\n", /nothing varies/],
    ["[max accuracy]", "[max accuracy, min accuracy]", /objectives: accuracy is asked for twice: leave one out/],
    ["[l2, taylor]", "[l2]\n  seed: [1, 2]", /vary\.seed: the seed is varied by the sweep's own key: give seeds/],
    [
      "[l2, taylor]",
      "[l2]\nset: { stages.1.criterion: l1 }",
      /vary\.stages\.1\.criterion: it is set for all trials as well/,
    ],
    [
      "[l2, taylor]",
      "[l2]\n  how: { options: { a: { stages.1.criterion: l1 }, b: { batch: 8 } } }",
      /vary\.how: stages\.1\.criterion is varied by stages\.1\.criterion as well: vary it in one place/,
    ],
    ["objectives:", "seeds: 1e9\nobjectives:", /seeds: expected at most 1000000 seeds, got 1000000000/],
    [
      "[l2, taylor]",
      "[l2, l1]\n  batch: { integers: true, from: 1, to: 900719925474099 }",
      /vary: a grid of 1801439850948198 trials, expected at most 1000000: list fewer values, or sample at random/,
    ],
    [
      "[max accuracy]",
      "[min ms on device live]",
      /^s\.yaml: objective "min ms on device live": a sweep times nothing on another device: .*tableMs.*--device live$/,
    ],
    [
      "[l2, taylor]",
      "l2",
      /vary\.stages\.1\.criterion: expected a list of values, a range such as \{ from: 0\.2, to: 0\.8 \}, or options$/,
    ],
    [
      "objectives:",
      "constraints: [accuracy >= 0.9, accuracy >= 0.95]\nobjectives:",
      /constraints: accuracy >= 0\.9 and accuracy >= 0\.95 are bounds of one kind: leave one out/,
    ],
    [
      "objectives:",
      "constraints: [macs <= 10, accuracy >= 0.9, macs >= 20]\nobjectives:",
      /constraints: macs <= 10 and macs >= 20 exclude each other: no trial keeps both/,
    ],
    [
      "objectives:",
      "seeds: 2\nsampler: { kind: nsga2, population: 20 }\nbudget: { trials: 40 }\nobjectives:",
      /sampler nsga2: its first generation, 20 choices with 2 seeds each, takes all 40 trials, and nothing would be bred/,
    ],
    ["objectives: [", "objectives: {", /^s\.yaml, line \d+, column \d+: /],
  ];
  // One generation less than a whole one behind the first is bred.
  parseSweepFile(
    FILE.replace("objectives:", "sampler: { kind: nsga2, population: 20 }\nbudget: { trials: 21 }\nobjectives:"),
    "s",
  );
  assert.throws(() => parseSweepFile("# nothing yet\n", "s.yaml"), /^s\.yaml: is empty; docs\/sweeps\.md shows/);
  for (const [from, to, message] of wrong) {
    assert.throws(() => parseSweepFile(FILE.replace(from, to), "s.yaml"), (error: Error) => {
      assert.ok(error instanceof UserError, error.message);
      assert.match(error.message, message);
      return true;
    });
  }
});

test("a value that makes no recipe, and a metric that no stage produces, are refused before anything is done", () => {
  const check = (from: string, to: string, message: RegExp) =>
    assert.throws(
      () => checkSweep(parseSweepFile(SWEEP.file.replace(from, to), "s"), { given, where: "cell" }),
      message,
    );
  check(
    "0.5,",
    "1.5,",
    /^vary\.stages\.1\.keep, value 1\.5: cell with .*: expected a fraction above 0 and at most 1, got 1\.5/,
  );
  check("l2, taylor", "l2, tailor", /value "tailor": .*did you mean "taylor"/);
  check("stages.1.keep", "stages.1.keeep", /keeep: unknown key/);
  check("max accuracy", "max speed", /objective speed: no such metric; known: accuracy, /);
  check("max accuracy", "min ms", /objective ms: no stage of the recipe cell produces it: add one of kind measure/);
  check(
    "objectives:",
    "constraints: [ms <= 3]\nobjectives:",
    /constraint ms: no stage of the recipe cell produces/,
  );
  check(
    "objectives:",
    "constraints: [accuracy >= 98]\nobjectives:",
    /constraint accuracy >= 98: no network keeps it: accuracy is from 0 to 1; 98 % is 0\.98$/,
  );
  check(
    "objectives:",
    "constraints: [macs <= -1]\nobjectives:",
    /constraint macs <= -1: no network keeps it: macs is at least 0$/,
  );
  check("max accuracy", "min outputLoss", /it is of images without labels/);
  requireProduced("objective", [{ metric: "ms" }, { metric: "accuracy" }], recipeWith("stages.3={ kind: measure }"));
});

test("values that make the same runs are refused: the name of a recipe, or two options alike", () => {
  const check = (vary: string) =>
    checkSweep(parseSweepFile(SWEEP.file.replace("stages.1.keep: [0.75, 0.5, 0.375, 0.25]", vary), "s"), {
      given,
      where: "cell",
    });
  assert.throws(
    () => check("name: [a, b]"),
    /^vary\.name, value "b": makes the same runs as "a": leave one of them out$/,
  );
  assert.throws(
    () => check("how: { options: { a: { batch: 16 }, b: {}, c: { batch: 32 } } }"),
    /^vary\.how, value "c": makes the same runs as "b"/,
  );
  check("how: { options: { a: { batch: 16 }, b: {} } }");
  check("batch: { integers: true, from: 8, to: 8 }");
});

test("a stage's epochs are those of all its trainings, and nobody knows how often steps are taken back", () => {
  const { stages } = recipeWith("stages.3={ kind: measure }", "stages.4={ kind: controls }");
  assert.equal([0, 1, 2, 3, 9].map((first) => mostEpochs({ stages }, first)), [6, 2, 0, 0, 0]);
  const most = (...settings: string[]) => mostEpochs(recipeWith(...settings), 1);
  assert.is(most("stages.1.steps=3"), 6);
  assert.is(most("stages.1.gradual={ epochs: 5 }"), 7);
  assert.is(most("stages.1.steps=3", "stages.1.floor=0.5"), Infinity);
  const admm = "{ kind: admm, keep: 0.5, constraints: [{ kind: filter }], steps: 2, updates: 3, epochsPerUpdate: 4 }";
  assert.is(most(`stages.1=${admm}`), 24);
  assert.is(most(`stages.1=${admm}`, "stages.1.retrain={ epochs: 5 }"), 34);
  assert.is(most("stages.1={ kind: purify, retrain: { epochs: 3 } }"), 3);
});

test("a pruner that would never give a trial up is refused", () => {
  const check = (pruner: string, from = "", to = "") =>
    checkSweep(parseSweepFile(`${SWEEP.file.replace(from, to)}pruner: ${pruner}\n`, "s"), { given, where: "cell" });
  check("asha");
  assert.throws(
    () => check("{ kind: asha, grace: 2 }"),
    /^pruner asha: trials are compared after 2 epochs \(grace\), and the recipe cell trains them for 2 at most behind stages\.0 \(train\), where they part, so none would be given up: give a grace below 2, or leave the pruner out$/,
  );
  // The longest of what varies counts, and where the first stage varies its epochs as well.
  check("{ kind: asha, grace: 2 }", "stages.1.keep: [0.75, 0.5, 0.375, 0.25]", "stages.1.retrain.epochs: [1, 3]");
  check("{ kind: asha, grace: 5 }", "stages.1.keep: [0.75, 0.5, 0.375, 0.25]", "batch: [16, 32]");
  assert.throws(
    () =>
      checkSweep(parseSweepFile(`${SWEEP.file.replace("max accuracy, min macs", "min ms")}pruner: asha\n`, "s"), {
        given: applyOverrides(given, ["stages.3={ kind: measure }"]),
        where: "cell",
      }),
    /^pruner asha: ms is known at a trial's end alone, so trials couldn't be compared before: add an objective such as /,
  );
});

test("a report that is none, or of another version, is refused in one line", async () => {
  const store = memoryStore();
  assert.is(await readReport(store, "mine"), undefined);
  const whole = { version: 1, space: {}, objectives: [], constraints: [], trials: [] };
  const wrong = [{ ...whole, version: 2 }, { ...whole, space: undefined }, { ...whole, trials: [{}] }];
  for (const text of ["{", "null", "[]", ...wrong.map((value) => JSON.stringify(value))]) {
    await store.write("mine/sweep.json", new TextEncoder().encode(text));
    const refused = await readReport(store, "mine").then(() => undefined, (error) => error);
    assert.ok(refused instanceof UserError, text);
    assert.match(refused.message, /^mine\/sweep\.json: is no sweep's report: go on with the sweep by --resume mine/);
  }
});

test("options change several keys at once, and go over what the sweep sets for all", () => {
  const file = parseSweepFile(
    FILE.replace("recipe:", "set: { batch: 16 }\nrecipe:").replace(
      "objectives",
      "  how:\n    options:\n      short: { batch: 8, stages.0.epochs: 1 }\n      long: { stages.0.epochs: 9 }\nobjectives",
    ),
    "s",
  );
  assert.equal(settingsOf(file, { "stages.1.criterion": "l2", how: "short" }), [
    "batch=16",
    'stages.1.criterion="l2"',
    "batch=8",
    "stages.0.epochs=1",
  ]);
  const recipe = trialRecipe(file, { given, where: "cell" }, { "stages.1.criterion": "taylor", how: "short" }, 7);
  const [train, prune] = recipe.stages as unknown as [{ epochs: number }, { criterion: string }];
  assert.equal([recipe.batch, recipe.seed, train.epochs, prune.criterion], [8, 7, 1, "taylor"]);
});

test.run();
