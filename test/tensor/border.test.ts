import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { borderBias } from "../../src/tensor/ops/border.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { testGpu } from "../gpu.ts";
import { checkOp } from "./check_op.ts";

const test = suite("border bias");

const CASES = [
  { shape: [2, 3, 5, 5], table: [3, 3, 3], rows: [0, 1, 1, 1, 2], cols: [0, 1, 1, 1, 2] },
  { shape: [3, 2, 4, 7], table: [2, 2, 4], rows: [1, 0, 0, 1], cols: [3, 0, 0, 1, 1, 0, 2] },
  { shape: [1, 1, 1, 1], table: [1, 1, 1], rows: [0], cols: [0] },
  { shape: [40, 2, 3, 4], table: [2, 1, 2], rows: [0, 0, 0], cols: [0, 1, 1, 0] },
];

for (const { shape, table, rows, cols } of CASES) {
  test(`of [${shape}] with a table [${table}], mid-graph`, () => {
    const [, channels, h, w] = shape;
    return checkOp({
      name: "border bias",
      keepsTables: true,
      shapes: [shape, table],
      shape,
      op: (tape, [x, t]) => borderBias(tape, x, t, rows, cols),
      oracle: ([x, t]) =>
        x.map((v, k) => {
          const f = Math.floor(k / (h * w)) % channels;
          return v + t[(f * table[1] + rows[Math.floor(k / w) % h]) * table[2] + cols[k % w]];
        }),
    });
  });
}

test("index lists that don't fit are refused", async () => {
  using tape = new Tape(await testGpu(), "eval");
  const x = tape.empty([1, 2, 3, 3]);
  const table = tape.empty([2, 2, 2]);
  const refused = (rows: number[], cols: number[]) =>
    assert.throws(() => borderBias(tape, x, table, rows, cols), (e: Error) => e instanceof UserError);
  refused([0, 1], [0, 1, 1]);
  refused([0, 1, 2], [0, 1, 1]);
});

test.run();
