import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { controlRuns, stageKinds, type TrainStage } from "../../src/recipe/registry.ts";
import { parseRecipe, type Recipe } from "../../src/recipe/schema.ts";

const test = suite("recipe schema");

const small = (stages: unknown[], more: object = {}) => ({
  version: 1,
  name: "small",
  model: { name: "digits" },
  data: { name: "digits" },
  stages,
  ...more,
});
const train = { kind: "train", epochs: 2 };
const stage = (value: object): Recipe["stages"][number] => parseRecipe(small([value]), "my.yaml").stages[0];

function message(recipe: unknown): string {
  try {
    parseRecipe(recipe, "my.yaml");
  } catch (error) {
    assert.instance(error, UserError);
    const { message } = error as UserError;
    assert.ok(message.startsWith("my.yaml: "), message);
    assert.not.match(message, /\n/);
    return message.slice("my.yaml: ".length);
  }
  return "accepted";
}

test("defaults are filled in", () => {
  const recipe = parseRecipe(small([train]), "my.yaml");
  assert.equal(recipe, {
    version: 1,
    name: "small",
    seed: 1,
    model: { name: "digits" },
    data: { name: "digits", validation: 0.15 },
    batch: 64,
    stages: [{
      kind: "train",
      epochs: 2,
      optimizer: { kind: "sgd", lr: 0.01, momentum: 0.9, weightDecay: 0, nesterov: false },
      schedule: { kind: "cosine", warmup: 0 },
      labelSmoothing: 0,
    }],
  });
});

test("every kind of stage has a shortest form", () => {
  const shortest: Record<string, object> = {
    train: { epochs: 1 },
    admm: { keep: 0.5 },
    prune: { keep: 0.5 },
    magnitude: { keep: 0.5 },
    random: { budget: { macs: 0.5 } },
    oneshot: { keep: 0.5 },
    linearize: { blocks: "all" },
    supernet: { epochs: 1 },
    search: { k: 1 },
    subnet: { epochs: 1 },
  };
  for (const kind of stageKinds) assert.is(stage({ kind, ...shortest[kind] }).kind, kind);
});

test("the stage's keep goes to the constraints that have none; one layer may stand for a list", () => {
  const admm = stage({
    kind: "admm",
    keep: 0.3,
    constraints: [{ kind: "filter" }, { kind: "column", layers: "conv*", exclude: "conv1", keep: 0.5, minKeep: 4 }],
  });
  assert.ok(admm.kind === "admm" && !("keep" in admm));
  assert.equal(admm.constraints, [
    { kind: "filter", layers: ["*"], keep: 0.3, minKeep: 1 },
    { kind: "column", layers: ["conv*"], exclude: ["conv1"], keep: 0.5, minKeep: 4 },
  ]);
});

test("structures have defaults of their own; patterns alone keep every kernel, and n:m knows how much stays", () => {
  const kinds = ["block", "block-punched", "pattern", "vector", "n:m"];
  const settled = (more: object, names = kinds) => {
    const admm = stage({ kind: "admm", constraints: names.map((kind) => ({ kind })), ...more });
    assert.ok(admm.kind === "admm");
    return admm.constraints;
  };
  const common = { layers: ["*"], keep: 0.5, minKeep: 1 };
  assert.equal(settled({ keep: 0.5 }), [
    { kind: "block", ...common, block: [4, 4] },
    { kind: "block-punched", ...common, block: [4, 4] },
    { kind: "pattern", ...common, library: 8 },
    { kind: "vector", ...common, direction: "row" },
    { kind: "n:m", layers: ["*"], n: 2, m: 4 },
  ]);
  assert.equal(settled({}, ["pattern", "n:m"]), [
    { kind: "pattern", ...common, keep: 1, library: 8 },
    { kind: "n:m", layers: ["*"], n: 2, m: 4 },
  ]);
  assert.not("keep" in settled({ budget: { params: 0.3 } }, ["pattern"])[0]);
});

test("a budget stands alone", () => {
  const admm = stage({ kind: "admm", budget: { params: 0.1 } });
  assert.ok(admm.kind === "admm");
  assert.equal([admm.budget, admm.constraints], [{ params: 0.1 }, [{ kind: "filter", layers: ["*"], minKeep: 1 }]]);
});

test("controls are named runs of any criterion, of depth or from scratch; the older form means the same as ever", () => {
  const runs = (more: object, ...before: unknown[]) => {
    const { stages } = parseRecipe(small([train, ...before, { kind: "controls", ...more }]), "test");
    const controls = stages.at(-1)!;
    assert.ok(controls.kind === "controls" && !("methods" in controls));
    return controlRuns(controls, stages.slice(0, -1));
  };
  const admm = { kind: "admm", keep: 0.3 };
  assert.equal(runs({}, admm), [
    { name: "magnitude", method: "l2" },
    { name: "random", method: "random" },
    { name: "scratch", method: "scratch" },
  ]);
  assert.equal(runs({ methods: ["scratch", "magnitude"] }, admm), [
    { name: "scratch", method: "scratch" },
    { name: "magnitude", method: "l2" },
  ]);
  const twice = { name: "scratch, twice as long", method: "scratch", epochs: 40 };
  assert.equal(runs({ runs: ["l1", twice] }, admm), [{ name: "l1", method: "l1" }, twice]);
  const names = ["tuned", "naive", "linear", "linear-tuned", "skip", "scratch"];
  assert.equal(
    runs({}, { kind: "search", k: 1 }, { kind: "subnet", epochs: 1 }).map(({ name, method }) => [name, method]),
    names.map((name) => [name, name]),
  );
});

test("a restart begins at the rate of the last training before it, unless it has its own", () => {
  const retrain = (schedule: object) => ({ epochs: 1, schedule, optimizer: { kind: "sgd", lr: 0.001 } });
  const prune = (schedule: object) => ({ kind: "prune", keep: 0.5, retrain: retrain(schedule) });
  const trained = (lr: number) => ({ ...train, optimizer: { kind: "sgd", lr } });
  const { stages } = parseRecipe(
    small([
      trained(0.1),
      prune({ kind: "restart" }),
      trained(0.2),
      prune({ kind: "restart", warmup: 1 }),
      prune({ kind: "restart", rate: 0.3 }),
      { ...trained(0.4), schedule: { kind: "restart" } },
    ]),
    "my.yaml",
  );
  const schedules = stages.map((stage) =>
    "retrain" in stage ? stage.retrain?.schedule : (stage as TrainStage).schedule
  );
  assert.equal(schedules, [
    { kind: "cosine", warmup: 0 },
    { kind: "restart", warmup: 0, rate: 0.1 },
    { kind: "cosine", warmup: 0 },
    { kind: "restart", warmup: 1, rate: 0.2 },
    { kind: "restart", rate: 0.3, warmup: 0 },
    { kind: "restart", warmup: 0, rate: 0.2 },
  ]);
});

test("parsing what was parsed changes nothing", () => {
  const stages = [
    train,
    { kind: "admm", keep: 0.3 },
    { kind: "random", budget: { macs: 0.2 } },
    { kind: "prune", criterion: "l1", normalise: "mean", budget: { groups: 0.2, rule: "global", protect: 0.1 } },
    { kind: "prune", until: { drop: 0.01, rule: "global" }, retrain: { epochs: 2, patience: 1 } },
    { kind: "prune", gradual: { epochs: 2, every: 3, start: 0.1 }, keep: 0.5 },
    { kind: "controls" },
    { kind: "controls", runs: ["l1", { name: "again", method: "l1", epochs: 2 }] },
  ];
  const once = parseRecipe(small(stages), "a");
  assert.equal(parseRecipe(structuredClone(once), "b"), once);
});

const prune = (more: object) => small([train, { kind: "admm", keep: 0.3, ...more }]);
const until = (until: object, more: object = {}) => small([{ kind: "prune", until, ...more }]);
const constraint = (more: object) => small([{ kind: "admm", constraints: [{ kind: "filter", ...more }] }]);
const optimizer = (value: unknown) => small([{ ...train, optimizer: value }]);
const refused: [what: string, recipe: unknown, message: string | RegExp][] = [
  ["no recipe", null, "expected a map of keys, got null"],
  ["a list", [1], "expected a map of keys, got [1] (and 5 more)"],
  [
    "another version",
    small([train], { version: 2 }),
    "version: expected 1, the version of recipes that this Secateur reads, got 2",
  ],
  [
    "a name for no folder",
    small([train], { name: "../x" }),
    'name: expected a name of letters, digits, dots, dashes and underscores, got "../x"',
  ],
  ["missing model", small([train], { model: undefined }), "model: missing"],
  ["unknown key at the top", small([train], { sed: 3 }), 'sed: unknown key (did you mean "seed"?)'],
  ["unknown key in a stage", prune({ keeep: 0.3 }), 'stages.1.keeep: unknown key (did you mean "keep"?)'],
  [
    "mistyped instead of present",
    small([{ kind: "train", epoch: 3 }]),
    'stages.0.epoch: unknown key (did you mean "epochs"?) (and 1 more)',
  ],
  ["unknown key far from all", small([{ kind: "unused", zzz: 1 }]), "stages.0.zzz: unknown key; known: kind"],
  ["no stages", small([]), "stages: expected at least one entry, got []"],
  ["a stage of no kind", small([{ epochs: 3 }]), "stages.0.kind: missing"],
  [
    "unknown kind",
    small([{ kind: "purifi" }]),
    'stages.0.kind: expected train, admm, prune, magnitude, random, oneshot, purify, unused, linearize, supernet, search, subnet, merge, reparameterise, compact, controls or measure (did you mean "purify"?), got "purifi"',
  ],
  ["a stage that is a word", small(["train"]), 'stages.0: expected a map with a kind, got "train"'],
  ["keep of 0", prune({ keep: 0 }), "stages.1.keep: expected a fraction above 0 and at most 1, got 0"],
  [
    "keep above 1",
    constraint({ keep: 1.01 }),
    "stages.0.constraints.0.keep: expected a fraction above 0 and at most 1, got 1.01",
  ],
  ["keep a text", prune({ keep: "half" }), 'stages.1.keep: expected a fraction above 0 and at most 1, got "half"'],
  ["keep not a number", prune({ keep: NaN }), "stages.1.keep: expected a fraction above 0 and at most 1, got NaN"],
  ["nothing says how much", small([{ kind: "magnitude" }]), "stages.0: missing keep or budget: how much shall stay?"],
  ["until of nothing", until({}), "stages.0.until: expected one of accuracy and drop"],
  ["until of both", until({ accuracy: 0.9, drop: 0.1 }), "stages.0.until: expected one of accuracy and drop"],
  [
    "a drop of everything",
    until({ drop: 1 }),
    "stages.0.until.drop: expected a number of at least 0 and below 1, got 1",
  ],
  [
    "until and keep",
    until({ drop: 0.1 }, { keep: 0.5 }),
    "stages.0: until finds out how much stays: leave out keep and budget",
  ],
  [
    "until and a constraint's keep",
    until({ drop: 0.1 }, { constraints: [{ kind: "filter", keep: 0.2 }] }),
    "stages.0: until finds out how much stays: leave out keep and budget",
  ],
  [
    "until in steps",
    until({ drop: 0.1 }, { steps: 2 }),
    "stages.0: until and gradual make their own steps: leave out steps and floor",
  ],
  [
    "until of n:m",
    until({ drop: 0.1 }, { constraints: [{ kind: "n:m" }] }),
    "stages.0: n:m keeps n of each m, and nothing between that and all: leave out until and gradual",
  ],
  [
    "until and gradual",
    until({ drop: 0.1 }, { gradual: { epochs: 1 } }),
    "stages.0: until and gradual exclude each other; remove one",
  ],
  [
    "gradual without an end",
    small([{ kind: "prune", gradual: { epochs: 1 } }]),
    "stages.0: missing keep or budget: how much shall stay?",
  ],
  ["keep and budget", prune({ budget: { params: 0.1 } }), "stages.1: keep and budget exclude each other; remove one"],
  [
    "keep without effect",
    prune({ constraints: [{ kind: "filter", keep: 0.2 }] }),
    "stages.1: keep has no effect, since every constraint has its own; set constraints.0.keep and so on instead",
  ],
  [
    "empty budget",
    prune({ keep: undefined, budget: {} }),
    "stages.1.budget: expected one of params, macs, peakBytes, groups and ms",
  ],
  [
    "keep for n:m alone",
    prune({ constraints: [{ kind: "n:m" }] }),
    "stages.1: keep has no effect, since every constraint has its own; set constraints.0.keep and so on instead",
  ],
  [
    "keep of n:m",
    constraint({ kind: "n:m", keep: 0.5 }),
    "stages.0.constraints.0.keep: unknown key; known: kind, layers, exclude, n, m",
  ],
  [
    "as many as there are",
    constraint({ kind: "n:m", n: 4 }),
    "stages.0.constraints.0: n must be below m: n of each m weights stay",
  ],
  [
    "a block of a filter",
    constraint({ block: [4, 4], keep: 1 }),
    "stages.0.constraints.0.block: unknown key; known: kind, layers, exclude, keep, minKeep, round, stream",
  ],
  [
    "blocks of one number",
    constraint({ kind: "block", keep: 0.5, block: 4 }),
    "stages.0.constraints.0.block: expected two whole numbers, [rows, columns], got 4",
  ],
  [
    "blocks of one weight",
    constraint({ kind: "block-punched", keep: 0.5, block: [1, 1] }),
    "stages.0.constraints.0.block: a block of one weight: use the kind weight",
  ],
  [
    "a large library",
    constraint({ kind: "pattern", library: 57 }),
    "stages.0.constraints.0.library: expected a whole number of at most 56, got 57",
  ],
  [
    "unknown structure",
    constraint({ kind: "filtre", keep: 1 }),
    'stages.0.constraints.0.kind: expected layer, filter, qk, v, channel, column, block, block-punched, kernel, pattern, vector, n:m or weight (did you mean "filter"?), got "filtre"',
  ],
  [
    "fractional epochs",
    small([{ kind: "train", epochs: 1.5 }]),
    "stages.0.epochs: expected a whole number of at least 1, got 1.5",
  ],
  [
    "rho a word",
    prune({ rho: "automatic" }),
    'stages.1.rho: expected auto, support or a number above 0, got "automatic"',
  ],
  ["rho of 0", prune({ rho: 0 }), "stages.1.rho: expected a number above 0, got 0"],
  ["compact a number", prune({ compact: 1 }), "stages.1.compact: expected true or false, got 1"],
  [
    "unknown optimizer",
    optimizer({ kind: "adamm", lr: 1 }),
    'stages.0.optimizer.kind: expected sgd, adam or adamw (did you mean "adam"?), got "adamm"',
  ],
  [
    "another optimizer's key",
    optimizer({ kind: "adam", lr: 1, momentum: 0.9 }),
    "stages.0.optimizer.momentum: unknown key; known: kind, lr, beta1, beta2, epsilon, weightDecay",
  ],
  ["no learning rate", optimizer({ kind: "sgd" }), "stages.0.optimizer.lr: missing"],
  [
    "negative learning rate",
    optimizer({ kind: "sgd", lr: -1 }),
    "stages.0.optimizer.lr: expected a number above 0, got -1",
  ],
  [
    "infinite learning rate",
    optimizer({ kind: "sgd", lr: Infinity }),
    "stages.0.optimizer.lr: expected a number above 0, got Infinity",
  ],
  [
    "momentum of 1",
    optimizer({ kind: "sgd", lr: 1, momentum: 1 }),
    "stages.0.optimizer.momentum: expected a number of at least 0 and below 1, got 1",
  ],
  [
    "falling milestones",
    small([{ ...train, schedule: { kind: "step", milestones: [0.6, 0.3] } }]),
    "stages.0.schedule.milestones.1: expected rising fractions of the period, got 0.3",
  ],
  [
    "a control twice",
    small([{ kind: "controls", methods: ["scratch", "scratch"] }]),
    'stages.0.methods.1: expected each entry once, got "scratch"',
  ],
  [
    "a run of controls twice",
    small([{ kind: "controls", runs: ["l1", { name: "l1", method: "l2" }] }]),
    'stages.0.runs.1: expected each name once, got {"name":"l1","method":"l2"}',
  ],
  [
    "an unknown control",
    small([{ kind: "controls", runs: ["l3"] }]),
    /^stages\.0\.runs\.0: expected l2, l1, .* or scratch \(did you mean "l2"\?\), got "l3"$/,
  ],
  [
    "both forms of controls",
    small([{ kind: "controls", runs: ["l1"], methods: ["random"] }]),
    "stages.0: methods is the older form of runs: leave it out",
  ],
  [
    "an unknown criterion",
    small([{ kind: "prune", keep: 0.5, criterion: "best" }]),
    /^stages\.0\.criterion: expected l2, l1, .*, got "best"$/,
  ],
  [
    "an unknown normalisation",
    small([{ kind: "prune", keep: 0.5, normalise: "sum" }]),
    /^stages\.0\.normalise: expected none, mean or max, got "sum"$/,
  ],
  [
    "an unknown budget rule",
    small([{ kind: "prune", budget: { macs: 0.5, rule: "best" } }]),
    /^stages\.0\.budget\.rule: expected per-cost.*global.*, got "best"$/,
  ],
  [
    "an unknown cost",
    small([{ kind: "prune", budget: { flops: 0.5 } }]),
    "stages.0.budget.flops: unknown key; known: params, macs, peakBytes, groups, ms, batch, rule, sensitivity, protect",
  ],
  [
    "streams that are to stay as wide as they are",
    small([{ kind: "prune", constraints: [{ kind: "filter", keep: 0.5, stream: true }], compact: false }]),
    "stages.0: stream: true makes the network small in each step, and compact is false: leave one of them out",
  ],
  [
    "a budget for queries and keys without labels",
    small([{ kind: "oneshot", structure: "qk", budget: { macs: 0.5 } }]),
    "stages.0: structure qk takes keep, a ratio for all heads: a budget is for filters",
  ],
  [
    "streams beside blocks",
    small([{ kind: "prune", keep: 0.5, constraints: [{ kind: "filter", stream: true }, { kind: "block" }] }]),
    /blocks and runs are counted off from where its tensors begin: prune them in a stage of their own/,
  ],
  ["seed out of range", small([train], { seed: 2 ** 32 }), "seed: expected a whole number below 2^32, got 4294967296"],
  [
    "validation of everything",
    small([train], { data: { name: "x", validation: 1 } }),
    "data.validation: expected a fraction above 0 and below 1, got 1",
  ],
  [
    "shortcut",
    small([train], { model: { name: "resnet8", shortcut: "a" } }),
    'model.shortcut: expected A or projection (did you mean "A"?), got "a"',
  ],
];
for (const [what, recipe, expected] of refused) {
  test(
    `refuses ${what}`,
    () => typeof expected === "string" ? assert.is(message(recipe), expected) : assert.match(message(recipe), expected),
  );
}

test.run();
