import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createAdmm } from "../../src/prune/methods/admm.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { removeUnused } from "../../src/prune/rewrite/unused.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { maskModel, masksOf } from "../../src/prune/structures/masks.ts";
import { keptGroups } from "../../src/prune/structures/selection.ts";
import { createTrainState } from "../../src/train/state.ts";
import { randomModel } from "../generate/graphs.ts";
import { joinedModel, JOINS } from "../generate/joined.ts";
import { randomlyMasked } from "../generate/masks.ts";
import { SHARES, sharingModel } from "../generate/shared.ts";
import { widened } from "../generate/widen.ts";
import { testGpu } from "../gpu.ts";
import { difference } from "./equal.ts";
import { energiesOf } from "./models.ts";
import { assertPromises } from "./promised.ts";

const test = suite("what inspect promises");

for (const join of Object.keys(JOINS)) {
  test(`${join}: every group that is listed can go, and alone`, () => {
    let gone = 0;
    for (let seed = 0; seed < 30; seed++) {
      const promises = assertPromises(joinedModel(join, seed), `${join} ${seed}`);
      assert.equal(promises.stayed, []);
      gone += promises.gone;
    }
    assert.ok(gone >= 60, `only ${gone} groups could go`);
  });
}

for (const share of Object.keys(SHARES)) {
  test(`${share}: nodes that share parameters lose filters together, or say why not`, () => {
    let gone = 0, refused = 0;
    for (let seed = 0; seed < 20; seed++) {
      const promises = assertPromises(sharingModel(share, seed), `${share} ${seed}`);
      assert.equal(promises.stayed, []);
      gone += promises.gone;
      refused += promises.refused;
    }
    assert.ok(gone >= 30, `only ${gone} groups could go, ${refused} couldn't`);
  });
}

test("what several nodes share stays one parameter as long as they need the same of it, whatever is zero", () => {
  for (const share of Object.keys(SHARES)) {
    for (let seed = 0; seed < 20; seed++) {
      const masked = widened(randomlyMasked(sharingModel(share, seed), seed));
      const options = { columns: seed % 2 === 0 };
      const small = compact(masked, options).model;
      const gap = difference(masked, small, seed);
      assert.ok(gap <= 1e-9, `${share} ${seed}: off by ${gap}`);
      assert.equal(compact(small, options).model.graph, small.graph, `${share} ${seed}: not a fixpoint`);
      const unused = removeUnused(masked).model;
      assert.ok(difference(masked, unused, seed) <= 1e-9, `${share} ${seed}: removed what is needed`);
    }
  }
});

test("in random networks too", () => {
  let gone = 0, refused = 0, stayed = 0;
  for (let seed = 0; seed < 40; seed++) {
    const promises = assertPromises(randomModel(seed), `random ${seed}`);
    gone += promises.gone;
    refused += promises.refused;
    stayed += promises.stayed.length;
  }
  assert.ok(gone >= 50 && refused >= 40, `${gone} groups could go, ${refused} couldn't`);
  assert.ok(stayed <= 0.05 * gone, `of ${stayed} groups that could go no filter went`);
});

test("a device prunes groups that stand in no order, or in one parameter for several nodes, as the host does", async () => {
  const gpu = await testGpu();
  const joins = Object.keys(JOINS), shares = Object.keys(SHARES);
  let mapped = 0;
  for (let seed = 0; seed < 22; seed++) {
    const model = seed < 16
      ? joinedModel(joins[seed % joins.length], seed)
      : sharingModel(shares[seed % shares.length], seed);
    const constraints = coupledConstraints(model.graph, { granularity: "filter", keep: 0.5 });
    mapped += constraints.filter(({ members }) => members.some(({ places }) => "map" in places)).length;
    // ADMM counts biases, γ and β too: only so it projects on to the nearest network.
    const choices = constraints.map((constraint) => {
      const members = constraint.members.map((member) => ({ ...member, role: "weight" as const }));
      return { constraint, kept: keptGroups(constraint, energiesOf({ ...constraint, members }, model)) };
    });
    const onHost = maskModel(model, masksOf(choices, model.params));
    const state = createTrainState(gpu, [model.graph], model.params);
    const admm = createAdmm(state, constraints, { rhos: [1] });
    try {
      admm.start();
      await admm.hardPrune();
      for (const [name, { data }] of await state.download()) {
        assert.equal(
          [...data].map((w) => w + 0),
          [...onHost.params.get(name)!.data].map((w) => w + 0),
          `${seed} ${name}`,
        );
      }
    } finally {
      admm.dispose();
      state.dispose();
    }
  }
  assert.ok(mapped >= 6, `only ${mapped} constraints have members in no order`);
});

test.run();
