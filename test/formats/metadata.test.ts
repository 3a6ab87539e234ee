import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { formatMetadata, type ModelMetadata, parseMetadata } from "../../src/formats/metadata.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { readOnnx } from "../../src/formats/onnx/read.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";

const test = suite("model metadata");

test("what is written is read back to the same bits, whatever stands beside it", () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0); // -0 is written as 0
  const some = { minLength: 1, maxLength: 4 };
  const metadata = fc.record({
    mean: fc.array(number, some),
    std: fc.array(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), some),
    size: fc.tuple(fc.integer({ min: 1 }), fc.integer({ min: 1 })),
    classes: fc.array(fc.string(), some),
  }, { requiredKeys: [] });
  fc.assert(fc.property(metadata, (given) => {
    const read = parseMetadata({ ...formatMetadata(given as ModelMetadata), other: "x" }, "m");
    assert.equal(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(given)));
  }));
});

test("ONNX files carry it", () => {
  const graph = createModel("digits", { width: 0.25 });
  const texts = formatMetadata({ mean: [0.5], std: [0.25], size: [8, 8], classes: ["0", 'é, "x"'] });
  const bytes = onnxBytes({ graph, params: initialise(graph, 1) }, texts);
  const found = Object.fromEntries(readOnnx(bytes, "m").properties.map(({ key, value }) => [key, value]));
  assert.equal(found, texts);
});

test("one number as size is a square; what makes no sense is named", () => {
  assert.equal(parseMetadata({ "secateur.size": "32" }, "m").size, [32, 32]);
  for (
    const [key, text] of [
      ["mean", "0.5,"],
      ["mean", "half"],
      ["std", "0"],
      ["std", "1,-1"],
      ["size", "3.5"],
      ["size", "1,2,3"],
      ["size", "0"],
      ["classes", "a,b"],
      ["classes", "[1]"],
    ]
  ) {
    assert.throws(
      () => parseMetadata({ [`secateur.${key}`]: text }, "m.onnx"),
      (error: unknown) =>
        error instanceof UserError && error.message.startsWith(`m.onnx: its metadata secateur.${key} is `),
    );
  }
});

test.run();
