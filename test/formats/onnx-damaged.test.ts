/** Damaged ONNX files: one clear line or a correct model, quickly. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { importOnnx, loadOnnx } from "../../src/formats/onnx/import.ts";
import { readOnnx } from "../../src/formats/onnx/read.ts";
import { DATA_TYPE, type OnnxNode, type OnnxTensor } from "../../src/formats/onnx/types.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { randomModel } from "../generate/graphs.ts";
import { int64, model, node } from "./onnx-models.ts";

const test = suite("onnx damaged");

const whole = Array.from({ length: 8 }, (_, seed) => onnxBytes(randomModel(seed)));

test("mutated files load or are refused", () => {
  const outcomes = { read: 0, refused: 0 };
  const share = fc.noBias(fc.nat(2 ** 20 - 1)).map((n) => n / 2 ** 20);
  const change = fc.record({ at: share, byte: fc.nat(255) });
  const file = fc.record({
    which: fc.nat(whole.length - 1),
    changes: fc.array(change, { minLength: 1, maxLength: 3 }),
    // The front is structure, the end numbers.
    reach: fc.constantFrom(0.2, 1),
    kept: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: share }),
  });
  fc.assert(
    fc.property(file, ({ which, changes, reach, kept }) => {
      const bytes = whole[which].slice(0, Math.ceil(kept * whole[which].length));
      for (const { at, byte } of changes) bytes[Math.floor(at * reach * bytes.length)] = byte;
      outcomes[failure(bytes) ? "refused" : "read"]++;
    }),
    { numRuns: 800, seed: 11 },
  );
  assert.ok(outcomes.refused > 200 && outcomes.read > 40, JSON.stringify(outcomes));
});

test("random bytes are refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      assert.ok(failure(bytes));
    }),
    { numRuns: 300, seed: 2 },
  );
});

test("a length beyond the end is refused before anything is allocated", () => {
  // Field 7, the graph, of 2^50 bytes.
  const bytes = Uint8Array.of(0x08, 8, 0x3a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02);
  assert.match(failure(bytes)!.message, /^model\.onnx: not a whole ONNX file: 1125899906842624 bytes promised/);
  assert.match(failure(whole[0].slice(0, -9))!.message, /promised at byte|not a whole/);
});

const refusedTensors: [what: string, tensor: Partial<OnnxTensor>, message: RegExp][] = [
  [
    "too few bytes",
    { dims: [1000, 1000], raw: new Uint8Array(8) },
    /\[1000,1000\] needs 4000000 bytes, the file has 8/,
  ],
  ["absurd sizes", { dims: [2 ** 40, 2 ** 40], raw: new Uint8Array(8) }, /needs .* bytes/],
  ["too few numbers", { dims: [3], floats: [1] }, /\[3\] needs 3 numbers, the file has 1/],
  ["negative sizes", { dims: [-1], floats: [1] }, /has the shape \[-1\]/],
  [
    "another file",
    { dims: [4], external: { location: "w.bin", offset: 0 } },
    /"w": its numbers are in another file, "w.bin"/,
  ],
  ["an unknown type", { dims: [4], dataType: 99 }, /"w": data type 99 isn't supported/],
];
for (const [what, tensor, message] of refusedTensors) {
  test(`refuses a tensor with ${what}`, () => {
    const w: OnnxTensor = { name: "w", dataType: DATA_TYPE.float, dims: [], ...tensor };
    assert.throws(
      () => importOnnx(model([node("Mul", ["x", "w"])], { initialisers: [w] })),
      (error: unknown) => error instanceof UserError && message.test(error.message),
    );
  });
}

test("a small file can't ask for much memory", () => {
  const doubled: OnnxNode[] = [node("Concat", ["seed", "seed"], "c0", { axis: 0 })];
  for (let i = 1; i < 60; i++) doubled.push(node("Concat", [`c${i - 1}`, `c${i - 1}`], `c${i}`, { axis: 0 }));
  const last = node("Reshape", ["x", "c59"]);
  const seed = int64("seed", [0, 4]);
  const filled = [node("ConstantOfShape", ["seed"], "filled"), node("Mul", ["x", "filled"])];
  for (
    const [nodes, initialiser] of [
      [[...doubled, last], seed],
      [filled, int64("seed", [2 ** 30, 2 ** 20])],
    ] as const
  ) {
    assert.throws(() => importOnnx(model(nodes, { initialisers: [initialiser] })), /numbers from constants/);
  }
});

/** The error of loading, checked to be a user's single line; undefined where the file could be loaded. */
function failure(bytes: Uint8Array): UserError | undefined {
  try {
    validateModel(loadOnnx(bytes, "model.onnx"));
    readOnnx(bytes, "model.onnx");
  } catch (error) {
    assert.instance(error, UserError, (error as Error).stack);
    assert.not.match((error as UserError).message, /\n/);
    return error as UserError;
  }
}

test.run();
