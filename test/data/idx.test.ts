import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readIdx } from "../../src/data/idx.ts";
import { fashionMnist, mnist, type MnistFile, mnistFiles, mnistSplits, type NamedBytes } from "../../src/data/mnist.ts";
import { complaint, gzip, idx, tinyMnist } from "./fixtures.ts";

const test = suite("idx");
const file = "some/file";
const good = idx([2, 3, 4], Uint8Array.from({ length: 24 }, (_, i) => i));

test("dimensions and values are read, gzipped or not", async () => {
  for (const bytes of [good, await gzip(good)]) {
    const { dims, data } = await readIdx(bytes, 3, file);
    assert.equal(dims, [2, 3, 4]);
    assert.equal([...data], [...Array(24).keys()]);
  }
});

test("a file in the middle of a buffer is read", async () => {
  const padded = new Uint8Array(good.length + 5);
  padded.set(good, 5);
  assert.equal((await readIdx(padded.subarray(5), 3, file)).dims, [2, 3, 4]);
});

const says = async (bytes: Uint8Array<ArrayBuffer>, ...words: string[]) => {
  const message = await complaint(() => readIdx(bytes, 3, file));
  for (const word of [file, "found", "expected", ...words]) assert.ok(message.includes(word), `${word}: ${message}`);
};

test("a wrong magic number is refused", async () => {
  await says(idx([24], new Uint8Array(24)), "0x00000801", "0x00000803");
  const float = good.slice();
  float[2] = 0x0d;
  await says(float, "0x00000d03");
});

test("a header or values that are cut off, and values too many, are refused", async () => {
  await says(new Uint8Array(0), "0 bytes", "16");
  await says(good.slice(0, 10), "10 bytes", "16");
  await says(good.slice(0, 39), "39 bytes", "40", "2×3×4", "cut off");
  await says(idx([2, 3, 4], new Uint8Array(25)), "41 bytes", "too long");
});

test("dimensions that promise more than memory holds are refused before anything is allocated", async () => {
  await says(idx([0xffffffff, 0xffffffff, 0xffffffff], new Uint8Array(4)), "cut off");
});

test("gzip that is corrupt, cut off or padded is refused", async () => {
  const packed = await gzip(good);
  const flipped = packed.slice();
  flipped[flipped.length - 6] ^= 0xff;
  await says(flipped, "gzip");
  await says(packed.slice(0, packed.length - 9), "gzip");
  await says(packed.slice(0, 12), "gzip");
  const padded = new Uint8Array(packed.length + 3).fill(7);
  padded.set(packed);
  await says(padded, "gzip");
});

const splitsOf = (change: Partial<Record<MnistFile, Uint8Array<ArrayBuffer>>>) => {
  const bytes = { ...tinyMnist(), ...change } as Record<MnistFile, Uint8Array<ArrayBuffer>>;
  const files = Object.fromEntries(mnistFiles.map((name) => [name, { file: `dir/${name}`, bytes: bytes[name] }]));
  return mnistSplits(mnist, files as Record<MnistFile, NamedBytes>);
};

test("images and labels that don't belong together are refused", async () => {
  const message = await complaint(() => splitsOf({ "train-labels-idx1-ubyte": idx([119], new Uint8Array(119)) }));
  for (const word of ["dir/train-labels-idx1-ubyte", "119", "120", "dir/train-images-idx3-ubyte"]) {
    assert.ok(message.includes(word), message);
  }
});

test("labels out of range are refused", async () => {
  const labels = new Uint8Array(40);
  labels[17] = 10;
  const message = await complaint(() => splitsOf({ "t10k-labels-idx1-ubyte": idx([40], labels) }));
  for (const word of ["dir/t10k-labels-idx1-ubyte", "label 10", "position 17", "0 to 9"]) {
    assert.ok(message.includes(word), message);
  }
});

test("images of another size, or none at all, are refused", async () => {
  const wide = await complaint(() =>
    splitsOf({ "t10k-images-idx3-ubyte": idx([40, 28, 29], new Uint8Array(40 * 812)) })
  );
  assert.ok(wide.includes("28×29") && wide.includes("28×28"), wide);
  const none = await complaint(() => splitsOf({ "t10k-images-idx3-ubyte": idx([0, 28, 28], new Uint8Array(0)) }));
  assert.ok(none.includes("0 images"), none);
});

test("images are normalised with the published constants", async () => {
  const { train, validation } = await splitsOf({});
  assert.equal(train.normalization, { scale: 255, mean: [0.1307], std: [0.3081] });
  assert.equal(validation.normalization, train.normalization);
  assert.equal(fashionMnist.normalization, { scale: 255, mean: [0.286], std: [0.353] });
  assert.is(train.count + validation.count, 120);
  assert.is(validation.count, 10);
});

test.run();
