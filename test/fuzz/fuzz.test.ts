import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describeFailure, fuzz } from "./fuzz.ts";
import { load } from "./load.ts";
import { makeCase } from "./mutate.ts";
import { onnxFiles, safetensorsFiles } from "./seeds.ts";

const test = suite("fuzz");

test("mutated files load or are refused clearly, in time, in memory, and without a permission", async () => {
  const { loaded, refused, failures } = await fuzz({ seed: 1, from: 0, count: 400 });
  assert.is(failures.map(describeFailure).join("\n\n"), "");
  assert.ok(loaded > 10 && refused > 200, `${loaded} loaded, ${refused} refused`);
});

test("a case is made again from its seed and number", () => {
  for (let number = 0; number < 8; number++) {
    assert.equal(makeCase(5, number), makeCase(5, number));
    assert.not.equal(makeCase(5, number).bytes, makeCase(6, number).bytes);
  }
});

test("the files that mutations begin with all load", () => {
  for (const bytes of onnxFiles) assert.is(load({ kind: "onnx", bytes }), "loaded");
  assert.is(load({ kind: "safetensors", bytes: safetensorsFiles[0] }), "loaded");
});

test("what is neither a load nor a UserError counts as a failure", () => {
  assert.throws(() => load({ kind: "onnx", bytes: null as unknown as Uint8Array }), /null/);
});

test.run();
