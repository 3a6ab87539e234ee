/** Training as a library call: what callbacks are told and when, how it stops, and how it goes on. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/types.ts";
import { UserError } from "../../src/errors.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { bestEpoch } from "../../src/train/callbacks/best_epoch.ts";
import { checkpoint } from "../../src/train/callbacks/checkpoint.ts";
import { log } from "../../src/train/callbacks/log.ts";
import { mask } from "../../src/train/callbacks/mask.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { train, type TrainOptions } from "../../src/train/train.ts";
import type { Callback, LogFields, Snapshot } from "../../src/train/types.ts";
import { testGpu } from "../gpu.ts";
import { abortedAt } from "../recipe/interrupt.ts";
import { brightPixels, everything, flat } from "./small.ts";

const test = suite("train");
const gpu = await testGpu();

function options(more: Partial<TrainOptions> = {}): TrainOptions {
  const graph = everything();
  return {
    gpu,
    graphs: [graph],
    params: initialise(graph, 1),
    data: brightPixels(70),
    validation: brightPixels(30),
    batch: 16,
    epochs: 3,
    optimizer: { kind: "sgd", lr: 0.05, weightDecay: 1e-3 },
    seed: 4,
    ...more,
  };
}

async function refusal(work: () => Promise<unknown>): Promise<string> {
  const error = await work().then(() => undefined, (error) => error);
  assert.instance(error, UserError);
  assert.not.match(error.message, /\n/);
  return error.message;
}

test("what training can't do without is asked for by name", async () => {
  assert.is(
    await refusal(() => train({ gpu, graphs: options().graphs, batch: 4 } as unknown as TrainOptions)),
    "train lacks params, data, epochs: expected gpu, graphs, params, data, batch, epochs",
  );
  const { labels: _labels, ...unlabelled } = brightPixels(30);
  assert.match(
    await refusal(() => train(options({ validation: unlabelled as unknown as Dataset }))),
    /^train: validation has no labels/,
  );
});

test("callbacks run in the order of the list, from open to close, around every step", async () => {
  const told: string[] = [];
  const teller = (name: string): Callback => {
    const tell = (what: string) => void told.push(`${name} ${what}`);
    return {
      name,
      open: () => tell("open"),
      start: () => tell("start"),
      beforeBatch: (_training, step) => tell(`before batch ${step}`),
      beforeStep: () => tell("before step"),
      afterBackward: () => tell("after backward"),
      afterStep: () => tell("after step"),
      beforeRead: () => (tell("before read"), []),
      afterRead: () => tell("after read"),
      afterEpoch: () => Promise.resolve(tell("after epoch")),
      afterValidation: () => tell("after validation"),
      interrupted: () => tell("interrupted"),
      finish: () => tell("finish"),
      close: () => tell("close"),
    };
  };
  await train(options({ data: brightPixels(20), epochs: 1, callbacks: [teller("a"), teller("b")] }));
  const pair = (what: string) => [`a ${what}`, `b ${what}`];
  const step = (n: number) => [`before batch ${n}`, "before step", "after backward", "after step"].flatMap(pair);
  const end = ["before read", "after read", "after epoch", "after validation", "finish"].flatMap(pair);
  assert.equal(told, [...pair("open"), ...pair("start"), ...step(0), ...step(1), ...end, "b close", "a close"]);
});

test("what a callback gives after an epoch stands in the log, after loss, accuracy and validation", async () => {
  const records: LogFields[] = [];
  const rho: Callback = { name: "rho", afterEpoch: ({ epoch }) => Promise.resolve({ rho: 10 * epoch }) };
  await train(options({ epochs: 2, name: "mine", callbacks: [rho, log((record) => void records.push(record))] }));
  const keys = ["phase", "epoch", "loss", "trainAccuracy", "validationLoss", "validationAccuracy", "rho"];
  assert.equal(records.map((record) => Object.keys(record)), [keys, keys]);
  assert.equal(records.map(({ phase, epoch, rho }) => [phase, epoch, rho]), [["mine", 1, 10], ["mine", 2, 20]]);
});

test("a callback reads its own buffers along with the sums", async () => {
  const seen: number[] = [];
  const reader = (name: string): Callback => ({
    name,
    beforeRead: ({ state }) => [state.weights.tensor("fc.bias"), state.statistics.tensor("stem.bn.running_mean")],
    afterRead: (_training, bytes) => void seen.push(...bytes.map(({ byteLength }) => byteLength)),
  });
  await train(options({ epochs: 1, data: brightPixels(16), callbacks: [reader("a"), reader("b")] }));
  assert.equal(seen, [12, 16, 12, 16]);
});

test("gradients are there after the backward pass, and the optimizer uses what a callback makes of them", async () => {
  const still: Callback = { name: "still", afterBackward: (_step, { state }) => state.gradients.zero() };
  const optimizer = { kind: "sgd", lr: 0.1 } as const;
  const before = options({ optimizer, epochs: 1 });
  const after = await train({ ...before, callbacks: [still] });
  for (const name of ["stem.weight", "fc.weight"]) {
    assert.equal(after.params.get(name)!.data, before.params.get(name)!.data);
  }
  assert.not.equal(after.params.get("stem.bn.running_mean")!.data, before.params.get("stem.bn.running_mean")!.data);
});

test("stopped after any step and taken up again from its snapshot, training ends in the same bits", async () => {
  const settings: Partial<TrainOptions>[] = [
    { optimizer: { kind: "adamw", lr: 0.01 }, augment: { crop: 1, flip: true } },
    { optimizer: { kind: "sgd", lr: 0.05, nesterov: true }, schedule: { kind: "step", milestones: [0.5] }, period: 2 },
  ];
  for (const more of settings) {
    const whole = bestEpoch();
    const records: LogFields[] = [];
    const expected = await train(
      options({ ...more, firstEpoch: 2, callbacks: [whole, log((record) => void records.push(record))] }),
    );
    // An epoch has 5 steps, and the signal is asked after each and at its end.
    for (const moments of [[1, 4, 6, 2], [6, 12], [3, 11]]) {
      let saved: Snapshot | undefined;
      const pieces: LogFields[] = [];
      const keep = (snapshot: Snapshot) => {
        saved = { ...snapshot, cursor: JSON.parse(JSON.stringify(snapshot.cursor)) };
        return Promise.resolve();
      };
      for (const moment of [...moments, Infinity]) {
        const best = bestEpoch();
        const callbacks = [best, log((record) => void pieces.push(record)), checkpoint(keep)];
        const signal = abortedAt(moment);
        // What a run counts is in the snapshot: whoever goes on need not know it.
        const firstEpoch = saved ? 0 : 2;
        try {
          const { params } = await train(options({ ...more, callbacks, signal, firstEpoch, from: saved }));
          assert.equal(flat(params), flat(expected.params), `stopped at ${moments}`);
          assert.equal([best.best!.epoch, best.best!.accuracy], [whole.best!.epoch, whole.best!.accuracy]);
          assert.equal(flat(best.best!.params), flat(whole.best!.params), `stopped at ${moments}`);
        } catch (error) {
          if (!(error instanceof Interrupted)) throw error;
        }
      }
      assert.equal(pieces, records, `stopped at ${moments}`);
    }
  }
});

test("best epoch: the first of the highest validation accuracy, whole", async () => {
  const best = bestEpoch();
  const seen: { accuracy: number; params: Float32Array }[] = [];
  const watch: Callback = {
    name: "watch",
    async afterValidation({ state }, { validationAccuracy }) {
      seen.push({ accuracy: validationAccuracy!, params: flat(await state.download()) });
    },
  };
  await train(options({ epochs: 5, callbacks: [best, watch] }));
  const highest = Math.max(...seen.map(({ accuracy }) => accuracy));
  const first = seen.findIndex(({ accuracy }) => accuracy === highest);
  assert.equal([best.best!.epoch, best.best!.accuracy], [first + 1, highest]);
  assert.equal(flat(best.best!.params), seen[first].params);
  const said = await refusal(() => train(options({ validation: undefined, callbacks: ["best-epoch"] })));
  assert.match(said, /best-epoch chooses by validation accuracy: give validation data/);
});

test("the mask callback keeps masked weights at exactly 0", async () => {
  const { params } = options();
  const { shape, data } = params.get("fc.weight")!;
  const bits = data.map((_, i) => i % 3 === 0 ? 0 : 1);
  const trained = await train(options({ callbacks: [mask(new Map([["fc.weight", { shape, data: bits }]]))] }));
  assert.ok(trained.params.get("fc.weight")!.data.every((w, i) => (w === 0) === (i % 3 === 0)));
});

test("unknown names and options are refused by name, with the known ones", async () => {
  const odd = (more: Record<string, unknown>) => refusal(() => train(options(more as Partial<TrainOptions>)));
  assert.is(
    await odd({ loss: { kind: "hinge" } }),
    'unknown loss "hinge": expected one of cross-entropy, distill, outputs, sum',
  );
  assert.is(
    await odd({ callbacks: ["nan-gard"] }),
    'unknown callback "nan-gard": expected one of best-epoch, nan-guard',
  );
  assert.is(
    await odd({ optimizer: { kind: "lion", lr: 1 } }),
    'unknown optimizer "lion": expected one of sgd, adam, adamw',
  );
  assert.is(
    await odd({ schedule: { kind: "linear" } }),
    'unknown schedule "linear": expected one of constant, cosine, restart, step',
  );
  assert.match(
    await odd({ shedule: { kind: "step" } }),
    /^train has no option "shedule": expected one of gpu, graphs, /,
  );
  assert.match(await odd({ optimizer: { kind: "sgd", lr: NaN } }), /lr is NaN, expected a number of at least 0/);
  assert.match(await odd({ graphs: [] }), /graphs is empty/);
  assert.match(await odd({ epochs: 1.5 }), /epochs is 1.5, expected a whole number/);
  assert.match(await odd({ callbacks: [bestEpoch(), "best-epoch"] }), /two callbacks are called "best-epoch"/);
  assert.match(await odd({ params: new Map() }), /parameter "stem.weight" \[4,1,3,3\] has no values, expected 36/);
});

test("a name in place of settings, and a setting that doesn't exist, are refused with what is expected", async () => {
  const odd = (more: Record<string, unknown>) => refusal(() => train(options(more as Partial<TrainOptions>)));
  assert.is(
    await odd({ loss: "focal" }),
    'loss is "focal", expected settings such as { kind: "cross-entropy" }; ' +
      "kinds are cross-entropy, distill, outputs, sum",
  );
  assert.match(await odd({ optimizer: "adam" }), /^optimizer is "adam", expected settings such as { kind: "sgd" }/);
  assert.match(await odd({ schedule: "step" }), /^schedule is "step", expected settings such as/);
  assert.is(
    await odd({ optimizer: { kind: "sgd", lr: 0.1, beta1: 0.9 } }),
    'optimizer sgd has no option "beta1": expected one of kind, lr, momentum, nesterov, weightDecay',
  );
  assert.match(
    await odd({ optimizer: { kind: "adamw", lr: 0.1, decay: 1 } }),
    /^optimizer adamw has no option "decay"/,
  );
  assert.match(await odd({ schedule: { kind: "cosine", warmUp: 1 } }), /^schedule cosine has no option "warmUp"/);
  assert.is(
    await odd({ loss: { kind: "cross-entropy", smoothing: 0.1 } }),
    'loss cross-entropy has no option "smoothing": expected one of kind, labelSmoothing, graph',
  );
});

test("data that don't hold what they say are refused by name before anything runs", async () => {
  const whole = brightPixels(20);
  const odd = (more: Record<string, unknown>) => refusal(() => train(options({ data: { ...whole, ...more } })));
  assert.is(
    await odd({ images: whole.images.subarray(1) }),
    'data set "bright pixels": found 319 values of images, expected 320: 20 · 1 · 4 · 4',
  );
  assert.match(await odd({ labels: whole.labels.subarray(1) }), /found 19 labels, expected 20, one for each image$/);
  const labels = whole.labels.slice();
  labels[7] = 3;
  assert.match(await odd({ labels }), /found label 3 of image 7, expected labels below 3, its classes$/);
  assert.match(await odd({ normalization: undefined }), /found no normalization, expected { scale, mean, std }/);
  assert.match(
    await odd({ normalization: { scale: 255, mean: [], std: [1] } }),
    /normalization.mean \[\], expected 1 /,
  );
  assert.match(
    await odd({ normalization: { scale: 255, mean: [0], std: [0] } }),
    /normalization.std \[0\], expected 1 /,
  );
  assert.match(await refusal(() => train(options({ validation: { ...whole, labels } }))), /found label 3 of image 7/);
});

test("a snapshot of other callbacks or another network is refused", async () => {
  let saved: Snapshot | undefined;
  const keep = checkpoint((snapshot) => (saved = snapshot, Promise.resolve()));
  await train(options({ epochs: 1, callbacks: [bestEpoch(), keep] }));
  assert.match(
    await refusal(() => train(options({ from: saved }))),
    /holds what callback "best-epoch" kept, which isn't among the callbacks nan-guard/,
  );
  assert.match(
    await refusal(() => train(options({ from: saved, optimizer: { kind: "adam", lr: 1 }, callbacks: [bestEpoch()] }))),
    /the snapshot lacks moment1 "stem.weight"/,
  );
});

test("training gives its memory back, also when it fails", async () => {
  await train(options());
  const live = () => [gpu.stats().liveBuffers, gpu.stats().liveBytes];
  const before = live();
  await train(options({ callbacks: [bestEpoch(), "nan-guard"] }));
  assert.equal(live(), before);
  const broken: Callback = { name: "broken", afterRead: () => Promise.reject(new Error("broken")) };
  await train(options({ callbacks: [broken] })).then(() => assert.unreachable(), () => {});
  assert.equal(live(), before);
});

test.run();
