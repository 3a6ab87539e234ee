/** Evidence for pruning against sums in float64, and in one pass whoever asks. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import type { Dataset } from "../../src/data/types.ts";
import { UserError } from "../../src/errors.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Array64 } from "../../src/graph/reference/array.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Model } from "../../src/graph/types.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { gatherEvidence } from "../../src/train/evidence/gather_evidence.ts";
import type { EvidenceRequest, GatheredEvidence, SecondMoments } from "../../src/train/evidence/evidence.ts";
import { crossEntropy } from "../../src/train/losses/cross_entropy.ts";
import { train } from "../../src/train/train.ts";
import type { Callback } from "../../src/train/types.ts";
import { testGpu } from "../gpu.ts";

const test = suite("evidence");
const gpu = await testGpu();

/** Images, fewer than a whole number of batches, in which no two are alike. */
const COUNT = 37, SIDE = 6, CLASSES = 3;

/** A convolution with a fused norm and ReLU, a depthwise one, and a linear layer: 2 → 4 → 4 → 3 on 6 × 6. */
function network(): Model {
  const b = builder("evidence", ["N", 2, 6, 6]);
  let x = b.conv(b.input, { name: "conv", out: 4, kernel: 3, pad: 1, bias: false });
  x = b.relu(b.batchNorm(x, { name: "norm" }), "relu");
  x = b.conv(x, { name: "depthwise", out: 4, kernel: 3, stride: 2, pad: 1, group: 4 });
  x = b.gemm(b.flatten(b.globalAveragePool(x)), { name: "fc", out: 3 });
  const graph = b.graph();
  const params = new Map(initialise(graph, 5));
  const draw = random(6, "norm");
  for (const [name, { shape, data }] of params) {
    if (!name.startsWith("norm.")) continue;
    const drawn = draw.fillUniform(new Float32Array(data.length), 0).map((v) => v + 0.5);
    params.set(name, { shape, data: drawn });
  }
  return { graph, params };
}

function dataset(count: number): Dataset {
  const pixels = random(7, "pixels").fillUniform(new Float64Array(count * 72), 0);
  return {
    name: "noise",
    classes: 3,
    shape: [2, 6, 6],
    count,
    images: Uint8Array.from(pixels, (v) => Math.floor(256 * v)),
    labels: Uint16Array.from({ length: count }, (_, i) => i % 3),
    normalization: { scale: 255, mean: [0.5, 0.4], std: [0.25, 0.3] },
  };
}

const model = network();
const data = dataset(COUNT);
const values = valuesOf(model, data);

/** Every value of the network for all images, in float64. */
function valuesOf({ graph, params }: Model, { normalization, images, count }: Dataset): Map<string, Array64> {
  const { scale, mean, std } = normalization;
  const input = Float64Array.from(images, (pixel, i) => {
    const c = Math.floor(i / SIDE ** 2) % 2;
    return (pixel / scale - mean[c]) / std[c];
  });
  return referenceForward({ graph, params }, { input: { shape: [count, 2, SIDE, SIDE], data: input } });
}

function gather(...requests: EvidenceRequest[]): Promise<GatheredEvidence> {
  return gatherEvidence({ gpu, model, data, requests, batch: 8 });
}

/** What a channel of [N, C, …] holds. */
function channelOf({ shape, data }: Array64, channel: number): number[] {
  const inner = data.length / shape[0] / shape[1];
  return [...data].filter((_, i) => Math.floor(i / inner) % shape[1] === channel);
}

function average(list: readonly number[]): number {
  return list.reduce((sum, v) => sum + v, 0) / list.length;
}

/** `found` is `expected` but for a part of `scale`. */
function assertNear(
  found: ArrayLike<number>,
  expected: readonly number[],
  part: number,
  scale: readonly number[],
): void {
  assert.is(found.length, expected.length);
  expected.forEach((v, i) =>
    assert.ok(Math.abs(found[i] - v) <= part * scale[i], `[${i}] is ${found[i]}, expected ${v} ± ${part * scale[i]}`)
  );
}

test("means and mean squares of any value, also of a norm whose ReLU runs in its kernel", async () => {
  const names = ["input", "norm", "relu", "fc"];
  const { activations, samples } = await gather({ activations: names.map((value) => ({ value })) });
  assert.is(samples, COUNT);
  for (const name of names) {
    const { count, mean, meanSquare } = activations.get(name)!;
    const channels = Array.from({ length: mean.length }, (_, c) => channelOf(values.get(name)!, c));
    assert.is(count, channels[0].length);
    const squares = channels.map((list) => average(list.map((v) => v ** 2)));
    assertNear(mean, channels.map(average), 1e-6, squares.map(Math.sqrt));
    assertNear(meanSquare, squares, 1e-6, squares);
  }
});

test("mean magnitudes, and how often a channel is above 0", async () => {
  const [norm, relu] = ["norm", "relu"];
  const { magnitudes } = await gather({ magnitudes: [{ value: norm }, { value: relu }] });
  for (const value of [norm, relu]) {
    const { meanAbs, positive } = magnitudes.get(value)!;
    for (let c = 0; c < 4; c++) {
      const channel = channelOf(values.get(value)!, c);
      const mean = (of: (x: number) => number) => channel.reduce((sum, x) => sum + of(x), 0) / channel.length;
      assert.ok(Math.abs(meanAbs[c] - mean(Math.abs)) < 1e-5);
      // A number so near to 0 that float32 has it on the other side would count differently: there is none here.
      assert.ok(Math.abs(positive[c] - mean((x) => x > 0 ? 1 : 0)) < 1e-6);
    }
  }
});

test("channels may stand along another axis", async () => {
  const { activations } = await gather({ activations: [{ value: "relu", axis: 3 }] });
  const { data, shape } = values.get("relu")!;
  const columns = Array.from({ length: SIDE }, (_, c) => [...data].filter((_, i) => i % SIDE === c));
  assert.equal(shape, [COUNT, 4, SIDE, SIDE]);
  const squares = columns.map((list) => average(list.map((v) => v ** 2)));
  assertNear(activations.get("relu")!.mean, columns.map(average), 1e-6, squares.map(Math.sqrt));
});

/** d(loss of sample n)/d(value) at all of `value`'s numbers, by central differences in float64 over the nodes behind it. */
function gradientsOf(value: string): number[] {
  const { graph, params } = model;
  const at = graph.nodes.findIndex(({ outputs }) => outputs[0] === value);
  const { shape, data: given } = values.get(value)!;
  const rest = {
    ...graph,
    inputs: [{ name: value, shape: ["N" as const, ...shape.slice(1)] }],
    nodes: graph.nodes.slice(at + 1),
  };
  const lossesAt = (numbers: Float64Array): number[] => {
    const { data: logits } = referenceForward({ graph: rest, params }, { [value]: { shape, data: numbers } }).get(
      "fc",
    )!;
    return Array.from({ length: COUNT }, (_, n) => {
      const row = [...logits.subarray(n * CLASSES, (n + 1) * CLASSES)];
      return Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - row[data.labels[n]];
    });
  };
  const size = given.length / COUNT, step = 1e-4;
  const found = new Array<number>(given.length);
  // The samples don't meet, so one element of each is moved at a time.
  for (let j = 0; j < size; j++) {
    const [up, down] = [step, -step].map((move) => lossesAt(given.map((v, i) => i % size === j ? v + move : v)));
    for (let n = 0; n < COUNT; n++) found[n * size + j] = (up[n] - down[n]) / (2 * step);
  }
  return found;
}

test("gradients are each sample's own: mean squares, first-order changes and their squares per channel", async () => {
  const { gradients } = await gather({ gradients: [{ value: "relu" }] });
  const { meanSquare, firstOrder, taylor, samples } = gradients.get("relu")!;
  assert.is(samples, COUNT);
  const g = gradientsOf("relu"), { data: x } = values.get("relu")!;
  const pixels = SIDE ** 2;
  const changes = (c: number) =>
    Array.from({ length: COUNT }, (_, n) => {
      const first = (4 * n + c) * pixels;
      return g.slice(first, first + pixels).reduce((sum, v, i) => sum + v * x[first + i], 0);
    });
  const squares = [0, 1, 2, 3].map((c) =>
    average(g.filter((_, i) => Math.floor(i / pixels) % 4 === c).map((v) => v ** 2))
  );
  const taylors = [0, 1, 2, 3].map((c) => average(changes(c).map((v) => v ** 2)));
  assertNear(meanSquare, squares, 1e-5, squares);
  assertNear(taylor, taylors, 1e-5, taylors);
  assertNear(firstOrder, [0, 1, 2, 3].map((c) => average(changes(c))), 1e-5, taylors.map(Math.sqrt));
});

test("gradients of parameters: of the mean loss, and squared batch by batch", async () => {
  const { parameters } = await gather({ parameters: ["fc.bias"] });
  const { mean, meanSquare } = parameters.get("fc.bias")!;
  // d(loss)/d(logits) = softmax − one-hot, and the bias's gradient is its mean.
  const g = gradientsOf("fc");
  const rows = Array.from({ length: COUNT }, (_, n) => g.slice(n * CLASSES, (n + 1) * CLASSES));
  const meanOf = (list: readonly (readonly number[])[]) => [0, 1, 2].map((k) => average(list.map((row) => row[k])));
  const ones = [1, 1, 1];
  assertNear(mean, meanOf(rows), 1e-6, ones);
  const batches = [0, 8, 16, 24, 32].map((first) => meanOf(rows.slice(first, first + 8)));
  assertNear(meanSquare, [0, 1, 2].map((k) => average(batches.map((b) => b[k] ** 2))), 1e-6, ones);
});

/** Σ over rows of a·bᵀ with a 1 at each row's end, and how far `found` is from it. */
function momentsError({ n, sums }: SecondMoments, rows: readonly (readonly number[])[]): number {
  assert.is(n, rows[0].length + 1);
  const expected = new Float64Array(n * n);
  for (const row of rows) {
    const one = [...row, 1];
    one.forEach((a, i) => one.forEach((b, j) => expected[i * n + j] += a * b));
  }
  let worst = 0;
  sums.forEach((v, at) => {
    const i = Math.floor(at / n), j = at % n;
    const scale = Math.sqrt(expected[i * n + i] * expected[j * n + j]);
    worst = Math.max(worst, Math.abs(v - expected[at]) / (scale || 1));
  });
  return worst;
}

/** What a 3×3 kernel with padding 1 sees of some channels, position by position. */
function patchesOf({ shape, data }: Array64, channels: readonly number[], stride: number): number[][] {
  const [count, width] = shape;
  const out = Math.ceil(SIDE / stride);
  const rows: number[][] = [];
  for (let n = 0; n < count; n++) {
    for (let p = 0; p < out * out; p++) {
      const [top, left] = [Math.floor(p / out) * stride - 1, p % out * stride - 1];
      rows.push(channels.flatMap((c) =>
        Array.from({ length: 9 }, (_, k) => {
          const [y, x] = [top + Math.floor(k / 3), left + k % 3];
          const inside = y >= 0 && y < SIDE && x >= 0 && x < SIDE;
          return inside ? data[((n * width + c) * SIDE + y) * SIDE + x] : 0;
        })
      ));
    }
  }
  return rows;
}

test("second moments of patches, of each group, and of a linear layer's rows, within 1e-6 of float64", async () => {
  const { patches } = await gather({ patches: ["conv", "depthwise", "fc"] });
  const [conv] = patches.get("conv")!;
  assert.ok(momentsError(conv, patchesOf(values.get("input")!, [0, 1], 1)) <= 1e-6);
  const groups = patches.get("depthwise")!;
  assert.is(groups.length, 4);
  groups.forEach((group, c) => assert.ok(momentsError(group, patchesOf(values.get("relu")!, [c], 2)) <= 1e-6));
  const read = model.graph.nodes.find(({ name }) => name === "fc")!.inputs[0];
  const { data: pooled } = values.get(read)!;
  const rows = Array.from({ length: COUNT }, (_, n) => [...pooled.subarray(4 * n, 4 * n + 4)]);
  assert.ok(momentsError(patches.get("fc")![0], rows) <= 1e-6);
});

test("second moments of a value's channels over its positions", async () => {
  const { covariances } = await gather({ covariances: [{ value: "norm" }] });
  const { data } = values.get("norm")!;
  const pixels = SIDE ** 2;
  const rows = Array.from({ length: COUNT * pixels }, (_, r) => {
    const [n, p] = [Math.floor(r / pixels), r % pixels];
    return [0, 1, 2, 3].map((c) => data[(4 * n + c) * pixels + p]);
  });
  assert.ok(momentsError(covariances.get("norm")!, rows) <= 1e-6);
});

test("one pass serves all who ask, and each gets what a pass of its own would have given", async () => {
  let losses = 0;
  const loss = (step: Parameters<ReturnType<typeof crossEntropy>>[0]) => {
    losses++;
    return crossEntropy()(step);
  };
  const requests: EvidenceRequest[] = [
    { activations: [{ value: "norm" }], gradients: [{ value: "relu" }] },
    { gradients: [{ value: "relu" }, { value: "norm" }], patches: ["conv"] },
    { patches: ["conv"], covariances: [{ value: "relu" }] },
  ];
  const together = await gatherEvidence({ gpu, model, data, requests, batch: 8, loss });
  assert.is(losses, Math.ceil(COUNT / 8));
  for (const request of requests) {
    const alone = await gather(request);
    for (const kind of ["activations", "gradients", "patches", "covariances"] as const) {
      for (const [name, found] of alone[kind]) assert.equal(together[kind].get(name), found, `${kind} of ${name}`);
    }
  }
});

test("without gradients neither a loss nor labels are needed, and the first images may be enough", async () => {
  const { labels: _, ...bare } = data;
  const { samples, activations } = await gatherEvidence({
    gpu,
    model,
    data: bare,
    images: 10,
    requests: [{ activations: [{ value: "fc" }] }],
  });
  assert.is(samples, 10);
  assert.is(activations.get("fc")!.count, 10);
  assert.match(
    await refusal(() => gatherEvidence({ gpu, model, data: bare, requests: [{ gradients: [{ value: "fc" }] }] })),
    /labels/,
  );
});

async function refusal(work: () => Promise<unknown>): Promise<string> {
  const error = await work().then(() => undefined, (error) => error);
  assert.instance(error, UserError);
  return error.message;
}

test("data that don't hold what they say are refused by name", async () => {
  const short = { ...data, images: data.images.subarray(72) };
  assert.is(
    await refusal(() => gatherEvidence({ gpu, model, data: short, requests: [{ activations: [{ value: "fc" }] }] })),
    'data set "noise": found 2592 values of images, expected 2664: 37 · 2 · 6 · 6',
  );
});

test("what the graph doesn't have is refused by name", async () => {
  assert.match(await refusal(() => gather({ activations: [{ value: "nothing" }] })), /"nothing"/);
  assert.match(await refusal(() => gather({ patches: ["nothing"] })), /no node "nothing"/);
  assert.match(await refusal(() => gather({ patches: ["relu"] })), /Relu "relu" is no layer/);
  assert.match(await refusal(() => gather({ parameters: ["nothing"] })), /no parameter "nothing": it has conv.weight/);
  assert.match(await refusal(() => gather({ activations: [{ value: "fc", axis: 2 }] })), /axis 2/);
  const [one, other] = [{ value: "relu" }, { value: "relu", axis: 2 }];
  assert.match(
    await refusal(() => gather({ activations: [one] }, { activations: [other] })),
    /axis 1 and along axis 2/,
  );
});

test("device memory is given back", async () => {
  const request: EvidenceRequest = { gradients: [{ value: "norm" }], patches: ["conv"], parameters: ["fc.weight"] };
  await gather(request);
  const before = gpu.stats().liveBytes;
  await gather(request);
  assert.is(gpu.stats().liveBytes, before);
});

test("a callback of a training sees values and their gradients, step by step", async () => {
  const seen: { logits: Promise<Float32Array>; gradient: Promise<Float32Array> }[] = [];
  let logits: Tensor | undefined;
  const callback: Callback = {
    name: "watcher",
    watchers: new Map([["fc", (value, { tape }) => {
      logits = value;
      tape.watch(value);
    }]]),
    afterBackward({ tape }) {
      seen.push({ logits: logits!.read(), gradient: tape.gradient(logits!)!.read() });
    },
  };
  await train({
    gpu,
    graphs: [model.graph],
    params: model.params,
    data,
    batch: COUNT,
    epochs: 1,
    callbacks: [callback],
  });
  assert.is(seen.length, 1);
  const [found, gradient] = await Promise.all([seen[0].logits, seen[0].gradient]);
  // Each row of softmax − one-hot sums to 0.
  for (let n = 0; n < COUNT; n++) {
    const row = [...found.subarray(n * CLASSES, (n + 1) * CLASSES)].map(Math.exp);
    const total = row.reduce((sum, v) => sum + v, 0);
    const slopes = [...gradient.subarray(n * CLASSES, (n + 1) * CLASSES)];
    assert.ok(Math.abs(slopes.reduce((sum, v) => sum + v, 0)) <= 1e-6);
    const target = Math.min(...slopes.map((g, k) => COUNT * g - row[k] / total));
    assert.ok(Math.abs(target + 1) <= 1e-5, `${target}`);
  }
});

test.run();
