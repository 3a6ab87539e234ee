/** Numbers in a file beside the ONNX file. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { externalFiles, readExternal } from "../../src/formats/onnx/external.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { DATA_TYPE, type ExternalData } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { model, node } from "./onnx-models.ts";

const test = suite("onnx external data");

const DATA = new Uint8Array(Float32Array.of(9, 1, 2, 3, 4, 9).buffer);

const file = (external: ExternalData) =>
  writeOnnx(model([node("Mul", ["x", "w"])], {
    initialisers: [{ name: "w", dims: [4, 1, 1], dataType: DATA_TYPE.float, external }],
  }));

test("is read from the folder of the file, at its offset", async () => {
  const bytes = file({ location: "net.onnx.data", offset: 4, length: 16 });
  assert.equal(externalFiles(bytes, "nets/net.onnx"), ["net.onnx.data"]);
  const asked: string[] = [];
  const external = await readExternal(bytes, "nets/net.onnx", (path) => Promise.resolve((asked.push(path), DATA)));
  assert.equal(asked, ["nets/net.onnx.data"]);
  assert.equal([...loadOnnx(bytes, "net.onnx", external).params.get("w")!.data], [1, 2, 3, 4]);
});

test("a file that is missing, or too short, is named", async () => {
  const bytes = file({ location: "net.onnx.data", offset: 16, length: 16 });
  let message = "";
  await readExternal(bytes, "net.onnx", () => Promise.resolve(undefined)).catch((error) => message = error.message);
  assert.match(message, /^net\.onnx: its numbers are in "net\.onnx\.data", which isn't beside it/);
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
  test(`a senseless offset is refused: ${value}`, () => {
    const bytes = file({ location: "d", offset: value, length: 16 });
    assert.throws(() => loadOnnx(bytes, "net.onnx", new Map([["d", DATA]])), /its numbers are bytes|needs 16 bytes/);
  });
}

test.run();
