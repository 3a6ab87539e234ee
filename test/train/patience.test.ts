/** Training that ends when nothing gets better: which epoch is the last, and that resuming it changes nothing. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { initialise } from "../../src/graph/initialise.ts";
import { checkpoint } from "../../src/train/callbacks/checkpoint.ts";
import { patience } from "../../src/train/callbacks/patience.ts";
import { train, type TrainOptions } from "../../src/train/train.ts";
import type { Callback, Snapshot } from "../../src/train/types.ts";
import { testGpu } from "../gpu.ts";
import { brightPixels, everything, flat } from "./small.ts";

const test = suite("patience");
const gpu = await testGpu();

function options(callbacks: readonly Callback[]): TrainOptions {
  const graph = everything();
  return {
    gpu,
    graphs: [graph],
    params: initialise(graph, 1),
    data: brightPixels(32),
    validation: brightPixels(10),
    batch: 16,
    epochs: 9,
    optimizer: { kind: "sgd", lr: 0.05 },
    callbacks,
  };
}

/** Tells the callback validation accuracies of our own, an epoch each, and gives the epoch that it stops at. */
function stoppedAt(accuracies: readonly number[], epochs: number): number | undefined {
  const callback = patience(epochs);
  let at: number | undefined;
  accuracies.forEach((validationAccuracy, i) => {
    const training = { stop: () => at ??= i + 1 } as unknown as Parameters<NonNullable<Callback["afterValidation"]>>[0];
    const others = { loss: 1, trainAccuracy: undefined, validationLoss: undefined };
    callback.afterValidation!(training, { epoch: i + 1, validationAccuracy, ...others });
  });
  return at;
}

test("it stops when so many epochs have brought nothing higher; an equal accuracy is nothing higher", () => {
  assert.is(stoppedAt([0.5, 0.6, 0.6, 0.6], 2), 4);
  assert.is(stoppedAt([0.5, 0.6, 0.55, 0.7, 0.65, 0.6], 2), 6);
  assert.is(stoppedAt([0.1, 0.2, 0.3, 0.4], 1), undefined);
  assert.is(stoppedAt([0, 0], 1), 2);
});

test("a number that isn't one of epochs is refused, and so is training without validation data", async () => {
  for (const epochs of [0, 1.5, NaN]) assert.throws(() => patience(epochs), /expected a whole number of at least 1/);
  const { validation: _, ...blind } = options([patience(1)]);
  const error = await train(blind).then(() => undefined, (error) => error);
  assert.match(error.message, /^patience looks at validation accuracy/);
});

test("a training that was stopped so ends there, also when it is taken up again", async () => {
  const ended: number[] = [];
  const count: Callback = { name: "count", afterValidation: (_training, { epoch }) => void ended.push(epoch) };
  const snapshots: Snapshot[] = [];
  const all = () => [patience(2), count, checkpoint((saved) => Promise.resolve(void snapshots.push(saved)))];
  const { params } = await train(options(all()));
  const last = ended.at(-1)!;
  assert.ok(last < 9, `${last} epochs`);
  for (const from of [snapshots[0], snapshots[last - 1]]) {
    ended.length = 0;
    const resumed = await train({ ...options(all()), from });
    assert.equal(flat(resumed.params), flat(params));
    assert.is(ended.length, from === snapshots[0] ? last - 1 : 0);
  }
});

test.run();
