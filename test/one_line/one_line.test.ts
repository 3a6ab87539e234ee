/** What is chosen for a network that comes without a recipe: every value below is worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../src/errors.ts";
import { changedRecipe, loadRecipe } from "../../src/recipe/load.ts";
import { type Asked, wishOf } from "../../src/one_line/asked.ts";
import { chooseRecipe, estimateSeconds, recipeName, stepsFor, type Survey } from "../../src/one_line/choose_recipe.ts";
import { fractionFor, type SearchedNetwork } from "../../src/one_line/searched_network.ts";
import { batchFor, epochsFor, knowledgeOf, type Purpose, rateFor } from "../../src/one_line/training_choice.ts";
import { writtenRecipe } from "../../src/one_line/written_recipe.ts";
import { memoryStore } from "../../src/store/memory.ts";

const test = suite("a recipe for a network without one");

const survey: Survey = {
  model: "nets/my net.onnx",
  data: "folder:./images",
  params: 30_000,
  macs: 4e6,
  images: 122,
  validation: 22,
  test: 36,
  norms: "batch",
  shortcuts: "some",
  known: { accuracy: 0.95, scored: 122, chance: 0.1 },
  imageMs: 0.5,
};
const wish = (asked: Partial<Asked> = {}) => wishOf({ labels: "use", ...asked });
type Stage = Record<string, unknown> & { kind: string };
const stagesOf = (found: Survey, asked?: Partial<Asked>) => chooseRecipe(found, wish(asked)).recipe.stages as Stage[];

test("weights know nothing within three deviations of guessing, and little below half of the way from there to all", () => {
  // chance 0.1 of 100: deviation √(0.1 · 0.9 / 100) = 0.03, so nothing below 0.19; half of the way is 0.55.
  const knows = (accuracy: number) => knowledgeOf({ known: { accuracy, scored: 100, chance: 0.1 } });
  assert.equal([0.1, 0.189, 0.191, 0.549, 0.551, 1].map(knows), [
    "nothing",
    "nothing",
    "little",
    "little",
    "trained",
    "trained",
  ]);
  // Of two classes with 60 % of one: deviation √(0.6 · 0.4 / 96) = 0.05, so nothing below 0.75; half of the way is 0.8.
  const ofTwo = (accuracy: number) => knowledgeOf({ known: { accuracy, scored: 96, chance: 0.6 } });
  assert.equal([0.74, 0.76, 0.81].map(ofTwo), ["nothing", "little", "trained"]);
  assert.is(knowledgeOf({}), "trained", "without labels");
});

test("a batch is the power of two nearest to an eighth of the images, 16 to 64", () => {
  // log₂(122 / 8) = 3.93, log₂(360 / 8) = 5.49, log₂(370 / 8) = 5.53.
  assert.equal([1, 122, 180, 360, 370, 512, 50_000].map(batchFor), [16, 16, 16, 32, 64, 64, 64]);
});

test("epochs make about so many steps, within bounds", () => {
  // 122 images in batches of 16 are 8 steps: 320 / 8 = 40; 100 / 8 = 12.5 and 200 / 8 = 25 are more than there may be.
  const few = { images: 122, batch: 16 };
  assert.equal([epochsFor("scratch", few), epochsFor("tune", few), epochsFor("retrain", few)], [40, 10, 20]);
  // 1,222 in batches of 64 are 20 steps: 16, 5 and 10.
  const some = { images: 1222, batch: 64 };
  assert.equal([epochsFor("scratch", some), epochsFor("tune", some), epochsFor("retrain", some)], [16, 5, 10]);
  // 782 steps, and 1 step.
  const many = { images: 50_000, batch: 64 };
  assert.equal([epochsFor("scratch", many), epochsFor("tune", many), epochsFor("retrain", many)], [12, 3, 6]);
  assert.is(epochsFor("scratch", { images: 10, batch: 16 }), 40);
});

test("rates go by the root of the batch, and by half on weights that know something", () => {
  // √(16 / 64) = ½: 0.07 → 0.035 → 0.04, and 0.0175 → 0.02. √(32 / 64) = 0.707: 0.0495 → 0.05, and 0.0247 → 0.02.
  const rate = (purpose: Purpose, norms: Survey["norms"], batch: number) =>
    rateFor(purpose, { norms, shortcuts: "some" }, batch);
  assert.equal([64, 32, 16].map((batch) => rate("scratch", "batch", batch)), [0.07, 0.05, 0.04]);
  assert.equal([64, 32, 16].map((batch) => rate("retrain", "batch", batch)), [0.04, 0.02, 0.02]);
  assert.equal([rate("scratch", "none", 64), rate("tune", "none", 64)], [0.02, 0.01]);
  assert.equal([rate("scratch", "layer", 64), rate("retrain", "layer", 16)], [0.002, 0.0005]);
});

test("from weights that know nothing half of the rate is taken where no sum leads past a layer", () => {
  const plain = (purpose: Purpose, norms: Survey["norms"], batch: number) =>
    rateFor(purpose, { norms, shortcuts: "none" }, batch);
  // 0.035 → 0.04, 0.0247 → 0.02, 0.0175 → 0.02; weights that know something have half of it in any case.
  assert.equal([64, 32, 16].map((batch) => plain("scratch", "batch", batch)), [0.04, 0.02, 0.02]);
  assert.equal([64, 32, 16].map((batch) => plain("retrain", "batch", batch)), [0.04, 0.02, 0.02]);
  // Rates without batch norms are those of plain networks anyway.
  assert.is(plain("scratch", "none", 64), 0.02);
  const known = { accuracy: 0.1, scored: 122, chance: 0.1 };
  const { recipe, reasons } = chooseRecipe({ ...survey, known, shortcuts: "none" }, wish());
  const [first] = recipe.stages as { readonly optimizer: { readonly lr: number } }[];
  assert.is(first.optimizer.lr, 0.02);
  assert.ok(reasons[2].startsWith("rate: sgd from 0.02 down a cosine, with batch norms but no shortcuts"), reasons[2]);
});

test("no step keeps less than two fifths", () => {
  // 0.4² = 0.16, 0.4³ = 0.064.
  assert.equal([0.9, 0.5, 0.4, 0.39, 0.16, 0.15, 0.064, 0.05].map(stepsFor), [1, 1, 1, 2, 2, 3, 3, 4]);
});

test("training counts as five forward passes of each image, and validation as one", () => {
  // 10 · (122 · 5 + 22) · 0.5 ms = 3.16 s, and 11 s for everything else.
  assert.is(Number(estimateSeconds(survey, 10).toFixed(6)), 14.16);
});

test("trained weights are pruned as they are, others are trained or tuned first", () => {
  const kinds = (accuracy: number) =>
    stagesOf({ ...survey, known: { accuracy, scored: 122, chance: 0.1 } }).map(({ kind }) => kind);
  assert.equal(kinds(0.95), ["prune", "compact", "measure"]);
  assert.equal(kinds(0.4), ["train", "prune", "compact", "measure"]);
  const [first] = stagesOf({ ...survey, known: { accuracy: 0.1, scored: 122, chance: 0.1 } });
  assert.equal(first, {
    kind: "train",
    epochs: 40,
    optimizer: { kind: "sgd", lr: 0.04, momentum: 0.9, weightDecay: 5e-4, nesterov: true },
    schedule: { kind: "cosine", warmup: 1 },
  });
  assert.is(stagesOf({ ...survey, known: { accuracy: 0.4, scored: 122, chance: 0.1 } })[0].epochs, 10);
});

test("goals, methods and options become the stages that they are asked for", () => {
  const [prune] = stagesOf(survey, { params: 0.15, exclude: ["conv1", "fc*"], criterion: "fpgm", epochs: 3 });
  assert.equal([prune.kind, prune.criterion, prune.budget, prune.steps], ["prune", "fpgm", { params: 0.15 }, 3]);
  assert.equal(prune.constraints, [{ kind: "filter", exclude: ["conv1", "fc*"], minKeep: 4 }]);
  assert.is((prune.retrain as { epochs: number }).epochs, 3);
  const [drop] = stagesOf(survey, { drop: 0.01 });
  assert.equal([drop.until, drop.budget, drop.steps], [{ drop: 0.01 }, undefined, undefined]);
  for (const method of ["prune", "admm", "oneshot"]) {
    const [first] = chooseRecipe(survey, wish({ method }), { round: 4 }).recipe.stages as Stage[];
    assert.is(method === "oneshot" ? first.round : (first.constraints as Stage[])[0].round, 4);
  }
  // A quarter of 20 epochs.
  assert.is((drop.retrain as { patience: number }).patience, 5);
  const [onDevice] = stagesOf(survey, { ms: 4, device: "d.json" });
  assert.equal([onDevice.budget, onDevice.steps], [{ ms: 4 }, 2]);
  const [admm] = stagesOf(survey, { method: "admm" });
  // With 8 steps an epoch a period is 2 epochs long: 16 steps.
  assert.equal([admm.kind, admm.budget, admm.steps, admm.epochsPerUpdate], ["admm", { macs: 0.5 }, 1, 2]);
  const [oneshot] = stagesOf(survey, { method: "oneshot", criterion: "flap" });
  assert.equal(oneshot, { kind: "oneshot", minKeep: 4, budget: { macs: 0.8 }, images: 122, select: "flap" });
  assert.equal(stagesOf(survey, { method: "depth" }).map(({ kind }) => kind), [
    "search",
    "subnet",
    "compact",
    "measure",
  ]);
  assert.is(stagesOf({ ...survey, known: undefined }, { labels: "ignore" })[0].kind, "oneshot");
});

test("a chosen recipe is a valid one, in memory and as the text that is kept, with five reasons above", async () => {
  const known = { accuracy: 0.1, scored: 122, chance: 0.1 };
  const asked: Partial<Asked>[] = [
    {},
    { drop: 0.01 },
    { ms: 4, device: "d.json" },
    { method: "admm", params: 0.1 },
    { method: "oneshot", exclude: ["conv1"] },
    { method: "depth" },
  ];
  for (const one of asked) {
    const here = { ...survey, data: "folder:images" };
    for (const found of [here, { ...here, known }, { ...here, norms: "layer" as const, test: 0 }]) {
      const { recipe, reasons } = chooseRecipe(found, wish(one), {
        recipe: { seed: 3 },
        data: { limit: 500 },
        round: 4,
      });
      assert.is(reasons.length, 5);
      assert.equal(reasons.map((line) => line.split(":")[0]), ["start", "epochs", "rate", "budget", "time"]);
      const store = memoryStore();
      const text = writtenRecipe(recipe, reasons);
      await store.write("net.yaml", new TextEncoder().encode(text));
      assert.equal(await loadRecipe("net.yaml", store), changedRecipe(recipe, "chosen", {}));
      assert.ok(text.split("\n").slice(0, 5).every((line, i) => line === `# ${reasons[i]}`), text);
    }
  }
});

test("the reasons tell the numbers that they rest on", () => {
  const { reasons } = chooseRecipe({ ...survey, known: { accuracy: 0.11, scored: 122, chance: 0.1 } }, wish());
  for (
    const [line, words] of [
      [0, "30,000 parameters, 4.00 M MACs; 11.0 % of 122 training images right, where 10.0 % takes no knowledge"],
      [0, "its weights know nothing of folder:./images, so that it is trained first, 40 epochs"],
      [1, "122 training images in batches of 16 make 8 steps an epoch; 20 epochs after pruning are 160 steps"],
      [2, "sgd from 0.04 down a cosine, with batch norms, less by the root of the batch"],
      [3, "50 % of the MACs stay, 2.00 M of 4.00 M (nothing was asked for)"],
      // 60 · 632 · 0.5 ms = 19.0 s, and 11.
      [4, "about 30 s here for 60 epochs of 122 images"],
      [4, "of 36 test images one is 2.78 points"],
    ] as [number, string][]
  ) {
    assert.ok(reasons[line].includes(words), `${words}\n${reasons[line]}`);
  }
});

test("names of recipes are made of any file's name", () => {
  assert.equal(["nets/my net.v2.onnx", "a.onnx", "__.onnx", "C:\\x\\über.onnx"].map(recipeName), [
    "my-net.v2",
    "a",
    "network",
    "ber",
  ]);
});

test("wishes that contradict themselves are refused with what to do", () => {
  for (
    const [asked, words] of [
      [{ macs: 0.5, drop: 0.1 }, /^--macs and --drop exclude each other: give one of them/],
      [{ macs: 1 }, /^--macs is 1, expected a fraction between 0 and 1/],
      [{ ms: 0, device: "d" }, /^--ms is 0, expected a time above 0/],
      [{ ms: 4 }, /^--ms needs --device/],
      [{ device: "d.json" }, /^--device is for --ms/],
      [{ method: "pruen" }, /^--method pruen: expected prune, admm, oneshot or depth \(did you mean "prune"\?\)/],
      [{ method: "admm", criterion: "l1" }, /^--criterion has no use for --method admm: ADMM projects by l2/],
      [{ method: "oneshot", epochs: 3 }, /^--epochs has no use for --method oneshot: it trains nothing/],
      [{ method: "depth", exclude: ["a"] }, /^--exclude has no use for --method depth/],
      [{ method: "admm", drop: 0.1 }, /^--drop has no use for --method admm/],
      [{ criterion: "l3" }, /^--criterion l3: expected l2, l1, random, .*did you mean/],
      [
        { criterion: "taylor", method: "oneshot" },
        /^--criterion taylor: it learns from labels, .* expected obs, [^;]*$/,
      ],
      [{ criterion: "obs" }, /^--criterion obs: it is for --method oneshot: expected l2, [^;]*$/],
      [{ method: "magic" }, /^--method magic: expected prune, admm, oneshot or depth$/],
      [{ method: "prune", labels: "ignore" }, /^--method prune trains by labels.*choose --method oneshot/],
    ] as [Partial<Asked>, RegExp][]
  ) {
    assert.throws(
      () => wish(asked),
      (error: Error) => error instanceof UsageError && (assert.match(error.message, words), true),
    );
  }
});

test("a search wants a time, a device, and enough networks; what else would make no sense of it is named", () => {
  const asked: Partial<Asked> = { ms: 4, device: "live", search: 40 };
  assert.equal(wish(asked).search, 40);
  const refused: [Partial<Asked>, RegExp][] = [
    [{ ...asked, ms: undefined }, /--search looks for the best network within a time: give --ms and --device/],
    [
      { ...asked, search: undefined },
      /--device live is for a search that asks the phone while it runs: add --search 40/,
    ],
    [{ ...asked, search: 3 }, /--search 3: expected at least 4 networks to look at/],
    [{ ...asked, device: undefined }, /--ms needs --device/],
    [{ ...asked, ms: 0 }, /--ms is 0, expected a time above 0/],
    [
      { ...asked, method: "admm" },
      /--search has no use for --method admm: what is searched are networks that prune makes/,
    ],
    [{ ...asked, method: "depth" }, /--search has no use for --method depth/],
    [{ ...asked, labels: "ignore" }, /--search has no use for --method oneshot: networks are compared by labels/],
  ];
  for (const [options, message] of refused) {
    assert.throws(() => wish(options), (error: Error) => error instanceof UsageError && message.test(error.message));
  }
});

test("a network that was searched is written layer by layer, with the shortest fractions that keep as many filters", () => {
  // 5 of 16: 0.3 · 16 = 4.8 rounds to 5. 7 of 16: 0.4 · 16 = 6.4 to 6, 0.44 · 16 = 7.04 to 7. 1 of 300: 0.003 · 300 = 0.9.
  assert.equal([[5, 16], [7, 16], [1, 300], [16, 16]].map(([keep, groups]) => fractionFor(keep, groups)), [
    0.3,
    0.44,
    0.003,
    1,
  ]);
  const searched: SearchedNetwork = {
    criterion: "taylor",
    widths: [{ layer: "conv1", keep: 5, groups: 16 }],
    linear: ["block2"],
    words: "taylor, rule uniform",
    looked: 31,
    ms: 3.9,
    device: "pixel8",
  };
  const on = (found: SearchedNetwork) =>
    chooseRecipe(survey, wish({ ms: 4, device: "live", search: 40 }), { searched: found });
  const { recipe, reasons } = on(searched);
  const [first, prune] = recipe.stages as Stage[];
  assert.equal(first, { kind: "linearize", blocks: ["block2"] });
  assert.equal([prune.kind, prune.criterion, prune.steps, prune.budget], ["prune", "taylor", 2, undefined]);
  assert.equal(prune.constraints, [{ kind: "filter", layers: "conv1", keep: 0.3 }]);
  assert.is((prune.retrain as { epochs: number }).epochs, 20);
  assert.is((recipe as { device?: string }).device, undefined, "its widths are known");
  assert.is(
    reasons[3],
    "budget: 4.00 ms on pixel8; the best of 31 networks before training, 3.90 ms there: taylor, rule uniform",
  );
  // Where only blocks go there is nothing to prune, and all the same something to learn.
  assert.equal((on({ ...searched, widths: [] }).recipe.stages as Stage[]).map(({ kind }) => kind), [
    "linearize",
    "train",
    "compact",
    "measure",
  ]);
});

test.run();
