/** The searchers over genes: all pure, so everything here runs without a device. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import {
  changedBlocks,
  cheapestGene,
  checkGene,
  costOf,
  type GeneConstraint,
  type GeneSpace,
  isAllowed,
  keyOf,
  spaceSize,
} from "../../src/depth/search/gene_space.ts";
import { type BlockScores, knapsack } from "../../src/depth/search/knapsack.ts";
import { paretoSet } from "../../src/depth/search/pareto.ts";
import { searchGenes, type SearchMethod, type SearchOptions, type SearchState } from "../../src/depth/search/search.ts";
import type { Choice, Gene } from "../../src/depth/types.ts";
import { Interrupted } from "../../src/train/errors.ts";

const test = suite("depth search");

/** Blocks of which each can take the forms that `formsOf` gives it, with costs of whole numbers drawn by `seed`. */
function spaceOf(blocks: number, forms: readonly Choice[], seed: number): GeneSpace {
  const rng = random(seed, "costs");
  const choices = Array.from({ length: blocks }, (): Choice[] => ["keep", ...forms]);
  const cost = {
    rest: 100,
    blocks: choices.map((own, b) => own.map((_, c) => c === 0 ? 50 + rng.below(50, b, 0) : 5 + rng.below(45, b, c))),
  };
  return { blocks: choices.map((_, b) => `b${b}`), choices, cost, unit: "macs" };
}

function every(space: GeneSpace): Gene[] {
  return space.choices.reduce<Gene[]>((genes, own) => genes.flatMap((gene) => own.map((c) => [...gene, c])), [[]]);
}

/** A worth in which each pair of blocks has a part: no sum over the blocks. */
function worthOf(seed: number): (gene: Gene) => number {
  const rng = random(seed, "worth");
  const number = (...key: (string | number)[]) => {
    const hash = [...key.join("|")].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 65521, 7);
    return rng.uniform(1, hash);
  };
  return (gene) => {
    let sum = 0;
    gene.forEach((choice, i) => {
      sum -= choice === "keep" ? 0 : 2 * number(i, choice);
      for (let j = 0; j < i; j++) sum += 0.4 * (number(i, choice, j, gene[j]) - 0.5);
    });
    return sum;
  };
}

function scoresOf(space: GeneSpace, seed: number): BlockScores {
  const rng = random(seed, "scores");
  return space.choices.map((own, b) => own.map((_, c) => -rng.uniform(b, c)));
}

function bestByForce(space: GeneSpace, constraint: GeneConstraint, worth: (gene: Gene) => number): Gene {
  const allowed = every(space).filter((gene) => isAllowed(space, constraint, gene));
  return allowed.reduce((best, gene) => worth(gene) > worth(best) ? gene : best);
}

const count = (k: number): GeneConstraint => ({ kind: "count", k });
const budget = (limit: number): GeneConstraint => ({ kind: "budget", limit });
const METHODS: readonly SearchMethod[] = ["exhaustive", "genetic", "random", "knapsack"];

for (const seed of [1, 2, 3]) {
  test(`a genetic search of 8 blocks finds what an exhaustive one does, under a count and a budget (seed ${seed})`, async () => {
    const space = spaceOf(8, ["identity"], seed);
    const worth = worthOf(seed);
    const limit = costOf(space, space.blocks.map(() => "keep")) * 0.8;
    for (const constraint of [count(4), budget(limit)]) {
      const evaluate = (gene: Gene) => Promise.resolve(worth(gene));
      const options = { space, constraint, evaluate, seed };
      const expected = bestByForce(space, constraint, worth);
      assert.equal((await searchGenes({ ...options, method: "exhaustive" })).best.gene, expected);
      const found = await searchGenes({ ...options, method: "genetic" });
      assert.equal(found.best.gene, expected);
      assert.ok(found.points.length <= 16 + 10 * 12, `${found.points.length} genes were evaluated`);
      assert.ok(found.points.every(({ gene }) => isAllowed(space, constraint, gene)));
    }
  });

  test(`the knapsack is the best of all genes by their sums of scores, with several forms (seed ${seed})`, () => {
    const space = spaceOf(5, ["identity", "linear", "skip"], seed);
    const scores = scoresOf(space, seed);
    const sum = (gene: Gene) =>
      gene.reduce((total, choice, b) => total + scores[b][space.choices[b].indexOf(choice)], 0);
    for (const constraint of [count(3), budget(300), budget(costOf(space, cheapestGene(space)))]) {
      const allowed = every(space).filter((gene) => isAllowed(space, constraint, gene));
      const found = knapsack(space, constraint, scores);
      const best = found[found.length - 1];
      assert.equal(best.gene, bestByForce(space, constraint, sum));
      assert.is(best.score, sum(best.gene));
      assert.is(best.cost, costOf(space, best.gene));
      const points = allowed.map((gene) => ({ gene, cost: costOf(space, gene), value: sum(gene) }));
      assert.equal(found.map(({ gene }) => keyOf(gene)), paretoSet(points).map((i) => keyOf(points[i].gene)));
    }
  });
}

test("every searcher gives the same result for the same seed, and random ones another for another", async () => {
  const space = spaceOf(7, ["identity", "linear"], 4);
  const worth = worthOf(4);
  const run = (method: SearchMethod, seed: number) =>
    searchGenes({
      space,
      constraint: count(3),
      method,
      seed,
      scores: scoresOf(space, 4),
      evaluate: (gene) => Promise.resolve(worth(gene)),
    });
  for (const method of METHODS) assert.equal(await run(method, 5), await run(method, 5), method);
  for (const method of ["genetic", "random"] as const) {
    assert.not.equal((await run(method, 5)).points, (await run(method, 6)).points, method);
  }
});

test("every searcher that is stopped after any evaluation goes on to the same result, and asks for nothing twice", async () => {
  const space = spaceOf(6, ["identity", "linear"], 7);
  const worth = worthOf(7);
  for (const method of ["exhaustive", "genetic", "random"] as const) {
    const asked: string[] = [];
    const options: SearchOptions = {
      space,
      constraint: budget(400),
      method,
      seed: 3,
      finalists: 3,
      genes: 12,
      genetic: { parents: 6, iterations: 2, mutants: 3, crossovers: 2 },
      evaluate(gene, fidelity) {
        asked.push(`${keyOf(gene)} ${fidelity}`);
        return Promise.resolve(worth(gene) + (fidelity === "full" ? 0.1 * worth(gene.toReversed()) : 0));
      },
    };
    const whole = await searchGenes(options);
    assert.is(new Set(asked).size, asked.length);
    const steps = asked.length;
    for (let stop = 0; stop < steps; stop += method === "exhaustive" ? 31 : 1) {
      const controller = new AbortController();
      let state: SearchState = { points: [] };
      let done = 0;
      if (stop === 0) controller.abort();
      const onEvaluated = (now: SearchState) => {
        // As a checkpoint has it.
        state = JSON.parse(JSON.stringify(now));
        if (++done === stop) controller.abort();
      };
      asked.length = 0;
      try {
        await searchGenes({ ...options, onEvaluated, signal: controller.signal });
        assert.unreachable("an aborted search came to an end");
      } catch (error) {
        assert.instance(error, Interrupted);
      }
      assert.equal(await searchGenes({ ...options, from: state }), whole, `${method}, stopped after ${stop}`);
      assert.is(asked.length, steps);
    }
  }
});

test("the finalists are the best by the cheap evaluation, and the full one chooses among them", async () => {
  const space = spaceOf(4, ["identity"], 1);
  const cheap = (gene: Gene) => gene.reduce((sum, choice, b) => sum + (choice === "keep" ? b : 0), 0);
  const full: string[] = [];
  const { best, points } = await searchGenes({
    space,
    constraint: count(2),
    finalists: 2,
    evaluate(gene, fidelity) {
      if (fidelity === "cheap") return Promise.resolve(cheap(gene));
      full.push(gene.map((choice) => choice === "keep" ? 1 : 0).join(""));
      return Promise.resolve(-cheap(gene));
    },
  });
  // Sums of the kept blocks' numbers: 0011 has 5, 0101 has 4, 0110 and 1001 have 3.
  assert.equal(full, ["0011", "0101"]);
  assert.equal(best.gene, ["identity", "keep", "identity", "keep"]);
  assert.equal([best.value, best.full], [4, -4]);
  assert.is(points.length, 6);
});

test("the Pareto set has the points that are neither as cheap nor as good as another, by rising cost", () => {
  const points = [[5, 1], [3, 2], [3, 1], [9, 4], [4, 2], [7, 4], [10, 5]].map(([cost, value]) => ({ cost, value }));
  assert.equal(paretoSet(points), [1, 5, 6]);
  assert.equal(paretoSet([]), []);
});

test("a budget that is a function of the whole gene is kept as well", async () => {
  const { blocks, choices } = spaceOf(6, ["identity"], 2);
  // Neighbours share a launch: what a gene costs is no sum.
  const cost = (gene: Gene) => 10 + gene.reduce((sum, choice, b) => sum + (choice === gene[b - 1] ? 1 : 3), 0);
  const space: GeneSpace = { blocks, choices, cost, unit: "ms" };
  const worth = worthOf(2);
  const options = { space, constraint: budget(22), evaluate: (gene: Gene) => Promise.resolve(worth(gene)), seed: 1 };
  const found = await searchGenes({ ...options, method: "genetic" });
  assert.ok(found.points.every(({ gene }) => cost(gene) <= 22));
  assert.equal(found.best.gene, bestByForce(space, budget(22), worth));
  await refused(
    () => searchGenes({ ...options, method: "knapsack", scores: scoresOf(space, 1) }),
    /knapsack needs a cost that adds up/,
  );
});

test("a genetic search begins with what the knapsack makes of the scores", async () => {
  const space = spaceOf(8, ["identity"], 3);
  const scores = scoresOf(space, 3);
  const constraint = count(4);
  const expected = knapsack(space, constraint, scores).toReversed().slice(0, 4).map(({ gene }) => gene);
  const { points } = await searchGenes({
    space,
    constraint,
    scores,
    method: "genetic",
    evaluate: (gene) => Promise.resolve(changedBlocks(gene)),
  });
  assert.equal(points.slice(0, expected.length).map(({ gene }) => gene), expected);
});

test("the size of a space counts the genes that change k blocks, in all their forms", () => {
  const uneven: GeneSpace = {
    blocks: ["a", "b", "c"],
    choices: [["keep", "identity"], ["keep"], ["keep", "identity", "skip"]],
    cost: () => 1,
    unit: "macs",
  };
  assert.equal([0, 1, 2].map((k) => spaceSize(uneven, count(k))), [1, 3, 2]);
  assert.is(spaceSize(uneven, budget(1)), 6);
  assert.is(spaceSize(spaceOf(12, ["identity"], 1), count(6)), 924);
  assert.is(spaceSize(spaceOf(16, ["identity"], 1), count(6)), 8008);
});

test("where a space has more than 4,096 genes the search is genetic, and an exhaustive one is refused", async () => {
  const space = spaceOf(16, ["identity"], 1);
  const options = { space, constraint: count(6), evaluate: () => Promise.resolve(0) };
  assert.is((await searchGenes(options)).method, "genetic");
  assert.is((await searchGenes({ ...options, space: spaceOf(8, ["identity"], 1) })).method, "exhaustive");
  await refused(() => searchGenes({ ...options, method: "exhaustive" }), /8008 genes, at most 4096/);
});

test("a count or a budget that no gene meets is refused with the numbers", async () => {
  const blocks = ["stem", "a", "b"];
  const choices: Choice[][] = [["keep"], ["keep", "identity"], ["keep", "linear"]];
  const cost = { rest: 100, blocks: [[10], [20, 5], [40, 4]] };
  const space: GeneSpace = { blocks, choices, cost, unit: "params" };
  const evaluate = () => Promise.resolve(0);
  await refused(
    () => searchGenes({ space, constraint: count(3), evaluate }),
    /k is 3, and of the network's 3 blocks 2 can take a form \(a, b\): give at most 2/,
  );
  await refused(() => searchGenes({ space, constraint: count(1.5), evaluate }), /k is 1.5, expected a whole number/);
  await refused(
    () => searchGenes({ space, constraint: budget(118), evaluate }),
    /a budget of 118 parameters can't be met: .* has 119 parameters, unchanged 170: give at least 119/,
  );
  assert.equal((await searchGenes({ space, constraint: budget(119), evaluate })).best.gene, cheapestGene(space));
});

test("a gene of another network is refused", () => {
  const space = spaceOf(2, ["identity"], 1);
  assert.throws(() => checkGene(space, ["keep"]), /the gene has 1 entry, and the network has 2 blocks: .* b0, b1/);
  assert.throws(() => checkGene(space, ["keep", "skip"]), /block b1 can't become "skip": expected keep, identity/);
  checkGene(space, ["keep", "identity"]);
});

async function refused(run: () => Promise<unknown>, expected: RegExp): Promise<void> {
  let message = "";
  try {
    await run();
  } catch (error) {
    message = (error as Error).message;
  }
  assert.match(message, expected);
}

test.run();
