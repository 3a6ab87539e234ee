/** The pipeline from its outside: what it leaves behind, and what it says when it can't go on. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { DeviceLostError } from "../../src/gpu/errors.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { silentUi, type Ui } from "../../src/ui.ts";
import { complaint } from "../data/fixtures.ts";
import { onlyNightly } from "../long.ts";
import { Crash, crashing, outcome } from "./interrupt.ts";
import { admm, DIR, prune, retrain, tinyRecipe, train } from "./tiny.ts";

const test = suite("pipeline");
const small = tinyRecipe([train(2), admm({ steps: 1, updates: 1 }), { kind: "compact" }]);
const CHECKPOINT = `${DIR}/checkpoint.safetensors`;

/** A run of `small` that was killed in its pruning stage. */
async function begun(): Promise<Store> {
  const store = memoryStore();
  const error = await prune(small, { store: crashing(store, 8, "after") }).then(() => undefined, (error) => error);
  assert.instance(error, Crash);
  return store;
}

/** Notes into `shown` which stages were opened, and how they ended. */
function showing(shown: string[]): Ui {
  return {
    ...silentUi(),
    stage(name) {
      shown.push(name);
      return { update() {}, done: () => shown.push(`${name} done`), abandon: () => shown.push(`${name} abandoned`) };
    },
  };
}

test("a stage that an error cuts short is not shown as done", async () => {
  const shown: string[] = [];
  const diverging = tinyRecipe([{ kind: "train", epochs: 2, optimizer: { kind: "sgd", lr: 1e6, momentum: 0.9 } }]);
  await complaint(() => prune(diverging, { ui: showing(shown) }));
  assert.equal(shown, ["train", "train abandoned"]);
});

test("a finished run's folder, and what is shown on the way", async () => {
  const shown: string[] = [];
  const { store } = await prune(small, {
    ui: showing(shown),
  });
  assert.equal(await store.list(DIR), [
    CHECKPOINT,
    `${DIR}/log.jsonl`,
    `${DIR}/model.onnx`,
    `${DIR}/model.safetensors`,
    `${DIR}/recipe.yaml`,
    `${DIR}/report.html`,
    `${DIR}/report.json`,
  ]);
  assert.equal(shown, ["train", "train done", "admm", "admm done", "retrain", "retrain done"]);
});

test("the same recipe and seed give the same bits, another seed others", async () => {
  const [a, b] = [await prune(small), await prune(small)];
  assert.equal(await outcome(a.store), await outcome(b.store));
  const other = await prune(tinyRecipe([train(2), admm({ steps: 1, updates: 1 }), { kind: "compact" }], { seed: 2 }));
  assert.not.equal((await outcome(other.store)).model, (await outcome(a.store)).model);
});

onlyNightly(test)("resuming a finished run writes its results anew", async () => {
  const { store } = await prune(small);
  const before = await outcome(store);
  await store.remove(`${DIR}/model.safetensors`);
  await prune(small, { store, resume: true });
  assert.equal(await outcome(store), before);
});

test("a checkpoint that is cut off, damaged or another recipe's is refused, and left as it is", async () => {
  const store = await begun();
  const whole = (await store.read(CHECKPOINT))!;
  const flipped = whole.slice();
  flipped[whole.length - 50] ^= 1;
  for (const [bytes, words] of [[whole.slice(0, 1000), /[^\n]+/], [flipped, /damaged checkpoint/]] as const) {
    await store.write(CHECKPOINT, bytes);
    const said = await complaint(() => prune(small, { store, resume: true }));
    assert.match(said, /^runs\/tiny\/checkpoint\.safetensors: [^\n]+$/);
    assert.match(said, words);
    assert.equal(await store.read(CHECKPOINT), bytes);
  }
  await store.write(CHECKPOINT, whole);
  const other = tinyRecipe([train(2), admm({ steps: 1, updates: 2 }), { kind: "compact" }]);
  assert.match(
    await complaint(() => prune(other, { store, resume: true })),
    /^runs\/tiny\/checkpoint\.safetensors: was written by another recipe than runs\/tiny\/recipe\.yaml: [^\n]+$/,
  );
});

test("a log that is shorter than the checkpoint knows, or other, is refused; what came after the checkpoint is dropped", async () => {
  const expected = await outcome((await prune(small)).store);
  const store = await begun();
  const file = `${DIR}/log.jsonl`;
  const whole = (await store.read(file))!;
  const changed = whole.slice();
  changed[5] ^= 1;
  for (
    const [bytes, words] of [
      [undefined, /has 0 bytes, and the checkpoint knows of \d+: lines are missing/],
      [whole.slice(0, 20), /has 20 bytes, and the checkpoint knows of \d+: lines are missing/],
      [changed, /was changed since the checkpoint was written/],
    ] as const
  ) {
    if (bytes) await store.write(file, bytes);
    else await store.remove(file);
    const said = await complaint(() => prune(small, { store, resume: true }));
    assert.match(said, /^runs\/tiny\/log\.jsonl: [^\n]+; restore the file as it was, or start a new run$/);
    assert.match(said, words);
  }
  await store.write(file, whole);
  await store.append(file, '{"stage":1,"epo');
  await prune(small, { store, resume: true });
  assert.equal(await outcome(store), expected);
});

test("a checkpoint of an earlier version is refused", async () => {
  const store = await begun();
  const { tensors, metadata } = readSafetensors((await store.read(CHECKPOINT))!, CHECKPOINT);
  await store.write(CHECKPOINT, writeSafetensors(tensors, { ...metadata, version: "1" }));
  assert.is(
    await complaint(() => prune(small, { store, resume: true })),
    `${CHECKPOINT}: checkpoint version 1, this Secateur reads version 2; resume it with the Secateur that wrote it, or ` +
      "start a new run",
  );
});

test("unknown models and data sets, pairs that don't fit: one line, nothing written", async () => {
  for (
    const [more, words] of [
      [{ model: { name: "digit" } }, /unknown model "digit": expected one of digits, /],
      [{ model: { name: "digits", shortcut: "A" } }, /model "digits" has no option "shortcut"/],
      [{ data: { name: "imagenet" } }, /found data set "imagenet", expected one of: digits, /],
      [{ model: { name: "lenet5" } }, /model "lenet5" takes 28×28 images, data set "digits" has 8×8/],
      [{ model: { name: "digits", classes: 5 } }, /model.classes is 5, data set "digits" has 10 classes/],
    ] as const
  ) {
    const store = memoryStore();
    const said = await complaint(() => prune(tinyRecipe([train()], more), { store }));
    assert.match(said, words);
    assert.not.match(said, /\n/);
    assert.equal(await store.list(""), [`${DIR}/recipe.yaml`]);
  }
});

test("a loss that is not a number: which epoch, which rate, what to try; also when it is resumed", async () => {
  const sgd = (lr: number) => ({ kind: "sgd", lr, momentum: 0.9 });
  const store = memoryStore();
  const recipe = tinyRecipe([{ kind: "train", epochs: 2, optimizer: sgd(1e6) }]);
  for (const resume of [false, true]) {
    assert.is(
      await complaint(() => prune(recipe, { store, resume })).then((said) => said.replace(/rate [\d.e+]+/, "rate R")),
      'train: the loss is not a number any more, nor is "conv1.weight", in epoch 1 of 2, at learning rate R: ' +
        "try a smaller optimizer.lr (such as 100000) or a warm-up, in a new run",
    );
  }
  const pulled = tinyRecipe([train(1), admm({ optimizer: sgd(1e5), schedule: { kind: "constant" }, rho: 1e5 })]);
  assert.match(
    await complaint(() => prune(pulled)),
    /^admm 1\/2: the loss is not a number any more, nor is "[\w.]+", in epoch 1 of 2, at learning rate 100000: .* or a smaller rho, /,
  );
});

test("a device that is lost amid an epoch: says how to go on, and doing so ends in the same bits", async () => {
  const expected = await outcome((await prune(small)).store);
  const store = memoryStore();
  using doomed = await Gpu.open();
  const error = await prune(small, {
    store: {
      ...store,
      async append(path, text) {
        await store.append(path, text);
        if (text.includes(`"stage":1`)) doomed.loseDevice();
      },
    },
    gpu: doomed,
  }).then(() => undefined, (error) => error);
  assert.instance(error, DeviceLostError);
  assert.match(error.message, /^the GPU device was lost \([^\n]*\): start again with --resume[^\n]*$/);
  await prune(small, { store, resume: true });
  assert.equal(await outcome(store), expected);
});

onlyNightly(test)("a folder that fills up: one line, and the last checkpoint still holds", async () => {
  const expected = await outcome((await prune(small)).store);
  const store = memoryStore();
  let room = 3;
  const full: Store = {
    ...store,
    write: (path, bytes) =>
      --room < 0 ? Promise.reject(new UserError(`cannot write ${path}: no space left`)) : store.write(path, bytes),
  };
  assert.match(
    await complaint(() => prune(small, { store: full })),
    /^cannot write runs\/tiny\/checkpoint.*no space left$/,
  );
  await prune(small, { store, resume: true });
  assert.equal(await outcome(store), expected);
});

onlyNightly(test)("live memory on the device is the same after a second run, also one that fails", async () => {
  using gpu = await Gpu.open();
  const live = () => [gpu.stats().liveBuffers, gpu.stats().liveBytes];
  const purify = { kind: "purify", tolerance: 0.1, retrain: retrain() };
  const recipe = tinyRecipe([train(1), admm({ updates: 1, steps: 1 }), purify, { kind: "compact" }]);
  await prune(recipe, { gpu });
  // What convolutions keep for each shape, for as long as the device lives.
  const before = live();
  await prune(recipe, { gpu });
  assert.equal(live(), before);
  const bad = { kind: "train", epochs: 1, optimizer: { kind: "sgd", lr: 1e6 } };
  await complaint(() => prune(tinyRecipe([bad]), { gpu }));
  assert.equal(live(), before);
});

test.run();
