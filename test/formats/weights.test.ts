import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { loadWeights } from "../../src/formats/dialects/load.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { readWeights } from "../../src/formats/weights.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { archive, dict, floats, legacy, ordered, tensor } from "./pth-files.ts";

const test = suite("weight files");

const graph = createModel("resnet8", { width: 0.25 });
const params = initialise(graph, 3);
const stored = new Map(
  [...params].map(([name, { shape, data }]): [string, StoredTensor] => [name, { dtype: "F32", shape, data }]),
);
const saved = ordered(Object.fromEntries(
  [...params].map(([name, { shape, data }], i) => [`module.${name}`, tensor(floats(String(i), [...data]), shape)]),
));
const files = {
  "safetensors": writeSafetensors(stored, { "secateur.mean": "0.5" }),
  "zip checkpoint": archive(dict({ state_dict: saved, epoch: 3 })),
  "legacy checkpoint": legacy(dict({ state_dict: saved, epoch: 3 })),
  "onnx": onnxBytes({ graph, params }),
};
for (const [name, bytes] of Object.entries(files)) {
  test(`${name}: known by its content, whatever the file is called`, () => {
    const { tensors, metadata } = readWeights(bytes, "weights.bin");
    const loaded = loadWeights(graph, tensors, "weights.bin");
    for (const [key, { data }] of params) assert.equal(loaded.get(key)!.data, data, key);
    assert.equal(metadata.mean, name === "safetensors" ? [0.5] : undefined);
  });
}

const others: [what: string, bytes: Uint8Array, message: RegExp][] = [
  ["nothing", new Uint8Array(), /an empty file; expected safetensors/],
  ["a pointer of Git LFS", text("version https://git-lfs.github.com/spec/v1\noid"), /git lfs pull/],
  ["a web page", text("<!DOCTYPE html><html>"), /a web page/],
  ["gzip", Uint8Array.of(0x1f, 0x8b, 8, 0, 0), /gzip; unpack it first/],
  ["anything else", Uint8Array.of(1, 2, 3, 255), /an unknown format, whose first bytes are 01 02 03 ff/],
];
for (const [what, bytes, message] of others) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => readWeights(bytes, "weights.bin"),
      (error: unknown) =>
        error instanceof UserError && message.test(error.message) && error.message.startsWith("weights.bin: "),
    );
  });
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

test.run();
