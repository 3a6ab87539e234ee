/** Images without classes: single files, folders and archives, as a page is given them. */
import { zipSync } from "fflate";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blobFiles, type NamedBlob } from "../../src/data/blob_files.ts";
import { decodeImage } from "../../src/data/images/decode.ts";
import { readUnlabelled, type UnlabelledOptions } from "../../src/data/images/unlabelled.ts";
import { complaint, gzip } from "./fixtures.ts";
import { greyPng } from "./image-files.ts";
import { pngFile } from "../../scripts/png_file.ts";
import { tar } from "../../src/cli/npm/tar_file.ts";

const test = suite("images without classes");

const options: UnlabelledOptions = { shape: [3, 4, 4], most: 100, least: 1, decode: decodeImage };
const blob = (path: string, bytes: Uint8Array<ArrayBuffer> | string): NamedBlob => ({ path, blob: new Blob([bytes]) });
/** Every number of it is `value`. */
const flat = (value: number, side = 4) => pngFile(side, side, () => value);
const read = (files: readonly NamedBlob[], more: Partial<UnlabelledOptions> = {}) =>
  readUnlabelled(blobFiles(files), { ...options, ...more });
const refusal = (files: readonly NamedBlob[], more: Partial<UnlabelledOptions> = {}) =>
  complaint(() => read(files, more));

test("files of any folders come in the byte order of their paths, pixels and channels as they are", async () => {
  const at = (row: number, column: number, channel: number) => 100 * channel + 4 * row + column;
  const { data, notes } = await read([
    blob("b/2.png", await flat(2)),
    blob("readme.txt", "no image"),
    blob("b/.hidden.png", "no image either"),
    blob("a.png", await pngFile(4, 4, at)),
  ]);
  assert.equal([data.count, data.shape, notes], [2, [3, 4, 4], []]);
  assert.equal(
    [...data.images.subarray(0, 48)],
    Array.from({ length: 48 }, (_, i) => 100 * Math.floor(i / 16) + i % 16),
  );
  assert.ok(data.images.subarray(48).every((value) => value === 2));
  assert.equal([...data.labels], [0, 0]);
});

test("archives are read in place, with files beside them, and hold the same images", async () => {
  const files = { "x/1.png": await flat(1), "x/3.png": await flat(3), "x/notes.md": new Uint8Array(9) };
  const packed = tar(Object.entries(files).map(([name, bytes]) => ({ name, bytes })));
  for (
    const archive of [
      blob("a.zip", zipSync(files) as Uint8Array<ArrayBuffer>),
      blob("a.tar", packed),
      blob("a.tgz", await gzip(packed)),
    ]
  ) {
    const { data } = await read([blob("b.png", await flat(7)), archive]);
    assert.equal([0, 1, 2].map((i) => data.images[48 * i]), [1, 3, 7], archive.path);
  }
});

test("at most so many are taken, spread evenly, and only these are decoded", async () => {
  const files = await Promise.all([..."abcdefghij"].map(async (name, i) => blob(`${name}.png`, await flat(10 * i))));
  let decoded = 0;
  const decode: typeof decodeImage = (bytes) => (decoded++, decodeImage(bytes));
  const { data } = await read(files, { most: 4, decode });
  assert.equal([0, 1, 2, 3].map((i) => data.images[48 * i]), [0, 20, 50, 70]);
  assert.is(decoded, 4);
});

test("images of other sizes are resized to a square, and it is told", async () => {
  const { data, notes } = await read([blob("a.png", await flat(9, 7)), blob("b.png", await flat(8))]);
  assert.equal([data.images[0], data.images[48]], [9, 8]);
  assert.equal(notes, ["1 images were resized and cropped to 4×4"]);
  const tall = await refusal([blob("a.png", await flat(9))], { shape: [3, 8, 4] });
  assert.match(tall, /^"a\.png" has 4×4 pixels, expected 4×8/);
});

test("files that can't be decoded are passed over and told, and too few images are refused", async () => {
  const files = [blob("a.png", await flat(1)), blob("bad.jpg", "nonsense")];
  const { data, notes } = await read(files);
  assert.is(data.count, 1);
  assert.is(notes.length, 1);
  assert.match(notes[0], /^1 of 2 images can't be decoded, such as "bad\.jpg": found /);
  const few = await refusal(files, { least: 8 });
  assert.match(few, /^found 1 images, expected 8 at least: .*"bad\.jpg": found /);
});

test("no images, formats that aren't read and archives of other kinds are refused in one line", async () => {
  const told = await Promise.all([
    refusal([]),
    refusal([blob("notes.txt", "")]),
    refusal([blob("a.webp", "")]),
    refusal([blob("cifar.tar.xz", "")]),
    refusal([blob("cut.zip", "PK")]),
    refusal([blob("cut.tar", "PK")]),
    refusal([blob("grey.png", Uint8Array.fromBase64(greyPng.base64))], { shape: [4, 4, 4] }),
    refusal([blob("colours.png", await flat(1))], { shape: [1, 4, 4] }),
  ]);
  const expected = [
    /^the images: found no PNG or JPEG files/,
    /^notes\.txt: found no PNG or JPEG files/,
    /a\.webp is of a format that isn't read, expected PNG or JPEG/,
    /^cifar\.tar\.xz: is of a kind that isn't unpacked here: unpack it/,
    /^cut\.zip: not a whole zip file/,
    /^cut\.tar: /,
    /takes images of 4 channels, expected 1 or 3/,
    /"colours\.png" has colours, and the network takes one channel/,
  ];
  told.forEach((line, i) => {
    assert.match(line, expected[i]);
    assert.not.match(line, /\n/);
  });
});

test("reading stops when it is told to", async () => {
  const controller = new AbortController();
  const files = await Promise.all([1, 2, 3].map(async (value) => blob(`${value}.png`, await flat(value))));
  const reading = read(files, { signal: controller.signal, onImages: () => controller.abort() });
  const error = await reading.then(() => undefined, (error) => error);
  assert.is(error?.name, "AbortError");
});

test.run();
