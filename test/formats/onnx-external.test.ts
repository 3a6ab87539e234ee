/** Numbers in a file beside the ONNX file. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { externalFiles, readExternal } from "../../src/formats/onnx/external.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { DATA_TYPE, type ExternalData } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { denoStore } from "../../src/store/deno.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { complaint, withFolder } from "../data/fixtures.ts";
import { model, node } from "./onnx-models.ts";

const test = suite("onnx external data");

const DATA = new Uint8Array(Float32Array.of(9, 1, 2, 3, 4, 9).buffer);

const file = (external: ExternalData) =>
  writeOnnx(model([node("Mul", ["x", "w"])], {
    initialisers: [{ name: "w", dims: [4, 1, 1], dataType: DATA_TYPE.float, external }],
  }));

test("is read from the folder of the file, at its offset", async () => {
  const bytes = file({ location: "net.onnx.data", offset: 4, length: 16 });
  assert.equal([...externalFiles(bytes, "nets/net.onnx")], [["net.onnx.data", 20]]);
  const store = memoryStore();
  await store.write("nets/net.onnx.data", DATA);
  const external = await readExternal(bytes, "nets/net.onnx", store);
  assert.is(external.get("net.onnx.data")!.length, 20, "no more is read than the tensors take");
  assert.equal([...loadOnnx(bytes, "net.onnx", external).params.get("w")!.data], [1, 2, 3, 4]);
  await store.write("net.onnx.data", DATA);
  assert.equal((await readExternal(bytes, "net.onnx", store)).size, 1, "a file without a folder");
});

test("without a length it is as long as its shape asks, also before another tensor", () => {
  const bytes = file({ location: "d", offset: 4 });
  assert.equal([...externalFiles(bytes, "net.onnx")], [["d", 20]]);
  assert.equal([...loadOnnx(bytes, "net.onnx", new Map([["d", DATA]])).params.get("w")!.data], [1, 2, 3, 4]);
});

test("links out of the folder, pipes and devices are refused before they are opened", () =>
  withFolder(async (dir) => {
    await Deno.mkdir(`${dir}/nets`);
    await Deno.writeFile(`${dir}/data`, DATA);
    await Deno.symlink("../data", `${dir}/nets/outside`);
    await Deno.symlink("/dev/zero", `${dir}/nets/zeros`);
    await new Deno.Command("mkfifo", { args: [`${dir}/nets/pipe`] }).output();
    for (
      const [location, words] of [
        ["outside", "a link on its way leads out of"],
        ["zeros", "it is a pipe or a device"],
        ["pipe", "it is a pipe or a device"],
      ]
    ) {
      const bytes = file({ location, offset: 0 });
      assert.match(await complaint(() => readExternal(bytes, `${dir}/nets/net.onnx`, denoStore())), words);
    }
  }));

test("a file that is missing, or too short, is named", async () => {
  const bytes = file({ location: "net.onnx.data", offset: 16, length: 16 });
  const store = memoryStore();
  const read = () => readExternal(bytes, "net.onnx", store);
  assert.match(await complaint(read), /^net\.onnx: its numbers are in "net\.onnx\.data", which isn't beside it/);
  await store.write("net.onnx.data", DATA);
  assert.match(
    await complaint(read),
    /^net\.onnx: its numbers are the first 32 bytes of "net\.onnx\.data", which has 24/,
  );
  assert.throws(() => loadOnnx(bytes, "net.onnx"), /another file, "net\.onnx\.data", which isn't at hand/);
  assert.throws(() => loadOnnx(bytes, "net.onnx", new Map([["net.onnx.data", DATA]])), /bytes 16 to 32 of .*has 24/);
});

for (const location of ["../secret", "/etc/passwd", "a/../../b", "C:\\b", "", "a//b", "./b"]) {
  test(`a path outside of the folder is refused: ${JSON.stringify(location)}`, () => {
    const bytes = file({ location, offset: 0 });
    assert.throws(() => externalFiles(bytes, "net.onnx"), /expected a file beside this one/);
  });
}

for (const value of [-4, NaN, 2 ** 60, 0.5]) {
  test(`a senseless offset or length is refused: ${value}`, () => {
    const data = new Map([["d", DATA]]);
    for (const wrong of [{ offset: value, length: 16 }, { offset: 0, length: value }]) {
      const bytes = file({ location: "d", ...wrong });
      assert.throws(() => loadOnnx(bytes, "net.onnx", data), /^net\.onnx: tensor "w": its numbers are bytes/);
      assert.throws(() => externalFiles(bytes, "net.onnx"), /^net\.onnx: tensor "w": its numbers are bytes/);
    }
  });
}

test.run();
