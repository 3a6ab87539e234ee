/** Files that a recipe names go through the store, with those that they have their numbers in. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readExternal } from "../../src/formats/onnx/external.ts";
import { DATA_TYPE } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { keepFile, withFiles } from "../../src/sweep/keep_file.ts";
import { openResults } from "../../src/sweep/results.ts";
import { complaint } from "../data/fixtures.ts";
import { model, node } from "../formats/onnx-models.ts";

const test = suite("sweep/files of recipes");

test("a machine without them reads them from the store, numbers beside them included, and each content once", async () => {
  const path = "/home/ada/net.onnx";
  const network = writeOnnx(model([node("Mul", ["x", "w"])], {
    initialisers: [{
      name: "w",
      dims: [4, 1, 1],
      dataType: DATA_TYPE.float,
      external: { location: "net.data", offset: 0, length: 16 },
    }],
  }));
  const numbers = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5).buffer);
  const [own, shared] = [memoryStore(), openResults(memoryStore(), "store")];
  await own.write(path, network);
  assert.match(
    await complaint(() => keepFile(own, shared, path)),
    /its numbers are in "net\.data", which isn't beside it/,
  );
  await own.write("/home/ada/net.data", numbers);
  const files = await keepFile(own, shared, path);
  assert.equal(Object.keys(files), [path, "/home/ada/net.data"]);

  let asked = 0;
  const results = { get: (hash: string) => (asked++, shared.get(hash)) };
  const there = memoryStore();
  await there.write(path, new TextEncoder().encode("another network, at the same path"));
  await there.write("/home/ada/else", numbers);
  const store = withFiles(files, { store: there, results, contents: new Map() });
  const bytes = (await store.read(path))!;
  assert.equal(bytes, network);
  assert.equal((await readExternal(bytes, path, store)).get("net.data"), numbers.slice(0, 16));
  assert.equal(await store.read("/home/ada/else"), numbers, "others are the machine's own");
  await store.read(path);
  assert.is(asked, 2);
  const lost = withFiles(files, {
    store: there,
    results: { get: () => Promise.resolve(undefined) },
    contents: new Map(),
  });
  assert.match(await complaint(() => lost.read(path)), /net\.onnx: its content is missing in the store/);
  assert.match(await complaint(() => keepFile(own, shared, "/nowhere.pth")), /no such file; the recipe names it/);
});

test.run();
