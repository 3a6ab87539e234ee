/** Losses over one graph, several graphs and a frozen network: their values, and that their gradients add up. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { steadyMemory } from "../../bench/steady_memory.ts";
import { gather } from "../../src/data/loader.ts";
import type { Dataset } from "../../src/data/types.ts";
import { UserError } from "../../src/errors.ts";
import { builder } from "../../src/graph/build.ts";
import { type NumericTensor, referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph, Model, Params } from "../../src/graph/types.ts";
import { add } from "../../src/tensor/ops/pointwise.ts";
import { createOptimizer } from "../../src/tensor/optimizer.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { crossEntropy } from "../../src/train/losses/cross_entropy.ts";
import { distillation } from "../../src/train/losses/distillation.ts";
import type { LossSettings } from "../../src/train/losses/losses.ts";
import { outputError } from "../../src/train/losses/output_error.ts";
import { weightedSum } from "../../src/train/losses/weighted_sum.ts";
import { createTrainState } from "../../src/train/state.ts";
import { trainStep } from "../../src/train/step.ts";
import { train } from "../../src/train/train.ts";
import type { Loss } from "../../src/train/types.ts";
import { randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { assertClose } from "../tensor/check_op.ts";
import { brightPixels } from "./small.ts";

const test = suite("losses");
const gpu = await testGpu();
const data = brightPixels(9);

/** flatten → stem (5 tanh units) → `branch` (3 logits). */
function branch(name: string): Graph {
  const b = builder(name, ["N", 1, 4, 4]);
  b.gemm(b.tanh(b.gemm(b.flatten(b.input), { name: "stem", out: 5 })), { name, out: 3 });
  return b.graph();
}

function valuesOf(graphs: readonly Graph[]): Params {
  return new Map(graphs.flatMap((graph) => [...randomParams(graph, 3)]));
}

interface Stepped {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, { readonly data: Float32Array }>;
  readonly counted: boolean;
}

/** One step at rate 0 on all of `data`. */
async function step(
  graphs: readonly Graph[],
  params: Params,
  loss: Loss,
  more: { epoch?: number } = {},
): Promise<Stepped> {
  using state = createTrainState(gpu, graphs, params);
  using optimizer = createOptimizer(gpu, state.weights.layout, { kind: "sgd" });
  using sum = Tensor.zeros(gpu, []);
  using correct = Tensor.zeros(gpu, [1], "u32");
  // What a parameter's gradient was before must not matter.
  state.gradients.fill(7);
  const place = { shape: data.shape, seed: 1, number: 0, epoch: more.epoch ?? 0, lr: 0 };
  const counted = trainStep({ state, optimizer, graphs, loss }, wholeBatch(data), { loss: sum, correct }, place);
  return { loss: await sum.item() / data.count, gradients: await state.gradients.download(), counted };
}

function wholeBatch(set: Dataset) {
  const indices = Uint32Array.from({ length: set.count }, (_, i) => i);
  return { number: 0, count: set.count, indices, ...gather(set, indices) };
}

type Host = ReadonlyMap<string, NumericTensor>;

function hostOutput(graph: Graph, params: Host): Float64Array {
  const input = { shape: [data.count, ...data.shape], data: Float64Array.from(gather(data).images) };
  return Float64Array.from(referenceForward({ graph, params }, { input }).get(graph.outputs[0])!.data);
}

function hostEntropy(graph: Graph, params: Host): number {
  const z = hostOutput(graph, params);
  let total = 0;
  data.labels.forEach((label, n) => {
    const row = z.subarray(3 * n, 3 * n + 3);
    total += Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - row[label];
  });
  return total / data.count;
}

/** Central differences in float64 of every parameter. */
function hostGradients(params: Params, loss: (params: Host) => number): Map<string, Float64Array> {
  const host = new Map([...params].map(([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]));
  return new Map([...host].map(([name, { data }]) => [
    name,
    data.map((v, i) => {
      const at = (x: number) => (data[i] = x, loss(host));
      const slope = (at(v + 1e-5) - at(v - 1e-5)) / 2e-5;
      data[i] = v;
      return slope;
    }),
  ]));
}

function assertGradients({ gradients }: Stepped, expected: ReadonlyMap<string, Float64Array>): void {
  for (const [name, values] of expected) assertClose(gradients.get(name)!.data, values, 1e-4, name);
}

const [left, right] = [branch("left"), branch("right")];
const params = valuesOf([left, right]);

test("gradients of two graphs that share a stem are those of their summed losses, in float64", async () => {
  const both = weightedSum([
    { loss: crossEntropy() },
    { loss: crossEntropy({ graph: right }), weight: 0.5 },
  ]);
  const stepped = await step([left, right], params, both);
  const host = (p: Host) => hostEntropy(left, p) + 0.5 * hostEntropy(right, p);
  assertClose([stepped.loss], [host(params)], 1e-6, "loss");
  assertGradients(stepped, hostGradients(params, host));
  // The stem's gradient is the sum of what each alone gives it.
  const alone = await Promise.all([step([left], params, crossEntropy()), step([right], params, crossEntropy())]);
  const [a, b] = alone.map(({ gradients }) => gradients.get("stem.weight")!.data);
  assertClose(stepped.gradients.get("stem.weight")!.data, a.map((v, i) => v + 0.5 * b[i]), 1e-6, "stem");
});

test("a parameter that no graph of the step has used gets a gradient of 0", async () => {
  const { gradients } = await step([left, right], params, crossEntropy());
  for (const name of ["right.weight", "right.bias"]) assert.ok(gradients.get(name)!.data.every((g) => g === 0), name);
  for (const name of ["left.weight", "stem.weight"]) assert.ok(gradients.get(name)!.data.some((g) => g !== 0), name);
});

test("one graph used twice in a step counts twice, and runs once", async () => {
  let passes = 0;
  const twice: Loss = (s) => {
    const [first, second] = [s.forward(), s.forward()];
    if (first !== second) passes++;
    return add(s.tape, crossEntropy()(s), crossEntropy()(s));
  };
  const [once, both] = [await step([left], params, crossEntropy()), await step([left], params, twice)];
  assert.is(passes, 0);
  assertClose([both.loss], [2 * once.loss], 1e-6, "loss");
  for (const [name, { data }] of once.gradients) {
    assertClose(
      both.gradients.get(name)!.data,
      data.map((g) => 2 * g),
      1e-6,
      name,
    );
  }
});

test("a parameter that two nodes of one graph read gets the sum of both gradients", async () => {
  const b = builder("tied", ["N", 1, 4, 4]);
  const x = b.tanh(b.gemm(b.flatten(b.input), { name: "in", out: 4 }));
  const y = b.tanh(b.gemm(x, { name: "first", out: 4 }));
  b.gemm(b.tanh(b.gemm(y, { name: "second", out: 4 })), { name: "out", out: 3 });
  const graph = tied(b.graph(), "second", "first");
  const values = randomParams(graph, 5);
  const stepped = await step([graph], values, crossEntropy());
  assertGradients(stepped, hostGradients(values, (p) => hostEntropy(graph, p)));
});

/** `graph` with what layer `from` reads replaced by the parameters of layer `to`. */
function tied(graph: Graph, from: string, to: string): Graph {
  const rename = (name: string) => name.startsWith(`${from}.`) ? to + name.slice(from.length) : name;
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename) })),
    params: Object.fromEntries(Object.entries(graph.params).filter(([name]) => rename(name) === name)),
  };
}

test("distillation and output error against a frozen network: values and gradients are those of float64", async () => {
  const graph = branch("left");
  const teacher: Model = { graph, params: randomParams(graph, 8) };
  const student = randomParams(graph, 3);
  const t = hostOutput(graph, teacher.params);
  const squares = (p: Host) => hostOutput(graph, p).reduce((sum, v, i) => sum + (v - t[i]) ** 2, 0) / t.length;
  const outputs = await step([graph], student, outputError({ teacher }));
  assertClose([outputs.loss], [squares(student)], 1e-6, "output error");
  assertGradients(outputs, hostGradients(student, squares));
  const T = 3;
  const kl = (p: Host) => T ** 2 * divergence(hostOutput(graph, p), t, T);
  const distilled = await step([graph], student, distillation({ teacher, temperature: T }));
  assertClose([distilled.loss], [kl(student)], 1e-5, "distillation");
  assertGradients(distilled, hostGradients(student, kl));
  const usual = await step([graph], student, distillation({ teacher }));
  assertClose([usual.loss], [4 ** 2 * divergence(hostOutput(graph, student), t, 4)], 1e-5, "distillation at 4");
  const same = await step([graph], student, outputError({ teacher: { graph, params: student } }));
  assert.is(same.loss, 0);
});

test("output error over two outputs is the mean of theirs, also within a weighted sum", async () => {
  const two = (name: string): Graph => {
    const b = builder(name, ["N", 1, 4, 4]);
    const x = b.gemm(b.flatten(b.input), { name: "wide", out: 6 });
    b.gemm(b.tanh(x), { name: "narrow", out: 2 });
    const graph = b.graph();
    return { ...graph, outputs: [...graph.outputs, graph.nodes.find(({ op }) => op === "Tanh")!.outputs[0]] };
  };
  const graph = two("two");
  const [student, teacher] = [randomParams(graph, 3), { graph, params: randomParams(graph, 8) }];
  const host = (p: Host) => {
    const input = { shape: [data.count, ...data.shape], data: Float64Array.from(gather(data).images) };
    const of = (params: Host) => referenceForward({ graph, params }, { input });
    const [actual, expected] = [of(p), of(teacher.params)];
    const errors = graph.outputs.map((name) => {
      const [y, t] = [actual.get(name)!.data, expected.get(name)!.data];
      return y.reduce((sum, v, i) => sum + (v - t[i]) ** 2, 0) / y.length;
    });
    return (errors[0] + errors[1]) / 2;
  };
  const stepped = await step([graph], student, outputError({ teacher }));
  assertClose([stepped.loss], [host(student)], 1e-6, "loss");
  assertGradients(stepped, hostGradients(student, host));
  const half = await step([graph], student, weightedSum([{ loss: outputError({ teacher }), weight: 0.5 }]));
  assertClose([half.loss], [host(student) / 2], 1e-6, "half the loss");
  const double = await step([graph], student, weightedSum([{ loss: outputError({ teacher }), weight: 2 }]));
  assertClose([double.loss], [host(student) * 2], 1e-6, "twice the loss");
  const fewer = step([left], params, outputError({ teacher }));
  const error = await fewer.then(() => undefined, (error) => error);
  assert.match(error.message, /the network has 1 outputs, "two" 2, expected as many/);
});

function divergence(z: Float64Array, t: Float64Array, T: number): number {
  const rows = z.length / 3;
  const logs = (v: Float64Array) => {
    const norm = Math.log(v.reduce((sum, w) => sum + Math.exp(w / T), 0));
    return v.map((w) => w / T - norm);
  };
  let total = 0;
  for (let n = 0; n < rows; n++) {
    const [q, p] = [z, t].map((all) => logs(all.subarray(3 * n, 3 * n + 3)));
    p.forEach((v, k) => total += Math.exp(v) * (v - q[k]));
  }
  return total / rows;
}

test("a frozen network runs in evaluation mode: its statistics stay, and no dropout falls on it", async () => {
  const b = builder("teacher", ["N", 1, 4, 4]);
  const x = b.batchNorm(b.conv(b.input, { name: "conv", out: 2, kernel: 3, bias: false }), { name: "bn" });
  b.gemm(b.dropout(b.flatten(x), 0.5), { name: "fc", out: 3 });
  const teacher: Model = { graph: b.graph(), params: randomParams(b.graph(), 4) };
  const t = hostOutput(teacher.graph, teacher.params);
  const z = hostOutput(left, params);
  const { loss } = await step([left, right], params, outputError({ teacher }));
  assertClose([loss], [z.reduce((sum, v, i) => sum + (v - t[i]) ** 2, 0) / z.length], 1e-5, "loss");
});

test("weights and temperatures may change with the epoch: cosine of 1/3 of a turn by hand", async () => {
  const loss = weightedSum([{ loss: crossEntropy(), weight: (epoch) => 0.5 * (1 + Math.cos(Math.PI * epoch)) }]);
  const once = await step([left], params, crossEntropy());
  for (const [epoch, weight] of [[0, 1], [1 / 3, 0.75], [0.5, 0.5], [1, 0]]) {
    const { loss: value } = await step([left], params, loss, { epoch });
    assertClose([value], [weight * once.loss], 1e-6, `epoch ${epoch}`);
  }
  const teacher = { graph: left, params };
  const seen: number[] = [];
  const cooling = distillation({ teacher, temperature: (epoch) => (seen.push(epoch), 4 - epoch) });
  await step([left], params, cooling, { epoch: 1.5 });
  assert.equal(seen, [1.5]);
});

test("data without labels train by output error, count no hits, and are refused by cross-entropy", async () => {
  const { labels: _labels, ...images } = brightPixels(20);
  const graph = branch("left");
  const teacher: Model = { graph, params: randomParams(graph, 8) };
  const options = { gpu, graphs: [graph], params: randomParams(graph, 3), data: images, batch: 5, epochs: 20 };
  const losses: number[] = [];
  await train({
    ...options,
    optimizer: { kind: "adam", lr: 0.01 },
    loss: { kind: "outputs", teacher },
    callbacks: [{
      name: "watch",
      afterValidation(_training, { loss, trainAccuracy }) {
        losses.push(loss);
        assert.is(trainAccuracy, undefined);
      },
    }],
  });
  assert.ok(losses[19] < losses[0] / 4, losses.join());
  const error = await train(options).then(() => undefined, (error) => error);
  assert.instance(error, UserError);
  assert.match(error.message, /the loss reads labels, and the data have none/);
});

test("hits are counted for the first graph, and only where it was run", async () => {
  assert.is((await step([left, right], params, crossEntropy())).counted, true);
  assert.is((await step([left, right], params, crossEntropy({ graph: right }))).counted, false);
});

test("a loss without the network it learns from, and a sum without terms, are refused", async () => {
  const graph = branch("left");
  const params = randomParams(graph, 3);
  const refused: [unknown, RegExp][] = [
    [{ kind: "distill" }, /^distill needs a teacher: a trained model, { graph, params }; got nothing$/],
    [{ kind: "outputs", teacher: {} }, /^outputs needs a teacher: a trained model, { graph, params }; got {}$/],
    [{ kind: "sum" }, /^loss sum: terms is nothing, expected a list/],
  ];
  for (const [settings, message] of refused) {
    const loss = settings as LossSettings;
    const error = await train({ gpu, graphs: [graph], params, data, batch: 3, epochs: 1, loss }).catch((e) => e);
    assert.instance(error, UserError);
    assert.match(error.message, message);
  }
});

test("graphs that describe a shared parameter differently, and losses that are no number, are refused", async () => {
  const b = builder("other", ["N", 1, 4, 4]);
  b.gemm(b.flatten(b.input), { name: "stem", out: 3 });
  const said = async (graphs: readonly Graph[], loss: Loss) => {
    const error = await step(graphs, params, loss).then(() => undefined, (error) => error);
    assert.instance(error, UserError);
    return error.message as string;
  };
  assert.match(
    await said([left, b.graph()], crossEntropy()),
    /^parameter "stem.weight" is a weight \[3,16\] in graph "other" and a weight \[5,16\] in one before it: /,
  );
  assert.match(await said([left], ({ forward }) => forward()), /the loss has shape \[9,3\], expected one number/);
  assert.match(await said([left], weightedSum([{ loss: crossEntropy(), weight: NaN }])), /weight 0 .* is NaN/);
});

test("memory stays constant over steps of two graphs and a frozen one", async () => {
  const teacher: Model = { graph: left, params: randomParams(left, 8) };
  using state = createTrainState(gpu, [left, right], params);
  using optimizer = createOptimizer(gpu, state.weights.layout, { kind: "adam" });
  using sum = Tensor.zeros(gpu, []);
  using correct = Tensor.zeros(gpu, [1], "u32");
  const loss = weightedSum([
    { loss: crossEntropy() },
    { loss: distillation({ teacher }), weight: 0.5 },
    { loss: crossEntropy({ graph: right }) },
  ]);
  const record = () => {
    const place = { shape: data.shape, seed: 1, number: 0, epoch: 0, lr: 0.01 };
    trainStep({ state, optimizer, graphs: [left, right], loss }, wholeBatch(data), { loss: sum, correct }, place);
  };
  for (let i = 0; i < 12; i++) record();
  const { steady, live, peak } = await steadyMemory(gpu, record, 100);
  assert.ok(steady, `live ${live.join("…")}, peak ${peak.join("…")} bytes`);
});

test("two graphs train together: every parameter of the one map moves", async () => {
  const loss = weightedSum([
    { loss: crossEntropy() },
    { loss: crossEntropy({ graph: right }) },
  ]);
  const trained = await train({ gpu, graphs: [left, right], params, data, batch: 4, epochs: 2, loss });
  assert.equal([...trained.params.keys()].sort(), [...params.keys()].sort());
  for (const [name, { data: before }] of params) assert.not.equal(trained.params.get(name)!.data, before, name);
});

test.run();
