/** NumPy's files: the numbers of each type that is read, and damaged files named for what is wrong. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { readNpy } from "../../src/formats/npy.ts";
import { npy } from "./npy_file.ts";

const test = suite("npy");

test("each type, shape and version comes back", () => {
  const read = (...args: Parameters<typeof npy>) => {
    const { type, shape, data } = readNpy(npy(...args), "a.npy");
    return [type, shape, [...data]];
  };
  assert.equal(read("<f4", "(2, 3)", Float32Array.of(1, 2, 3, 4, 5, -0.5)), ["float", [2, 3], [1, 2, 3, 4, 5, -0.5]]);
  assert.equal(read("<f8", "(2,)", Float64Array.of(0.1, 1e-300)), ["float", [2], [0.1, 1e-300]]);
  assert.equal(read("<i4", "(1, 2)", Int32Array.of(-7, 8)), ["integer", [1, 2], [-7, 8]]);
  assert.equal(read("<i8", "()", BigInt64Array.of(-9n), { version: 2 }), ["integer", [], [-9]]);
});

test("what is wrong with a file is named", () => {
  const refusal = (bytes: Uint8Array): string => {
    try {
      readNpy(bytes, "in.npy");
    } catch (error) {
      assert.instance(error, UserError);
      return (error as Error).message;
    }
    throw new Error("it was read");
  };
  const whole = npy("<f4", "(3,)", Float32Array.of(1, 2, 3));
  assert.is(refusal(new Uint8Array(40)), "in.npy: isn't a .npy file of NumPy");
  assert.is(refusal(whole.subarray(0, 11)), "in.npy: isn't a .npy file of NumPy");
  assert.is(
    refusal(whole.subarray(0, 20)),
    "in.npy: its header of 64 bytes ends beyond the file's 20".replace("64", "128"),
  );
  assert.is(refusal(whole.subarray(0, whole.length - 1)), "in.npy: [3] needs 12 bytes, the file has 11");
  assert.match(refusal(npy(">f4", "(1,)", Float32Array.of(1))), /type ">f4", expected <f4, <f8, <i4, <i8/);
  assert.match(refusal(npy("|O", "(1,)", Float32Array.of(1))), /type "\|O"/);
  assert.is(refusal(npy("<f4", "(1, 1)", Float32Array.of(1), { order: "True" })), "in.npy: isn't in C order");
});

test.run();
