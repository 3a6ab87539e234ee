/** Gradual pruning: how many groups are gone when, and that training ends in the same bits however often it is stopped. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { initialise } from "../../src/graph/initialise.ts";
import type { Model, Params } from "../../src/graph/types.ts";
import { l2 } from "../../src/prune/criteria/l2.ts";
import { gradual, gradualKept } from "../../src/prune/methods/gradual.ts";
import { constraintsOf } from "../../src/prune/structures/constraints.ts";
import { checkpoint } from "../../src/train/callbacks/checkpoint.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { train, type TrainOptions } from "../../src/train/train.ts";
import type { Callback, Snapshot } from "../../src/train/types.ts";
import { testGpu } from "../gpu.ts";
import { abortedAt } from "../recipe/interrupt.ts";
import { brightPixels, everything, flat } from "../train/small.ts";

const test = suite("gradual pruning");
const gpu = await testGpu();

test("s = s_f + (s_0 − s_f)(1 − t/T)³: values worked out by hand", () => {
  // 100 groups, 10 in the end: s_f = 0.9. At the half 0.9 − 0.9/8 = 0.7875 are gone, at a tenth 0.9 − 0.9 · 0.729 = 0.2439.
  const constraint = { groups: 100, keep: 10 };
  assert.equal([0, 0.1, 0.5, 0.9, 1].map((p) => gradualKept(constraint, 0, p)), [100, 76, 21, 10, 10]);
  // From s_0 = 0.5: 0.9 − 0.4/8 = 0.85 at the half.
  assert.equal([0, 0.5, 1].map((p) => gradualKept(constraint, 0.5, p)), [50, 15, 10]);
  // More than is to go in the end doesn't go at the beginning.
  assert.equal([0, 0.5, 1].map((p) => gradualKept({ groups: 100, keep: 80 }, 0.5, p)), [80, 80, 80]);
});

const graph = everything();
const model: Model = { graph, params: initialise(graph, 1) };
const constraints = constraintsOf(graph, [{ granularity: "weight", keep: 0.25 }]);

function growing() {
  return gradual({ constraints, criterion: l2, seed: 1, masks: new Map(), every: 2 });
}

function options(callbacks: readonly Callback[]): TrainOptions {
  return {
    gpu,
    graphs: [graph],
    params: model.params,
    data: brightPixels(48),
    batch: 16,
    epochs: 2,
    optimizer: { kind: "sgd", lr: 0.05 },
    callbacks,
  };
}

function zeros(params: Params): number {
  return constraints.reduce(
    (sum, { members: [{ param }] }) => sum + params.get(param)!.data.filter((w) => w === 0).length,
    0,
  );
}

test("masks are renewed every other step, only grow, and what is masked is exactly 0", async () => {
  const groups = constraints.reduce((sum, { groups }) => sum + groups, 0);
  const seen: number[] = [];
  const watch: Callback = {
    name: "watch",
    async beforeBatch({ state }) {
      seen.push(zeros(await state.download()) / groups);
    },
  };
  const callback = growing();
  const { params } = await train(options([callback, watch]));
  // Six steps; updates before the first, third and fifth, at 0, 1/3 and 2/3 of the way, and at the end.
  const gone = [0, 1 / 3, 2 / 3].map((p) => 0.75 - 0.75 * (1 - p) ** 3);
  seen.forEach((part, step) => assert.ok(Math.abs(part - gone[Math.floor(step / 2)]) < 0.02, `step ${step}: ${part}`));
  assert.is(zeros(params), constraints.reduce((sum, { groups, keep }) => sum + groups - keep, 0));
  for (const [name, { data }] of callback.masks) {
    data.forEach((bit, i) => assert.is(bit === 0, params.get(name)!.data[i] === 0));
  }
});

test("stopped after any step and taken up again, it ends in the same bits", async () => {
  const callback = growing();
  const whole = await train(options([callback]));
  for (const after of [1, 2, 3, 5]) {
    let saved: Snapshot | undefined;
    const keep = checkpoint((snapshot) => Promise.resolve(void (saved = snapshot)));
    const error = await train({ ...options([growing(), keep]), signal: abortedAt(after) }).catch((error) => error);
    assert.instance(error, Interrupted);
    const resumed = growing();
    assert.equal(flat((await train({ ...options([resumed]), from: saved })).params), flat(whole.params));
    assert.equal(resumed.masks, callback.masks);
  }
});

test.run();
