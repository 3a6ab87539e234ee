import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Batch, batchCount, batches, type BatchOptions, gather } from "../../src/data/loader.ts";
import type { Dataset } from "../../src/data/types.ts";
import { complaint, ramp } from "./fixtures.ts";

const test = suite("loader");

/** Copies of all batches: a batch's own arrays are reused. */
async function all(data: Dataset, options: BatchOptions, between = () => Promise.resolve()): Promise<Batch[]> {
  const result: Batch[] = [];
  for await (const b of batches(data, options)) {
    await between();
    result.push({ ...b, images: b.images.slice(), labels: b.labels.slice(), indices: b.indices.slice() });
  }
  return result;
}
const order = (list: Batch[]) => list.flatMap((b) => [...b.indices]);
const pixel = (data: Dataset, sample: number, c: number, y: number, x: number) => {
  const [channels, height, width] = data.shape;
  const { scale, mean, std } = data.normalization;
  const raw = data.images[((sample * channels + c) * height + y) * width + x];
  return Math.fround((raw / scale - mean[c]) / std[c]);
};

test("without shuffling, batches hold normalised pixels and labels in order, and the last one is smaller", async () => {
  const data = ramp(10, [2, 3, 4]);
  const list = await all(data, { batch: 4 });
  assert.equal(list.map((b) => b.count), [4, 4, 2]);
  assert.equal(list.map((b) => b.number), [0, 1, 2]);
  assert.equal(order(list), [...Array(10).keys()]);
  for (const b of list) {
    assert.is(b.images.length, b.count * 24);
    for (let i = 0; i < b.count; i++) {
      assert.is(b.labels[i], b.indices[i] % 3);
      for (let j = 0; j < 24; j++) {
        const [c, y, x] = [Math.floor(j / 12), Math.floor(j % 12 / 4), j % 4];
        assert.is(b.images[i * 24 + j], pixel(data, b.indices[i], c, y, x));
      }
    }
  }
  const whole = gather(data);
  assert.equal([...whole.images], list.flatMap((b) => [...b.images]));
  assert.equal([...gather(data, [7, 2]).labels], [1, 2]);
});

test("shuffling takes each sample once, in another order for each epoch and seed", async () => {
  const data = ramp(101);
  const orders = [];
  for (const [seed, epoch] of [[0, 0], [0, 1], [1, 0]]) {
    const o = order(await all(data, { batch: 16, shuffle: true, seed, epoch }));
    assert.equal([...o].sort((a, b) => a - b), [...Array(101).keys()]);
    orders.push(o.join());
  }
  assert.is(new Set(orders).size, 3);
  assert.is.not(orders[0], [...Array(101).keys()].join());
});

test("the last batch holds the rest", async () => {
  const data = ramp(10);
  assert.equal((await all(data, { batch: 4 })).map((b) => b.count), [4, 4, 2]);
  assert.is(batchCount(data, { batch: 4 }), 3);
  assert.is(batchCount(data, { batch: 4, images: 5 }), 2);
  assert.is(batchCount(data, { batch: 4, images: 99 }), 3);
  assert.is(batchCount(data, { batch: 5 }), 2);
});

test("an epoch of some of the images takes each once, and others in the next epoch", async () => {
  const data = ramp(101);
  const options = { batch: 8, images: 20, shuffle: true };
  const chosen: number[][] = [];
  for (const epoch of [0, 1]) {
    const list = await all(data, { ...options, epoch });
    assert.equal(list.map((b) => b.count), [8, 8, 4]);
    assert.is(new Set(order(list)).size, 20);
    chosen.push(order(list));
  }
  assert.ok(chosen[0].some((sample) => !chosen[1].includes(sample)));
  assert.equal(order(await all(data, { ...options, epoch: 1, from: 1 })), chosen[1].slice(8));
  assert.equal(order(await all(data, { batch: 8, images: 20 })), [...Array(20).keys()]);
});

test("how long a consumer takes doesn't change what it gets", async () => {
  const data = ramp(50);
  const options = { batch: 8, shuffle: true, seed: 3, epoch: 2, augment: { crop: 2, flip: true } };
  const quick = await all(data, options);
  let turn = 0;
  const slow = await all(data, options, () => new Promise((done) => setTimeout(done, turn++ % 3)));
  assert.equal(slow, quick);
});

test("the next batch is prepared while this one is in use, which it leaves alone", async () => {
  const data = ramp(12);
  const pass = batches(data, { batch: 4 });
  const first: Batch = (await pass.next()).value;
  const before = first.images.slice();
  await new Promise((done) => setTimeout(done, 5));
  assert.equal(first.images, before);
  const second: Batch = (await pass.next()).value;
  assert.is.not(second.images.buffer, first.images.buffer);
  assert.equal([...second.indices], [4, 5, 6, 7]);
});

test("resuming within an epoch gives the same batches", async () => {
  const data = ramp(50);
  const options = { batch: 8, shuffle: true, seed: 1, epoch: 4, augment: { crop: 1 } };
  const whole = await all(data, options);
  assert.equal(await all(data, { ...options, from: 3 }), whole.slice(3));
  assert.equal(await all(data, { ...options, from: 7 }), []);
});

test("leaving early ends the pass", async () => {
  const pass = batches(ramp(50), { batch: 8 });
  for await (const _ of pass) break;
  assert.is((await pass.next()).done, true);
});

test("crop and flip shift each image, and zeros flow in", async () => {
  const data = ramp(200, [2, 6, 5]);
  const size = 60;
  const [b] = await all(data, { batch: 200, seed: 5, augment: { crop: 2, flip: true } });
  const seen = new Map<string, number>();
  for (let i = 0; i < b.count; i++) {
    const image = b.images.subarray(i * size, (i + 1) * size);
    const matches = [];
    for (let dy = -2; dy <= 2; dy++) {
      for (let dx = -2; dx <= 2; dx++) {
        for (const mirror of [0, 1]) if (equals(data, i, image, dy, dx, mirror)) matches.push(`${dy},${dx},${mirror}`);
      }
    }
    assert.is(matches.length, 1, `image ${i}: ${matches}`);
    seen.set(matches[0], (seen.get(matches[0]) ?? 0) + 1);
  }
  assert.ok(seen.size > 45, `${seen.size} of 50 moves seen`);
});

test("moves are uniform, differ by epoch, and belong to the sample, not to its place", async () => {
  // One lit pixel in the middle tells the move.
  const count = 2000;
  const data = { ...ramp(count, [1, 7, 7]), images: new Uint8Array(count * 49) };
  for (let i = 0; i < count; i++) data.images[i * 49 + 24] = 200;
  const options = { batch: count, augment: { crop: 2, flip: true }, seed: 9 };
  const lit = (b: Batch) => {
    const at = new Map<number, number>();
    for (let i = 0; i < b.count; i++) {
      let brightest = 0;
      for (let j = 1; j < 49; j++) if (b.images[i * 49 + j] > b.images[i * 49 + brightest]) brightest = j;
      at.set(b.indices[i], brightest);
    }
    return at;
  };
  const plain = lit((await all(data, options))[0]);
  const counts = new Map<number, number>();
  for (const at of plain.values()) counts.set(at, (counts.get(at) ?? 0) + 1);
  assert.is(counts.size, 25);
  const chi2 = [...counts.values()].reduce((s, n) => s + (n - count / 25) ** 2 / (count / 25), 0);
  assert.ok(chi2 < 52, `chi2 ${chi2} with 24 degrees of freedom`);

  const shuffled = lit((await all(data, { ...options, shuffle: true }))[0]);
  for (const [sample, at] of plain) assert.is(shuffled.get(sample), at);
  const later = lit((await all(data, { ...options, epoch: 1 }))[0]);
  const same = [...plain].filter(([sample, at]) => later.get(sample) === at).length;
  assert.ok(same < count / 10, `${same} moves alike in two epochs`);
});

test("flip mirrors about half of the images", async () => {
  const data = ramp(1000, [1, 2, 3]);
  const [b] = await all(data, { batch: 1000, augment: { flip: true } });
  let mirrored = 0;
  for (let i = 0; i < b.count; i++) {
    const image = b.images.subarray(i * 6, i * 6 + 6);
    const is = equals(data, i, image, 0, 0, 1);
    assert.ok(is || equals(data, i, image, 0, 0, 0));
    if (is) mirrored++;
  }
  assert.ok(Math.abs(mirrored - 500) < 64, `${mirrored} of 1000`);
});

test("options out of range are refused", async () => {
  const data = ramp(10);
  for (const batch of [0, -1, 2.5, NaN]) {
    assert.match(await complaint(() => batches(data, { batch })), `batch ${batch}`);
  }
  assert.match(await complaint(() => batches(ramp(0), { batch: 4 })), "no images");
  for (const crop of [-1, 0.5, 6]) {
    assert.match(await complaint(() => batches(data, { batch: 2, augment: { crop } })), `augment.crop ${crop}`);
  }
});

test("60,000 shuffled and cropped images of 784 numbers take the time of a few plain passes over them", async () => {
  const count = 60_000;
  const data: Dataset = {
    ...ramp(1, [1, 28, 28]),
    count,
    images: new Uint8Array(count * 784),
    labels: new Uint16Array(count),
  };
  const loaded: number[] = [], passed: number[] = [];
  // In turns, and the best of each: the machine may be shared.
  for (let i = 0; i < 3; i++) {
    let start = performance.now();
    let n = 0;
    for await (const b of batches(data, { batch: 64, shuffle: true, augment: { crop: 2 } })) n += b.count;
    assert.is(n, count);
    loaded.push(performance.now() - start);
    start = performance.now();
    const plain = new Float32Array(count * 784);
    for (let at = 0; at < plain.length; at++) plain[at] = data.images[at] / 255;
    passed.push(performance.now() - start);
  }
  const ratio = Math.min(...loaded) / Math.min(...passed);
  assert.ok(ratio < 5, `${ratio} times as long as a plain pass`);
});

test.run();

function equals(data: Dataset, i: number, image: Float32Array, dy: number, dx: number, mirror: number): boolean {
  const [channels, height, width] = data.shape;
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const sy = y + dy;
        const sx = (mirror ? width - 1 - x : x) + dx;
        const inside = sy >= 0 && sy < height && sx >= 0 && sx < width;
        if (image[at++] !== (inside ? pixel(data, i, c, sy, sx) : 0)) return false;
      }
    }
  }
  return true;
}
