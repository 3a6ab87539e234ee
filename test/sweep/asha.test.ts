/** ASHA: the rule by hand, the same trials whatever order jobs come back in, and what it saves. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { ashaPruner } from "../../src/sweep/pruners/asha.ts";
import { gridSampler } from "../../src/sweep/samplers/grid.ts";
import { type Choices, type Trial, trialId } from "../../src/sweep/trial.ts";
import { runFake } from "./fake_sweep.ts";

const test = suite("ASHA");

const ACCURACY = { objectives: [{ metric: "accuracy", direction: "max" }], constraints: [] } as const;

/** A waiting trial that has these accuracies on its rungs. */
function trial(index: number, ...accuracies: number[]): Trial {
  const rungs = accuracies.map((accuracy, rung) => ({ rung, epochs: 4 ** rung, metrics: { accuracy }, job: "" }));
  return { id: trialId(index), choices: {}, seed: 1, rungs, state: "waiting" };
}

/** Decisions in the order of the trials, by their first letters: p, w, s. */
function decided(trials: readonly Trial[], ended: "more" | "ended" = "more", reduction = 2): string {
  const decisions = ashaPruner({ ...ACCURACY, reduction }).decide(trials, ended);
  return trials.map(({ id }) => decisions.get(id)?.[0] ?? "-").join("");
}

test("by hand, η = 2: of n on a rung the best ⌊n/2⌋ go on, and who was promoted stays so", () => {
  assert.is(decided([trial(0)]), "p", "everyone comes to the first rung");
  assert.is(decided([trial(0, 0.5)]), "w", "⌊1/2⌋ = 0");
  assert.is(decided([trial(0, 0.5), trial(1, 0.4)]), "pw");
  // 0 was the best of two; of four 2 and 3 are, but 0 was promoted before.
  assert.is(decided([trial(0, 0.5), trial(1, 0.4), trial(2, 0.6), trial(3, 0.7)]), "pwpp");
  // Among the best two of 1, 2, 3 and 4 trials: ⌊3/2⌋ = 1 is trial 2, and then 3 joins it.
  assert.is(decided([trial(0, 0.1), trial(1, 0.2), trial(2, 0.3), trial(3, 0.25)]), "wppp");
  assert.is(decided([trial(0, 0.5), trial(1, 0.5)]), "pw", "of equals the first");
});

test("by hand, the second rung: those that were promoted to it are compared there", () => {
  const first = [0.9, 0.1, 0.8, 0.2, 0.95, 0.3, 0.85, 0.4];
  // On the first rung 0 (of two), 2 (of four), 4 (of six), 6 (of eight) are promoted in this order.
  const known = new Map([[0, 0.91], [2, 0.97], [4, 0.93]]);
  const trials = first.map((accuracy, i) => trial(i, accuracy, ...known.has(i) ? [known.get(i)!] : []));
  // Of the two that came to the second rung first, 0 and 2, the latter is better; of three ⌊3/2⌋ is still it alone.
  assert.is(decided(trials), "wwpwwwpw");
  assert.is(decided(trials, "ended"), "wspswsps", "6 may still come to the second rung, nobody to the first");
});

test("trials are stopped when no one can come any more, and only then", () => {
  const trials = [trial(0, 0.5), trial(1, 0.4), trial(2, 0.3)];
  assert.is(decided(trials, "more"), "pww");
  assert.is(decided(trials, "ended"), "pss");
  assert.is(decided([trials[0], trials[1], trial(2)], "ended"), "pwp", "the third one isn't on the rung yet");
});

test("when nothing more will come to a rung and none of it was promoted, its best one is", () => {
  assert.is(decided([trial(0, 0.5)], "ended"), "p", "⌊1/2⌋ = 0");
  const trials = [trial(0, 0.4), trial(1, 0.5), trial(2, 0.3)];
  assert.is(decided(trials, "more", 4), "www");
  assert.is(decided(trials, "ended", 4), "sps");
});

test("a result waits for those before it, and a trial that failed is waited for no longer", () => {
  assert.is(decided([trial(0), trial(1, 0.5), trial(2, 0.4)]), "pww", "trial 0 is missing");
  assert.is(decided([{ ...trial(0), state: "failed" }, trial(1, 0.5), trial(2, 0.4)]), "-pw");
});

test("with two objectives those that fewer dominate go on, of equals the less crowded", () => {
  const values = [[1, 9], [2, 5], [2.2, 4.6], [9, 1], [9, 9], [9.5, 9.5], [8, 8], [9.9, 9.9]];
  const trials = values.map(([macs, loss], i) => ({
    ...trial(i),
    rungs: [{ rung: 0, epochs: 1, metrics: { macs, loss }, job: "" }],
  }));
  const decisions = ashaPruner({
    objectives: [{ metric: "macs", direction: "min" }, { metric: "loss", direction: "min" }],
    constraints: [],
    reduction: 4,
  }).decide(trials, "ended");
  // None of the first four is dominated: of four the first end goes on, of eight both ends.
  assert.is([...decisions.values()].map(([letter]) => letter).join(""), "psspssss");
});

test("objectives and bounds that aren't known on a rung don't count there", () => {
  const options = {
    objectives: [...ACCURACY.objectives, { metric: "ms", direction: "min" } as const],
    constraints: [{ metric: "ms", relation: "<=", value: 2 } as const],
    reduction: 2,
  };
  const trials = [trial(0, 0.4), trial(1, 0.6), trial(2, 0.5), trial(3, 0.3)];
  const decisions = ashaPruner(options).decide(trials, "ended");
  assert.is([...decisions.values()].map(([letter]) => letter).join(""), "spps");
});

const cells = Array.from({ length: 12 }, (_, cell) => cell);
const grid = gridSampler({ cell: { kind: "choice", values: cells } }, [1, 2, 3, 4, 5], 1);

/** Cells of a higher end are slower, and seeds spread by half of a step between the ends of cells: curves cross. */
function curve({ cell }: Choices, seed: number, epochs: number): number {
  const c = cell as number;
  const end = 0.9 + 0.006 * c;
  const noise = random(seed, `curve ${c}`).normal(epochs, 0);
  return end - (0.3 + 0.006 * c) / (1 + epochs) + 0.003 * noise;
}

const RUNGS = [1, 4, 16, 64];

test("any number of workers, in any order, makes the same trials", () => {
  const ends = [[1, 1], [2, 1], [3, 7], [8, 2], [60, 3]].map(([workers, order]) => {
    const { trials, epochs } = runFake({
      sampler: grid,
      pruner: ashaPruner(ACCURACY),
      rungs: RUNGS,
      trials: 60,
      workers,
      order,
      // Every 13th job fails.
      metrics: (choices, seed, epochs) =>
        ((choices.cell as number) * 5 + seed) % 13 === 0 ? undefined : { accuracy: curve(choices, seed, epochs) },
    });
    return { trials, epochs };
  });
  for (const end of ends.slice(1)) assert.equal(end, ends[0]);
  const states = new Set(ends[0].trials.map(({ state }) => state));
  assert.equal([...states].sort(), ["done", "failed", "stopped"]);
});

test("decisions that were made one by one are those that are made at once", () => {
  const one = ashaPruner(ACCURACY);
  const { trials } = runFake({
    sampler: grid,
    pruner: {
      epochsOf: one.epochsOf,
      decide(trials, ended) {
        const found = one.decide(trials, ended);
        assert.equal([...found], [...ashaPruner(ACCURACY).decide(trials, ended)]);
        return found;
      },
    },
    rungs: RUNGS,
    trials: 60,
    workers: 7,
    metrics: (choices, seed, epochs) => ({ accuracy: curve(choices, seed, epochs) }),
  });
  assert.is(trials.length, 60);
});

test("it finds the grid's best cell, or one within a standard error, in two fifths of its epochs", () => {
  const means = cells.map((cell) => [1, 2, 3, 4, 5].map((seed) => curve({ cell }, seed, 64)));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const best = means.toSorted((a, b) => mean(b) - mean(a))[0];
  const error = Math.sqrt(mean(best.map((value) => (value - mean(best)) ** 2)) / (best.length - 1));
  const { trials, epochs } = runFake({
    sampler: grid,
    pruner: ashaPruner(ACCURACY),
    rungs: RUNGS,
    trials: 60,
    workers: 4,
    metrics: (choices, seed, epochs) => ({ accuracy: curve(choices, seed, epochs) }),
  });
  const done = trials.filter(({ state }) => state === "done");
  const chosen = done.toSorted((a, b) => b.rungs.at(-1)!.metrics.accuracy - a.rungs.at(-1)!.metrics.accuracy)[0];
  assert.ok(mean(means[chosen.choices.cell as number]) >= mean(best) - error, `cell ${chosen.choices.cell}`);
  const share = epochs / (60 * 64);
  assert.ok(share <= 0.4, `${share}`);
  assert.ok(done.length >= 1 && done.length < 6, `${done.length} trials were trained to the end`);
});

test.run();
