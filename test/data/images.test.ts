import { suite } from "uvu";
import * as assert from "uvu/assert";
import fc from "fast-check";
import { compareBytes } from "../../src/data/images/arrange.ts";
import { decodeImage } from "../../src/data/images/decode.ts";
import type { Picture } from "../../src/data/images/picture.ts";
import { readHeader } from "../../src/data/images/header.ts";
import { createDecoder } from "../../src/data/images/pool.ts";
import { resizeAndCrop } from "../../src/data/images/resize.ts";
import { sha256 } from "../../src/formats/sha256.ts";
import { alphaPng, bitPng, cmykJpeg, deepPng, greyAlphaPng, greyPng, jpegFile } from "./image-files.ts";

const test = suite("images");

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const text = (content: string) => new TextEncoder().encode(content);

/** The picture that the sample files hold, at any size. */
function picture(height: number, width: number): Picture {
  const planes = Uint8Array.from({ length: 3 * height * width }, (_, i) => {
    const [c, y, x] = [Math.floor(i / height / width), Math.floor(i / width) % height, i % width];
    return 37 * x * x + 91 * y + 53 * c * x + 11 * x * y * y;
  });
  return { height, width, planes, grey: false };
}

async function refusal(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return await decodeImage(bytes).then(() => "nothing", (error) => error.message);
}

test("JPEG and PNG give the pixels that Pillow reads, with colour subsampling, palettes of bits, grey and alpha", async () => {
  for (
    const [file, grey] of [[jpegFile, false], [greyPng, true], [greyAlphaPng, true], [alphaPng, false], [
      bitPng,
      true,
    ]] as const
  ) {
    const decoded = await decodeImage(bytesOf(file.base64));
    assert.equal([decoded.height, decoded.width, decoded.grey], [13, 11, grey]);
    assert.is((await sha256(decoded.planes)).slice(0, file.sha256.length), file.sha256);
  }
  assert.equal((await decodeImage(bytesOf(alphaPng.base64))).planes, picture(13, 11).planes);
});

test("a view into a larger buffer decodes as itself", async () => {
  const file = bytesOf(jpegFile.base64);
  const large = new Uint8Array(file.length + 20).fill(7);
  large.set(file, 9);
  const decoded = await decodeImage(large.subarray(9, 9 + file.length));
  assert.is(await sha256(decoded.planes), jpegFile.sha256);
});

test("what isn't a PNG or JPEG of 8 bits is told by name", async () => {
  const jpeg = bytesOf(jpegFile.base64);
  const png = bytesOf(greyPng.base64);
  for (
    const [bytes, said] of [
      [bytesOf(cmykJpeg), "CMYK"],
      [bytesOf(deepPng), "PNG of 16 bits"],
      [text("label,file\n"), "a text file"],
      [text("<!DOCTYPE html><html>"), "a web page"],
      [text("GIF89a…"), "a GIF image"],
      [text("RIFF1234WEBP"), "a WebP image"],
      [new Uint8Array(0), "an empty file"],
      [new Uint8Array(64), "bytes of no image format"],
      [png.slice(0, 20), "cut off"],
      [png.slice(0, png.length - 30), "PNG that is cut off or damaged"],
      [jpeg.slice(0, 100), "cut off"],
      [jpeg.slice(0, jpeg.length - 40), "JPEG that is cut off"],
    ] as const
  ) {
    const message = await refusal(bytes);
    assert.ok(message.includes(said), `${said}: ${message}`);
  }
  // What broke before must not spoil what follows.
  assert.is(await sha256((await decodeImage(jpeg)).planes), jpegFile.sha256);
});

test("damaged files are refused or decoded, never a crash", async () => {
  const files = [bytesOf(jpegFile.base64), bytesOf(greyPng.base64)];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1 }),
      async (file, changes) => {
        const bytes = file.slice();
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const before = readHeader(bytes);
        const message = await refusal(bytes);
        assert.ok(message === "nothing" || message.startsWith("found "), `${JSON.stringify(before)}: ${message}`);
      },
    ),
    { numRuns: 150 },
  );
});

/** From Pillow 9.4: `resize` to the shorter side with BILINEAR, then a crop as torchvision's CenterCrop. */
const RESIZED = [
  [13, 11, { 8: "0db6f75a51885691", 11: "8a9ebf62dfeaa604", 20: "57218350eca140d1", 32: "8b8d797099dd292c" }],
  [11, 13, { 8: "5ba7f75f30889ec4", 11: "1ac866525a263dfd", 20: "2eef93f6fa637255", 32: "9da19d67f2a598fd" }],
  [40, 33, { 8: "7a017ba03c253494", 11: "5cbc41cd8b98de11", 20: "04057ad5ffbca232", 32: "247fa5c66cb339d8" }],
  [7, 29, { 8: "f51288ce78936db8", 11: "031f175f4cf9651c", 20: "05e22e814d8a4260", 32: "610687f4d0116f11" }],
  [32, 32, { 8: "8f69910df21ecb35", 11: "380425f7284a1e44", 20: "1e321fc580073766", 32: "ad95dfece2a5e82e" }],
] as const;

test("resizing and cropping give Pillow's bytes", async () => {
  for (const [height, width, sizes] of RESIZED) {
    for (const [size, expected] of Object.entries(sizes)) {
      const { planes, ...found } = resizeAndCrop(picture(height, width), Number(size));
      assert.equal([found.height, found.width], [Number(size), Number(size)]);
      assert.is((await sha256(planes)).slice(0, 16), expected, `${height}×${width} to ${size}`);
    }
  }
});

test("paths are ordered by their UTF-8 bytes", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
    const [x, y] = [text(a), text(b)];
    const at = x.findIndex((byte, i) => byte !== y[i]);
    const expected = at < 0 ? x.length - y.length : at >= y.length ? 1 : x[at] - y[at];
    assert.is(Math.sign(compareBytes(a, b)), Math.sign(expected));
  }));
});

test("a good image decodes after any number of damaged ones in its thread", async () => {
  using decoder = createDecoder(undefined, 1);
  const whole = bytesOf(alphaPng.base64);
  for (let batch = 0; batch < 40; batch++) {
    const damaged = Array.from({ length: 50 }, () => whole.slice(0, 100));
    const last = (await decoder.decode([...damaged, whole.slice()])).at(-1)!;
    assert.ok(typeof last !== "string", `in batch ${batch}: ${last}`);
  }
});

test.run();
