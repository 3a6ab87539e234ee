/** Training that prepares pruning: each update against values worked out in float64, and the same bits however often it is stopped. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { initialise } from "../../src/graph/initialise.ts";
import { isBatchNorm } from "../../src/graph/roles.ts";
import type { HostTensor, Model, Params } from "../../src/graph/types.ts";
import { gatherFor } from "../../src/prune/criteria/gather.ts";
import { fpgm } from "../../src/prune/criteria/fpgm.ts";
import { l2 } from "../../src/prune/criteria/l2.ts";
import { scoreGroups } from "../../src/prune/criteria/score.ts";
import { snip } from "../../src/prune/criteria/snip.ts";
import { admm } from "../../src/prune/methods/admm_callback.ts";
import { groupLasso } from "../../src/prune/methods/group_lasso.ts";
import { growingL2, growingStrength } from "../../src/prune/methods/growing_l2.ts";
import { exchange, regrow } from "../../src/prune/methods/regrow.ts";
import { snipAtStart } from "../../src/prune/methods/snip_at_start.ts";
import { type ConstraintOptions, constraintsOf } from "../../src/prune/structures/constraints.ts";
import { forEachElement } from "../../src/prune/structures/elements.ts";
import type { Masks } from "../../src/prune/structures/masks.ts";
import type { Constraint } from "../../src/prune/structures/types.ts";
import { checkpoint } from "../../src/train/callbacks/checkpoint.ts";
import { slimming } from "../../src/train/callbacks/slimming.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { train, type TrainOptions } from "../../src/train/train.ts";
import type { Callback, Snapshot } from "../../src/train/types.ts";
import { testGpu } from "../gpu.ts";
import { abortedAt } from "../recipe/interrupt.ts";
import { brightPixels, everything, flat } from "../train/small.ts";

const test = suite("training that prepares pruning");
const gpu = await testGpu();
const graph = everything();
/** With shifts above 0, so that gradients reach a filter of zeros behind its ReLU. */
const params: Params = withValues("beta", initialise(graph, 1), [0.1, 0.2, 0.3, 0.4]);

function withValues(role: string, all: Params, values: readonly number[]): Params {
  return new Map([...all].map(([name, tensor]): [string, HostTensor] => [
    name,
    graph.params[name].role === role ? { ...tensor, data: Float32Array.from(values) } : tensor,
  ]));
}
const filters: ConstraintOptions = { granularity: "filter", keep: 0.5 };
const LR = 0.1;

function options(callbacks: readonly Callback[], more: Partial<TrainOptions> = {}): TrainOptions {
  return {
    gpu,
    graphs: [graph],
    params,
    data: brightPixels(48),
    batch: 16,
    epochs: 2,
    optimizer: { kind: "sgd", lr: LR, momentum: 0 },
    schedule: { kind: "constant" },
    callbacks,
    ...more,
  };
}

/** Makes the loss flat, so that what callbacks add is all that moves a weight. */
const still: Callback = { name: "still", afterBackward: (_step, { state }) => state.gradients.zero() };
/** One epoch of three steps. */
const alone = async (callback: Callback, more: Partial<TrainOptions> = {}) =>
  (await train(options([still, callback], { epochs: 1, ...more }))).params;

function near(actual: Params, name: string, expected: ArrayLike<number>): void {
  actual.get(name)!.data.forEach((value, i) => {
    assert.ok(
      Math.abs(value - expected[i]) <= 2e-6 * Math.max(1, Math.abs(expected[i])),
      `${name}[${i}]: ${value}, expected ${expected[i]}`,
    );
  });
}

test("slimming: γ loses lr·strength in each step towards 0, one of 0 stays, and nothing else moves", async () => {
  const after = await alone(slimming(0.2), { params: withValues("gamma", params, [0.5, -0.25, 0, 2]) });
  for (const { inputs } of graph.nodes.filter(isBatchNorm)) {
    // Three steps of 0.1 · 0.2.
    near(after, inputs[1], [0.5 - 0.06, -0.25 + 0.06, 0, 2 - 0.06]);
    near(after, inputs[2], params.get(inputs[2])!.data);
  }
  near(after, "stem.weight", params.get("stem.weight")!.data);
});

test("growing L2: λ = by · (1 + ⌊step/every⌋), at most most", () => {
  const how = { by: 0.1, every: 2, most: 0.35 };
  assert.equal([0, 1, 2, 3, 4, 5, 6, 99].map((step) => Number(growingStrength(step, how).toFixed(6))), [
    0.1,
    0.1,
    0.2,
    0.2,
    0.3,
    0.3,
    0.35,
    0.35,
  ]);
});

test("growing L2: what is to go shrinks by 1 − lr·λ in each step, what stays doesn't move", async () => {
  const constraints = constraintsOf(graph, [{ granularity: "weight", layers: ["fc"], keep: 0.5 }]);
  const callback = growingL2({ constraints, criterion: l2, seed: 1, masks: new Map(), by: 0.5, every: 2, most: 9 });
  const after = await alone(callback);
  const before = params.get("fc.weight")!.data;
  const order = [...before].map(Math.abs).sort((a, b) => b - a);
  const least = order[constraints[0].keep - 1];
  // λ is 0.5, 0.5 and 1 in the three steps.
  const factor = (1 - LR * 0.5) ** 2 * (1 - LR);
  near(after, "fc.weight", [...before].map((w) => Math.abs(w) >= least ? w : w * factor));
  assert.equal(callback.masks!.get("fc.weight")!.data, before.map((w) => Math.abs(w) >= least ? 1 : 0));
});

/** The proximal steps in float64, over all weights of each group. */
function shrunk(constraints: readonly Constraint[], thresholds: (constraint: Constraint) => number, steps: number) {
  const after = new Map([...params].map(([name, { data }]) => [name, Float64Array.from(data)]));
  for (let step = 0; step < steps; step++) {
    for (const constraint of constraints) {
      const weights = constraint.members.filter(({ role }) => role === "weight");
      const norms = new Float64Array(constraint.groups);
      for (const member of weights) {
        forEachElement(member, constraint.groups, (g, e) => norms[g] += after.get(member.param)![e] ** 2);
      }
      for (const member of weights) {
        forEachElement(member, constraint.groups, (g, e) => {
          after.get(member.param)![e] *= Math.max(0, 1 - thresholds(constraint) / Math.sqrt(norms[g]));
        });
      }
    }
  }
  return after;
}

for (const { momentum, rate } of [{ momentum: 0, rate: LR }, { momentum: 0.9, rate: 10 * LR }]) {
  test(`group lasso, momentum ${momentum}: w·max(0, 1 − τ/‖w‖) over coupled groups, τ = strength·√n·lr/(1 − momentum)`, async () => {
    const strength = 0.05;
    // The stem and the branch share their channels; the 4 columns of 9 of a kernel are groups of 4 weights.
    for (const granularity of ["filter", "kernel", "column"] as const) {
      const constraints = constraintsOf(graph, [{ granularity, keep: 1 }]);
      const after = await alone(groupLasso({ constraints, strength }), {
        optimizer: { kind: "sgd", lr: LR, momentum },
      });
      const expected = shrunk(constraints, ({ members, groups }) => {
        const size = members.filter(({ role }) => role === "weight")
          .reduce((sum, { layout: { F, C, KK } }) => sum + F * C * KK, 0);
        return strength * Math.sqrt(size / groups) * rate;
      }, 3);
      for (const name of ["stem.weight", "branch.weight", "fc.weight", "stem.bn.weight"]) {
        near(after, name, expected.get(name)!);
      }
    }
  });
}

test("group lasso with a strength that is too much leaves exact zeros", async () => {
  const constraints = constraintsOf(graph, [filters]);
  const after = await alone(groupLasso({ constraints, strength: 100 }));
  assert.ok(after.get("stem.weight")!.data.every((w) => w === 0));
});

const tensor = (...data: number[]): HostTensor => ({ shape: [data.length, 1], data: Float32Array.from(data) });

test("regrow: of six groups that have three, one goes and the one of the largest gradient returns", () => {
  const layout = { F: 6, C: 1, KK: 1, gf: 1, gc: 0, gk: 0, groups: 6 };
  const constraint: Constraint = {
    name: "w",
    kind: "filter",
    members: [{ param: "w", role: "weight", layout, places: { offset: 0 } }],
    readers: [],
    groups: 6,
    keep: 3,
    minKeep: 1,
  };
  const masks: Masks = new Map([["w", tensor(1, 0, 1, 0, 1, 0)]]);
  const weights = new Map([["w", tensor(3, 0, -1, 0, 2, 0)]]);
  const kept = (gradients: number[], part: number) =>
    exchange(constraint, masks, { params: weights, gradients: new Map([["w", tensor(...gradients)]]), part }).kept;
  // ⌊0.34 · 3⌋ = 1: number 2 is the smallest, and number 5 has the steepest loss.
  assert.equal(kept([9, 1, 0, 0, 9, -2], 0.34), [0, 4, 5]);
  // What has just gone may come back at once.
  assert.equal(kept([9, 1, 3, 0, 9, -2], 0.34), [0, 2, 4]);
  // All three go, and the three steepest of the six come back; no part, no exchange.
  assert.equal(kept([5, 4, 0, 3, 0, 0], 1), [0, 1, 3]);
  assert.equal(kept([0, 9, 0, 9, 0, 9], 0.3), [0, 2, 4]);
});

test("regrow refuses what chooses its groups by a rule", () => {
  const constraints = constraintsOf(graph, [{ granularity: "n:m", n: 2, m: 4, keep: 1, layers: ["fc"] }]);
  assert.throws(() => regrow({ constraints, criterion: l2, seed: 1, masks: new Map() }), /^regrow: fc:n:m chooses/);
});

function zeroGroups(after: Params, constraints: readonly Constraint[]): number[] {
  return constraints.map((constraint) =>
    scoreGroups(l2, constraint, { model: { graph, params: after }, seed: 0 }).scores.filter((s) => s === 0).length
  );
}

test("regrow by gradients: as many weights stay as were asked for, others than at first; soft filters end as hard ones", async () => {
  const weights = constraintsOf(graph, [{ granularity: "weight", keep: 0.4 }]);
  const seen: Params[] = [];
  const watch: Callback = { name: "watch", beforeBatch: async ({ state }) => void seen.push(await state.download()) };
  const dynamic = regrow({ constraints: weights, criterion: l2, seed: 1, masks: new Map(), every: 1, fraction: 0.5 });
  const { params: after } = await train(options([dynamic, watch]));
  assert.equal(zeroGroups(after, weights), weights.map(({ groups, keep }) => groups - keep));
  const alive = (params: Params) => [...params.get("branch.weight")!.data].map((w) => w !== 0);
  const returned = alive(after).filter((now, i) => now && !alive(seen[0])[i]).length;
  assert.ok(returned > 0, "nothing has come back");

  const all = constraintsOf(graph, [filters]);
  const soft = regrow({ constraints: all, criterion: fpgm, seed: 1, masks: new Map(), every: 2, returns: "training" });
  seen.length = 0;
  const { params: hard } = await train(options([soft, watch]));
  assert.equal(zeroGroups(hard, all), all.map(({ groups, keep }) => groups - keep));
  // After two steps they become 0, and one step later they aren't any more; from three quarters of the six steps on they stay.
  assert.equal(seen.map((params) => zeroGroups(params, all)[0]), [0, 0, 2, 0, 2, 2]);
  for (const [name, { data }] of soft.masks!) data.forEach((bit, i) => bit || assert.is(hard.get(name)!.data[i], 0));
});

const gatherSnip = (constraints: readonly Constraint[]) => (model: Model) =>
  gatherFor({ gpu, model, data: brightPixels(32), criterion: snip, constraints, batch: 16 });

test("SNIP before the first step: the largest |w·g| of all layers together are what is trained", async () => {
  const asked: ConstraintOptions[] = [{ granularity: "weight", keep: 1 }];
  const constraints = constraintsOf(graph, asked);
  const gathered = await gatherSnip(constraints)({ graph, params });
  const scores = constraints.flatMap((
    constraint,
  ) => [...scoreGroups(snip, constraint, { model: { graph, params }, seed: 0, gathered }).scores]);
  const callback = snipAtStart({ constraints: asked, keep: 0.3, masks: new Map(), gather: gatherSnip(constraints) });
  const { params: after } = await train(options([callback]));
  const bits = constraints.flatMap(({ members: [{ param }] }) => [...callback.masks!.get(param)?.data ?? []]);
  const kept = scores.filter((_, i) => bits[i] === 1);
  assert.is(kept.length, Math.floor(0.3 * scores.length));
  assert.ok(Math.min(...kept) >= Math.max(...scores.filter((_, i) => bits[i] === 0)));
  for (const [name, { data }] of callback.masks!) {
    data.forEach((bit, i) => bit || assert.is(after.get(name)!.data[i], 0));
  }
});

const weightsChosen = { constraints: constraintsOf(graph, [filters]), criterion: l2, seed: 1, masks: new Map() };
const makers: Readonly<Record<string, () => Callback>> = {
  slimming: () => slimming(0.01),
  "group lasso": () => groupLasso({ constraints: weightsChosen.constraints, strength: 0.001 }),
  "growing L2": () => growingL2({ ...weightsChosen, by: 0.1, every: 2 }),
  "regrow by gradients": () => regrow({ ...weightsChosen, every: 2, fraction: 0.5 }),
  "ADMM whose ρ follows the support": () =>
    admm({ constraints: weightsChosen.constraints, rhos: [0.1, 0.3, 0.9, 2, 2], rhoBy: "support", epochsPerUpdate: 1 }),
  "soft filters": () => regrow({ ...weightsChosen, every: 2, returns: "training" }),
  snip: () =>
    snipAtStart({
      constraints: [{ granularity: "weight", keep: 1 }],
      keep: 0.3,
      masks: new Map(),
      gather: gatherSnip(constraintsOf(graph, [{ granularity: "weight", keep: 1 }])),
    }),
};

for (const [name, make] of Object.entries(makers)) {
  test(`${name}: stopped after any step and taken up again, it ends in the same bits, and all memory is given back`, async () => {
    const more = { optimizer: { kind: "sgd", lr: 0.05 } } as const;
    // The device keeps tables of constants that kernels have asked for.
    const whole = await train(options([make()], more));
    const before = gpu.stats().liveBytes;
    for (const after of [1, 2, 5, 7]) {
      let saved: Snapshot | undefined;
      const keep = checkpoint((snapshot) => Promise.resolve(void (saved = snapshot)));
      const error = await train({ ...options([make(), keep], more), signal: abortedAt(after) }).catch((error) => error);
      assert.instance(error, Interrupted);
      const resumed = await train({ ...options([make()], more), from: saved });
      assert.equal(flat(resumed.params), flat(whole.params), `after ${after} steps`);
    }
    assert.is(gpu.stats().liveBytes, before);
  });
}

test.run();
