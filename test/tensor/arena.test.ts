import { suite } from "uvu";
import * as assert from "uvu/assert";
import { arenaLayout, createArena } from "../../src/tensor/arena.ts";
import { testGpu } from "../gpu.ts";

const test = suite("arena");

const specs = [{ name: "a", shape: [3, 5] }, { name: "b", shape: [64] }, { name: "c", shape: [] }, {
  name: "d",
  shape: [7, 3, 3, 1],
}];

test("parameters start on 256-byte boundaries and do not overlap", () => {
  const layout = arenaLayout(specs);
  assert.equal(layout.slots.map((s) => s.offset), [0, 64, 128, 192]);
  assert.is(layout.elements, 256);
  assert.throws(() => arenaLayout([specs[0], specs[0]]), /"a" appears twice/);
  assert.throws(() => arenaLayout([{ name: "x", shape: [2, 0] }]), /holds nothing/);
});

test("upload and download agree, gaps stay zero, unnamed parameters keep their values", async () => {
  const gpu = await testGpu();
  const layout = arenaLayout(specs);
  using arena = createArena(gpu, layout, "test");
  const host = new Map(layout.slots.map((s) => [s.name, {
    shape: s.shape,
    data: Float32Array.from({ length: s.size }, (_, i) => s.offset + i + 0.5),
  }]));
  arena.upload(host);
  const back = await arena.download();
  assert.equal([...back], [...host]);
  assert.equal(await arena.tensor("d").read(), host.get("d")!.data);
  const whole = new Float32Array((await gpu.readMany([arena]))[0]);
  assert.is(whole.length, 256);
  assert.is(whole.filter((v) => v !== 0).length, 15 + 64 + 1 + 63);

  arena.upload(new Map([["c", { shape: [], data: new Float32Array([9]) }]]));
  assert.equal((await arena.download()).get("b"), host.get("b"));
  arena.fill(1);
  assert.is(new Float32Array((await gpu.readMany([arena]))[0]).reduce((a, b) => a + b), 15 + 64 + 1 + 63);
  arena.zero();
  assert.ok((await arena.tensor("a").read()).every((v) => v === 0));
});

test("an unknown name and a wrong length say what was expected", async () => {
  using arena = createArena(await testGpu(), specs, "weights");
  const data = new Float32Array(14);
  assert.throws(() => arena.tensor("z"), /arena "weights" has no parameter "z"/);
  assert.throws(
    () => arena.upload(new Map([["a", { shape: [14], data }]])),
    /"a" has shape \[3,5\] = 15 elements, the data 14/,
  );
});

test("dispose gives every byte back", async () => {
  const gpu = await testGpu();
  const before = gpu.stats().liveBytes;
  const arena = createArena(gpu, specs, "test");
  assert.ok(gpu.stats().liveBytes > before);
  arena.dispose();
  arena.dispose();
  assert.is(gpu.stats().liveBytes, before);
});

test.run();
