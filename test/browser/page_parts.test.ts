/** The phone page's parts that need no page: ink to numbers, records in links, names of devices. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { beginRecord, type DeviceRecord } from "../../src/report/devices/record.ts";
import type { KernelTime } from "../../src/measure/session/types.ts";
import { countInk } from "../../src/web/ink.ts";
import { denseOf, kernelKind } from "../../src/web/kernel_kinds.ts";
import { sharedRecord, shareLink } from "../../src/web/share.ts";
import { cleanName, deviceName } from "../../src/web/state/device_name.ts";

const test = suite("parts of the phone page");
const SIDE = 64;
const inside = (from: number, to: number) => fc.integer({ min: from, max: to });

test("a drawing's grid has 64 values of 0 to 16, and doesn't depend on where it was drawn", () => {
  const strokes = fc.array(fc.tuple(inside(0, 31), inside(0, 31)), { minLength: 1, maxLength: 60 });
  fc.assert(fc.property(strokes, inside(0, 32), inside(0, 32), (points, dx, dy) => {
    const ink = new Set(points.map(([x, y]) => `${x},${y}`));
    const here = countInk((x, y) => ink.has(`${x},${y}`), SIDE)!;
    const there = countInk((x, y) => ink.has(`${x - dx},${y - dy}`), SIDE)!;
    assert.is(here.length, 64);
    assert.ok(here.every((value) => Number.isInteger(value) && value >= 0 && value <= 16));
    assert.equal(there, here);
  }));
});

test("a filled square fills all blocks but for the margin, and nothing is nothing", () => {
  assert.is(countInk(() => false, SIDE), undefined);
  // 30 of the 32 points across are ink: 0.94 of the square.
  const grid = countInk((x, y) => x >= 10 && x < 40 && y >= 20 && y < 50, SIDE)!;
  assert.equal(grid.slice(0, 8), [9, 12, 12, 12, 12, 12, 12, 9]);
  assert.equal(grid.slice(8, 16), [12, 16, 16, 16, 16, 16, 16, 12]);
});

test("a bar that stands is in the middle columns, one that lies in the middle rows", () => {
  const standing = countInk((x, y) => x >= 30 && x < 34 && y >= 8 && y < 56, SIDE)!;
  const lying = countInk((x, y) => y >= 30 && y < 34 && x >= 8 && x < 56, SIDE)!;
  for (let row = 0; row < 8; row++) {
    for (let column = 0; column < 8; column++) {
      const middle = column === 3 || column === 4;
      assert.is(standing[8 * row + column] > 0, middle, `row ${row}, column ${column}`);
      assert.is(lying[8 * column + row], standing[8 * row + column]);
    }
  }
});

const record = (layers = 0): DeviceRecord => ({
  ...beginRecord({
    tool: "secateur 0.1.0",
    session: "0123456789abcdef",
    name: "pixel-8",
    runtime: { userAgent: "…/ü", cores: 8, isolated: true },
    backend: "webgpu",
    protocol: { mode: "burst", seconds: 1, batches: [1] },
  }, new Date(0)),
  layers: Array.from({ length: layers }, (_, i) => ({
    network: "net",
    variant: "dense",
    batch: 1,
    layer: `layer ${i} ${Math.sin(i)}`,
    op: "Conv",
    macs: i,
    medianMs: Math.abs(Math.sin(i * i)),
    ofWhole: 0.1,
  })),
});
const page = new URL("https://192.168.1.7:8443/#t=secret");

test("a link holds the record, and not the token", async () => {
  const link = (await shareLink(record(3), page))!;
  assert.not.match(link.href, /secret/);
  assert.equal(await sharedRecord(link.hash), record(3));
  assert.is(await sharedRecord("#t=secret"), undefined);
});

test("a record that is too long for a link goes without its layers", async () => {
  const link = (await shareLink(record(1500), page))!;
  assert.ok(link.href.length < 16_100);
  assert.equal(await sharedRecord(link.hash), record());
});

test("a damaged link is refused in a sentence", async () => {
  const { hash } = (await shareLink(record(3), page))!;
  for (const damaged of [hash.slice(0, hash.length / 2), `${hash.slice(0, 30)}%${hash.slice(31)}`, "#r=", "#r=AAAA"]) {
    const told = await sharedRecord(damaged).then(() => "nothing", (error: Error) => error.message);
    assert.match(told, /^the link's record: /, `${damaged.slice(-40)} gives ${told}`);
  }
});

test("devices have names that can be files'", () => {
  const chrome = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile";
  assert.is(deviceName(chrome, "Pixel 8"), "pixel-8-chrome");
  assert.is(deviceName(chrome), "android-chrome");
  assert.is(
    deviceName("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Version/26.1 Safari/604.1"),
    "iphone-safari",
  );
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.match(cleanName(text), /^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/);
  }));
});

test("the dense product is no block-sparse kernel, and only block-sparse ones are held against it", () => {
  const kernel = (family: KernelTime["family"], density: number, medianMs: number): KernelTime => ({
    family,
    shape: "256×256×256",
    density,
    medianMs,
    madMs: 0.01,
    samples: 7,
    gflops: 1,
    intensity: 1,
    ofRoof: 0.1,
  });
  const kernels = [kernel("gemm", 1, 3), kernel("block-sparse", 1, 2), kernel("block-sparse", 0.25, 1)];
  assert.equal(kernels.map(kernelKind), ["gemm", "gemm", "block-sparse"]);
  assert.equal(kernels.map((one) => denseOf(kernels, one)?.medianMs), [undefined, undefined, 2]);
});

test.run();
