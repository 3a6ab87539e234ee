/** The phone page's parts that need no page: ink to numbers, records in links, names of devices. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { beginRecord, type DeviceRecord } from "../../src/report/devices/record.ts";
import type { KernelTime, Row } from "../../src/measure/session/types.ts";
import { placeLabels } from "../../src/web/charts/label_rows.ts";
import { place } from "../../src/web/charts/place.ts";
import { milliSpread, percent, solid } from "../../src/web/format.ts";
import { countInk } from "../../src/web/ink.ts";
import { denseOf, kernelKind } from "../../src/web/kernel_kinds.ts";
import type { TrainEvent } from "../../src/web/messages.ts";
import { drawPicture, type Pen, PICTURE_WIDTH, pictureHeight } from "../../src/web/picture/picture_canvas.ts";
import { pictureContent } from "../../src/web/picture/picture_content.ts";
import { sharedRecord, shareLink } from "../../src/web/share.ts";
import { NO_CURVES, withTrainEvent } from "../../src/web/state/training_curves.ts";
import { leftOf, leftWords } from "../../src/web/time_left.ts";
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
  const cut = hash.slice(0, hash.length / 2), changed = `${hash.slice(0, 30)}%${hash.slice(31)}`;
  for (const damaged of [cut, changed, "#r=", "#r=AAAA", hash + "A".repeat(20_000)]) {
    const told = await sharedRecord(damaged).then(() => "nothing", (error: Error) => error.message);
    assert.match(
      told,
      /^the link's record: can't be read, .* ask for the whole link/,
      `${damaged.slice(-40)} gives ${told}`,
    );
  }
  const other = (await shareLink({ ...record(), name: "../etc" }, page))!;
  const told = await sharedRecord(other.hash).then(() => "nothing", (error: Error) => error.message);
  assert.match(told, /^the link's record: name: expected a name of letters/);
});

const timed = (network: string, batch: number, denseMs: number, prunedMs: number): Row[] =>
  ([["dense", denseMs, 4000], ["pruned", prunedMs, 1000]] as const).map(([variant, medianMs, macs]) => ({
    network,
    variant,
    batch,
    params: 10,
    macs,
    status: "measured",
    medianMs,
  }));
const ADAPTER = { vendor: "arm", architecture: "valhall", description: "", fallback: false, features: [], limits: {} };
const measured = (rows: readonly Row[], more: Partial<DeviceRecord> = {}): DeviceRecord => ({
  ...record(),
  complete: true,
  device: ADAPTER,
  rows,
  ...more,
});

test("a picture says the times, the ratio, the multiply-adds, and the accuracy where it is known", () => {
  const digits = timed("Digits", 1, 2, 1.6).map((row) => ({
    ...row,
    accuracy: row.variant === "dense" ? 0.9972 : 0.9944,
  }));
  const content = pictureContent(measured([...digits, ...timed("mine.onnx", 8, 3, 6)]))!;
  assert.equal(content, {
    title: "Pruning on pixel-8",
    subtitle: "dense against pruned, by WebGPU on valhall",
    warning: undefined,
    rows: [
      {
        network: "Digits",
        batch: "1 image",
        ratio: "1.25×",
        bars: [{ kind: "dense", label: "dense, 2.00 ms", share: 1 }, {
          kind: "pruned",
          label: "pruned, 1.60 ms",
          share: 0.8,
        }],
        remark: "4.00× fewer multiply-adds, accuracy 99.72 % → 99.44 %",
      },
      {
        network: "mine.onnx",
        batch: "8 images at once",
        ratio: "0.500×",
        bars: [{ kind: "dense", label: "dense, 3.00 ms", share: 0.5 }, {
          kind: "pruned",
          label: "pruned, 6.00 ms",
          share: 1,
        }],
        remark: "4.00× fewer multiply-adds",
      },
    ],
    foot: "median of a forward pass · secateur 0.1.0 · 1970-01-01",
  });
});

test("a picture leaves out what is in doubt, and there is none of nothing else", () => {
  const doubtful = timed("net", 1, 2, 1).map((row) => ({ ...row, doubt: "the page was hidden meanwhile" }));
  assert.is(pictureContent(measured(doubtful)), undefined);
  const content = pictureContent(measured([...doubtful, ...timed("other", 1, 2, 1)]))!;
  assert.equal(content.rows.map(({ network }) => network), ["other"]);
});

test("a picture shows eight pairs and counts the others, and says what makes its times less than they seem", () => {
  const many = Array.from({ length: 11 }, (_, i) => timed(`net ${i}`, 1, 2, 1)).flat();
  const warned = (more: Partial<DeviceRecord>) => pictureContent(measured(many, more))!;
  assert.is(warned({}).rows.length, 8);
  assert.match(warned({}).foot, /^3 more in the record · /);
  assert.is(
    warned({ device: { ...ADAPTER, fallback: true } }).warning,
    "a software adapter: the processor plays the GPU",
  );
  assert.is(warned({ backend: "webassembly" }).warning, "computed without WebGPU");
  assert.is(warned({ complete: false }).warning, "stopped before everything was measured");
});

test("nothing of a picture lies outside of it or over something else in its row, however long names are", () => {
  const long = "a-network-with-a-name-of-its-own-that-goes-on-and-on-".repeat(3);
  const rows = [...timed(long, 32, 12_345.6, 1.2).map((row) => ({ ...row, accuracy: 1 })), ...timed("b", 1, 2, 1.99)];
  const device = { ...ADAPTER, description: "an adapter that says ".repeat(12) };
  const content = pictureContent(measured(rows, { name: "x".repeat(64), device }))!;
  const { boxes, pen } = recordingPen();
  drawPicture(pen, content);
  for (const { text, left, right, bottom, top } of boxes) {
    assert.ok(left >= 56 && right <= PICTURE_WIDTH - 56, `"${text}" reaches from ${left} to ${right}`);
    assert.ok(top >= 0 && bottom <= pictureHeight(content), `"${text}" ends at ${bottom}`);
  }
  const remarks = content.rows.map(({ remark }) => remark);
  assert.ok(
    remarks[0].endsWith("accuracy 100.00 % → 100.00 %") &&
      remarks.every((text) => boxes.some((box) => box.text === text)),
  );
  for (const [i, a] of boxes.entries()) {
    for (const b of boxes.slice(i + 1)) {
      const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
      assert.ok(apart, `"${a.text}" lies over "${b.text}"`);
    }
  }
});

/** Takes each character for 0.62 of the font's size wide, which is wider than it is in most fonts. */
function recordingPen() {
  const boxes: { text: string; left: number; right: number; top: number; bottom: number }[] = [];
  const size = () => Number(/(\d+)px/.exec(pen.font)![1]);
  const pen: Pen = {
    fillStyle: "",
    font: "",
    textAlign: "left",
    fillRect() {},
    measureText: (text) => ({ width: 0.62 * size() * text.length }) as TextMetrics,
    fillText(text, x, y) {
      const { width } = pen.measureText(text);
      const left = pen.textAlign === "right" ? x - width : x;
      boxes.push({ text, left, right: left + width, top: y - 0.75 * size(), bottom: y + 0.2 * size() });
    },
  };
  return { boxes, pen };
}

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

test("what is left is what the work says, or follows from its pace, and is counted down", () => {
  assert.is(leftOf({ done: 0, total: 4 }, 1000, 3000), undefined);
  assert.equal(leftOf({ done: 1, total: 4 }, 1000, 3000), { seconds: 6, atMs: 3000 });
  const left = leftOf({ done: 1, total: 4, secondsLeft: 90 }, 1000, 3000);
  assert.equal(left, { seconds: 90, atMs: 3000 });
  const said = (ms: number) => leftWords(left, 3000 + ms).replaceAll("\u00a0", " ");
  assert.equal([0, 30_400, 84_000, 90_000, 1e6].map(said), [
    "about 1 min 30 s left",
    "about 1 min 0 s left",
    "about 6 s left",
    "a moment left",
    "a moment left",
  ]);
  assert.is(leftWords(undefined, 0), "time left: not known yet");
});

test("no line ends between a number and its unit", () => {
  assert.is(percent(0.5, 0), "50\u00a0%");
  assert.is(milliSpread(1.2341, 0.0119), "1.234\u00a0±\u00a00.012\u00a0ms");
  assert.is(
    solid("after 12 ms or 3 s: 40 % of 2 networks, 7 minutes, 3.1 GB/s"),
    "after 12\u00a0ms or 3\u00a0s: 40\u00a0% of 2 networks, 7 minutes, 3.1\u00a0GB/s",
  );
});

test("labels of stages take another row where they would collide, end at their mark at the edge, and are left out at last", () => {
  const labels = [["train", 0], ["admm", 100], ["retrain", 110], ["purify", 112], ["lost", 114], ["end", 290]]
    .map(([text, x]) => ({ text: text as string, x: x as number }));
  const placed = placeLabels(labels, { width: 300, rows: 3, characterWidth: 5 });
  assert.equal(placed.map(({ text, x, row }) => `${text} ${x} ${row}`), [
    "train 0 0",
    "admm 100 0",
    "retrain 110 1",
    "purify 112 2",
    "end 270 0",
  ]);
});

test("a logarithmic axis puts equal factors at equal distances", () => {
  const axis = { type: "log", domain: [0.01, 1], ticks: [], format: String } as const;
  const y = place(axis, 100, 0);
  assert.equal([0.01, 0.1, 1].map((value) => Math.round(y(value))), [100, 50, 0]);
  const x = place({ ...axis, type: "linear", domain: [0, 50] }, 40, 140);
  assert.equal([0, 25, 50].map(x), [40, 90, 140]);
});

test("curves gather what a run tells by its time, and mark where stages begin", () => {
  const event = (stage: string, seconds: number, told: Partial<TrainEvent>): TrainEvent => ({
    stage,
    seconds,
    progress: 0,
    ...told,
  });
  const curves = [event("train", 1, { loss: 2 }), event("train", 2, { accuracy: 0.5 }), event("admm", 4, { loss: 1 })]
    .reduce((before, one) => withTrainEvent(before, one, 10 + one.seconds), NO_CURVES);
  assert.equal(curves, {
    loss: [{ at: 11, value: 2 }, { at: 14, value: 1 }],
    accuracy: [{ at: 12, value: 0.5 }],
    stages: [{ at: 11, name: "train" }, { at: 14, name: "admm" }],
  });
});

test.run();
