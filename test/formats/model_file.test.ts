import { suite } from "uvu";
import * as assert from "uvu/assert";
import { identityMap } from "../../src/graph/indexmap.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { readModel, writeModel } from "../../src/formats/model_file.ts";
import { saveCheckpoint } from "../../src/formats/checkpoint.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { complaint } from "../data/fixtures.ts";

const test = suite("model files");
const FILE = "x/model.safetensors";

function network() {
  const graph = createModel("resnet8", { width: 0.125, inChannels: 1, size: 8 });
  const model = { graph, params: initialise(graph, 3) };
  return { model, dense: { graph }, origin: identityMap(graph) };
}

test("a network comes back bit for bit, with its place in the dense one", async () => {
  const store = memoryStore();
  const { model, dense, origin } = network();
  await writeModel(store, "x", { model, dense, origin });
  const found = await readModel(store, "x");
  assert.equal(found.model.graph, model.graph);
  assert.equal(new Map([...found.model.params].sort()), new Map([...model.params].sort()));
  assert.equal([found.dense, found.origin], [dense.graph, origin]);
});

test("an origin that was merged comes back, beside those that were kept", async () => {
  const store = memoryStore();
  const { model, dense, origin } = network();
  const [name] = model.params.keys();
  const merged = new Map(origin).set(name, { sources: [name, "gone.weight"], how: "gone ∘ conv" });
  await writeModel(store, "x", { model, dense, origin: merged });
  assert.equal((await readModel(store, "x")).origin, merged);
});

test("writing the same network twice gives the same bytes", async () => {
  const store = memoryStore();
  await writeModel(store, "x", network());
  await writeModel(store, "y", network());
  assert.equal(await store.read(FILE), await store.read("y/model.safetensors"));
});

test("what is no model file is refused in one line", async () => {
  const store = memoryStore();
  assert.match(await complaint(() => readModel(store, "x")), /^x\/model\.safetensors is missing: name the folder/);
  await store.write(FILE, new TextEncoder().encode("hello"));
  assert.match(await complaint(() => readModel(store, "x")), /^x\/model\.safetensors: [^\n]+$/);
  await saveCheckpoint(store, FILE, { tensors: new Map(), state: {} });
  assert.match(
    await complaint(() => readModel(store, "x")),
    /^x\/model\.safetensors: expected format secateur-model version 1, found secateur-checkpoint 2$/,
  );
  await writeModel(store, "x", network());
  const whole = (await store.read(FILE))!;
  for (const length of [0, 7, 8, 200, whole.length - 1]) {
    await store.write(FILE, whole.slice(0, length));
    assert.match(await complaint(() => readModel(store, "x")), /^x\/model\.safetensors: [^\n]+$/, String(length));
  }
});

test.run();
