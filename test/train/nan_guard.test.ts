/** Divergence is told by name and place, also where batch norm hides it from the loss. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadDataset } from "../../src/data/deno.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { HostTensor } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { DivergedError } from "../../src/train/errors.ts";
import { train, type TrainOptions } from "../../src/train/train.ts";
import type { Callback } from "../../src/train/types.ts";
import { testGpu } from "../gpu.ts";
import { brightPixels, everything } from "./small.ts";

const test = suite("NaN guard");
const gpu = await testGpu();
const graph = everything();

async function divergence(more: Partial<TrainOptions>): Promise<string> {
  const options: TrainOptions = {
    gpu,
    graphs: [graph],
    params: initialise(graph, 1),
    data: brightPixels(70),
    batch: 16,
    epochs: 3,
    optimizer: { kind: "sgd", lr: 0.05 },
    ...more,
  };
  const error = await train(options).then(() => undefined, (error) => error);
  assert.instance(error, DivergedError);
  assert.not.match(error.message, /\n/);
  return error.message;
}

/** Changes one number on the device just before the second epoch is read, when no step can spread it any more. */
function damage(role: "weights" | "gradients" | "statistics", name: string, value: number): Callback {
  return {
    name: "damage",
    beforeRead({ gpu, state, epoch }) {
      const { buffer, byteOffset } = state[role].tensor(name);
      if (epoch === 1) gpu.write({ buffer, byteOffset: byteOffset + 4, byteLength: 4 }, Float32Array.of(value));
      return [];
    },
  };
}

test("a loss that isn't finite ends training at the next read", async () => {
  const net = createModel("digits", { width: 0.25 });
  const params = new Map<string, HostTensor>(initialise(net, 1));
  params.set("fc2.bias", { shape: [10], data: new Float32Array(10).fill(NaN) });
  let steps = 0;
  const count: Callback = { name: "count", beforeStep: () => void steps++ };
  const callbacks = [count, "nan-guard"] as const;
  assert.match(
    await divergence({ graphs: [net], params, data: brightPixels(8000, 8), batch: 8, callbacks }),
    /^train: the loss is not a number any more, nor is "conv1\.weight", in epoch 1 of 3, at learning rate 0\.05: try a smaller optimizer\.lr \(such as 0\.005\) or a warm-up, in a new run$/,
  );
  assert.ok(steps < 100, `stopped after ${steps} of 1000 batches`);
});

test("a rate that is far too high diverges, in the last batch as well", async () => {
  const optimizer = { kind: "sgd", lr: 1e30 } as const;
  assert.match(await divergence({ optimizer, epochs: 1, data: brightPixels(40) }), /not a number any more/);
});

test("a rate at which batch norm keeps the loss finite is divergence when the loss has grown out of all measure", async () => {
  const net = createModel("resnet8", { width: 0.25, size: 8, inChannels: 1 });
  const { train: data } = await loadDataset("digits");
  const losses: number[] = [];
  const watch: Callback = {
    name: "watch",
    afterRead: ({ progress: { lossSum, samples } }) => void losses.push(lossSum / samples),
  };
  const optimizer = { kind: "sgd", lr: 50 } as const;
  // An epoch of four steps is read at its end only.
  const epochs = { batch: 64, images: 256, epochs: 6, schedule: { kind: "constant" } } as const;
  const callbacks = [watch, "nan-guard"] as const;
  const params = initialise(net, 1);
  const said = await divergence({ graphs: [net], params, data, optimizer, ...epochs, callbacks });
  assert.match(said, /^train: the loss has grown to \d\.\d+e\+\d+ in epoch \d of 6, at learning rate 50: try /);
  assert.ok(losses.every(Number.isFinite) && losses.at(-1)! > 2 ** 24, losses.join());
  assert.ok(losses.slice(0, -1).every((loss) => loss <= 2 ** 24), losses.join());
});

for (
  const [role, name, value, subject] of [
    ["statistics", "branch.bn.running_var", Infinity, '"branch.bn.running_var"'],
    ["gradients", "branch.weight", NaN, 'the gradient of "branch.weight"'],
    ["weights", "fc.weight", -Infinity, '"fc.weight"'],
    ["weights", "stem.weight", 2 ** 64, '"stem.weight"'],
  ] as const
) {
  test(`${subject} of ${value} is found in the epoch in which it arises`, async () => {
    const said = await divergence({ callbacks: [damage(role, name, value), "nan-guard"] });
    assert.is(
      said.slice(0, said.indexOf(" of 3")),
      `train: ${subject} has overflowed in epoch 2`,
    );
  });
}

test.run();
