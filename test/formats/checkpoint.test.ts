import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from "../../src/formats/checkpoint.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { memoryStore } from "../../src/store/memory.ts";

const test = suite("checkpoint");
const file = "runs/x/checkpoint.safetensors";

const checkpoint: Checkpoint = {
  tensors: new Map([
    ["model/conv1.weight", { shape: [2, 3], data: new Float32Array([1, 2, 3, -0, NaN, 6]) }],
    ["stage/kept", { shape: [2], data: new Uint32Array([0, 4_000_000_000]) }],
  ]),
  state: { stage: 1, epoch: 7, seed: 3, note: "größer", nested: { list: [1, null, "x"] } },
};

test("comes back bit for bit", async () => {
  const store = memoryStore();
  assert.is(await loadCheckpoint(store, file), undefined);
  await saveCheckpoint(store, file, checkpoint);
  const found = (await loadCheckpoint(store, file))!;
  assert.equal(found.state, checkpoint.state);
  for (const [name, { shape, data }] of checkpoint.tensors) {
    const tensor = found.tensors.get(name)!;
    assert.equal(tensor.shape, shape);
    assert.equal(new Uint8Array(tensor.data.buffer), new Uint8Array(data.buffer));
  }
  const first = await store.read(file);
  await saveCheckpoint(store, file, found);
  assert.equal(await store.read(file), first, "equal content, equal bytes");
});

test("any flipped byte or cut is noticed", async () => {
  const store = memoryStore();
  await saveCheckpoint(store, file, checkpoint);
  const whole = (await store.read(file))!;
  for (let i = 0; i < whole.length; i++) {
    const bytes = whole.slice();
    bytes[i] ^= 0x11;
    await store.write(file, bytes);
    // Padding spaces of the header carry nothing; JSON.parse already refuses other characters there.
    await refused(store, /checkpoint|safetensors/);
  }
  for (let length = 0; length < whole.length; length += 7) {
    await store.write(file, whole.slice(0, length));
    await refused(store, /damaged checkpoint of \d+ bytes.*; restore it from a copy, or start a new run$/);
  }
});

test("another version, or no checkpoint at all", async () => {
  const store = memoryStore();
  await saveCheckpoint(store, file, checkpoint);
  const { tensors, metadata } = readSafetensors((await store.read(file))!, file);
  await store.write(file, writeSafetensors(tensors, { ...metadata, version: "1" }));
  await refused(store, /checkpoint version 1, this Secateur reads version 2/);
  await store.write(file, writeSafetensors(tensors));
  await refused(store, /no checkpoint of Secateur/);
  await store.write(file, writeSafetensors(tensors, { ...metadata, state: "{}" }));
  await refused(store, /damaged checkpoint/);
});

test("state that JSON would spoil is refused", async () => {
  const error = await saveCheckpoint(memoryStore(), file, { tensors: new Map(), state: { loss: NaN } })
    .then(() => undefined, (error) => error);
  assert.match(error.message, /"loss" is NaN/);
});

async function refused(store: ReturnType<typeof memoryStore>, message: RegExp): Promise<void> {
  const error = await loadCheckpoint(store, file).then(() => undefined, (error) => error);
  assert.instance(error, UserError);
  assert.match(error.message, message);
  assert.not.match(error.message, /\n/);
  assert.ok(error.message.startsWith(file), error.message);
}

test.run();
