import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readTar } from "../../src/data/tar.ts";
import { gunzipStream, unpack } from "../../src/data/unpack.ts";
import { tar } from "../../src/cli/npm/tar_file.ts";
import { complaint, gzip } from "./fixtures.ts";

const test = suite("archives' streams");
const bytes = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
/** Numbers that don't pack. */
const noise = Uint8Array.from({ length: 100_000 }, (_, i) => 256 * (43758.5453 * Math.sin(i) % 1));

function read(packed: Uint8Array<ArrayBuffer>, most = 1e9) {
  const options = { file: "a.gz", size: packed.length, most, format: "gzip", decompress: gunzipStream };
  return Array.fromAsync(unpack(new Blob([packed]).stream(), options));
}

test("what is packed comes back, and nothing of it where it unpacks to more than it may", async () => {
  const packed = await gzip(noise);
  const whole = new Uint8Array(await new Blob(await read(packed) as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  assert.equal(whole, noise);
  assert.is((await read(packed, noise.length)).length > 0, true);
  const message = await complaint(() => read(packed, 50_000));
  assert.match(message, /^a\.gz: its first \d+ of 100\d+ bytes unpack to more than 50000: unpack it into a folder/);
  assert.ok(Number(/first (\d+)/.exec(message)![1]) < 70_000, message);
});

test("damage is named with the place where it shows", async () => {
  const packed = await gzip(noise);
  const damaged = packed.slice();
  damaged.fill(0, 40_000, 40_200);
  for (
    const [wrong, from, to] of [
      [damaged, 40_000, packed.length],
      [packed.slice(0, 60_000), 60_000, 60_000],
      [packed.slice(0, 5), 5, 5],
    ] as const
  ) {
    const message = await complaint(() => read(wrong));
    const place = /^a\.gz: found no whole gzip data near byte (\d+) of (\d+) /.exec(message);
    assert.ok(place && Number(place[1]) >= from && Number(place[1]) <= to, message);
    assert.is(Number(place![2]), wrong.length);
  }
});

/** The files of an archive that comes in chunks of so many bytes. */
async function filesOf(archive: Uint8Array, chunk: number): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  async function* chunks() {
    for (let at = 0; at < archive.length; at += chunk) yield await Promise.resolve(archive.subarray(at, at + chunk));
  }
  await readTar(chunks(), "a.tar", {
    wants: (path, size) => (found[path] = String(size), path !== "no"),
    file: (path, content) => found[path] = new TextDecoder().decode(content),
    folder: (path) => found[`${path}/`] = "",
  });
  return found;
}

test("long names of both kinds, folders and sizes are read, however the stream is cut into chunks", async () => {
  const long = "folder/".repeat(30) + "ä.png";
  const record = (key: string, value: string) => {
    const rest = bytes(` ${key}=${value}\n`).length;
    const length = [2, 3, 4].map((digits) => rest + digits).find((n, i) => String(n).length === i + 2)!;
    return `${length} ${key}=${value}\n`;
  };
  const archive = tar([
    { name: "global", type: "g", bytes: bytes(record("comment", "by git")) },
    { name: "d/", type: "5" },
    { name: "a", bytes: bytes("one") },
    { name: "pax", type: "x", bytes: bytes(record("mtime", "1.5") + record("path", long)) },
    { name: "cut", bytes: bytes("two") },
    { name: "././@LongLink", type: "L", bytes: bytes(`${long}2\0`) },
    { name: "cut", bytes: bytes("three") },
    { name: "no", bytes: noise.slice(0, 700) },
    { name: "empty" },
  ]);
  const expected = { "d/": "", a: "one", [long]: "two", [`${long}2`]: "three", no: "700", empty: "" };
  for (const chunk of [1, 7, 511, 512, 513, 100_000]) assert.equal(await filesOf(archive, chunk), expected);
});

test("a damaged header and a stream that ends too early are named with their place", async () => {
  const archive = tar([{ name: "a", bytes: bytes("one") }, { name: "b", bytes: noise.slice(0, 2000) }]);
  const damaged = archive.slice();
  damaged[1024 + 150] ^= 1;
  for (
    const [wrong, said] of [
      [damaged, /^a\.tar: no whole tar archive: at byte 1024 of it: Invalid tar header/],
      [archive.slice(0, 1800), /^a\.tar: is cut off after 1800 bytes/],
      [archive.slice(0, 3584), /^a\.tar: is cut off after 3584 bytes/],
      [new Uint8Array(), /^a\.tar: is cut off after 0 bytes/],
      [tar([{ name: "x", type: "x", size: 70_000 }]), /holds a pax-header of 70000 bytes, expected at most 65536/],
      [tar([{ name: "pax", type: "x", bytes: bytes("12 size=0.5\n") }, { name: "a" }]), /"a" has 0\.5 bytes, expected/],
      [tar([{ name: "a", size: 2 ** 28 + 1 }]), /"a" has 268435457 bytes, expected at most 268435456/],
    ] as const
  ) assert.match(await complaint(() => filesOf(wrong, 4096)), said);
});

test.run();
