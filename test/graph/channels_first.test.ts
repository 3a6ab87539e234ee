/** Networks of images [N,H,W,C] as networks of [N,C,H,W]: they compute the same, and need no Transposes. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { gatherTensor, keptOrigins } from "../../src/graph/indexmap.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { channelsFirst, channelsLast as imagesTurned, imagesLast } from "../../src/graph/rewrite/channels_first.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { createModel } from "../../src/models/zoo.ts";
import { channelsLast } from "../generate/channels_last.ts";
import { randomGraph, randomInputs, randomParams } from "../generate/graphs.ts";

const test = suite("channels first");

function transposed({ shape: [n, c, h, w], data }: HostTensor): HostTensor {
  const turned = new Float32Array(data.length);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < c; k++) {
      for (let p = 0; p < h * w; p++) turned[(i * h * w + p) * c + k] = data[(i * c + k) * h * w + p];
    }
  }
  return { shape: [n, h, w, c], data: turned };
}

/** How far the two are apart in float64, the second one given the first one's images in its own order. */
function gap(last: Model, first: Model, seed: number): number {
  const input = randomInputs(first.graph, seed);
  const [[name, image]] = Object.entries(input);
  const [output] = last.graph.outputs;
  const a = referenceForward(last, { [name]: transposed(image) }).get(output)!;
  const b = referenceForward(first, input).get(output)!;
  assert.equal(a.shape, b.shape);
  const scale = a.data.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-6);
  return a.data.reduce((most, v, i) => Math.max(most, Math.abs(v - b.data[i]) / scale), 0);
}

test("random networks compute the same, numbers come from where the map says, and the way back is one Transpose", () => {
  for (let seed = 0; seed < 60; seed++) {
    const graph = channelsLast(randomGraph(seed));
    const model = { graph, params: randomParams(graph, seed) };
    assert.ok(imagesLast(graph), `seed ${seed}`);
    const { model: first, map } = channelsFirst(model);
    validateModel(first);
    assert.not(imagesLast(first.graph));
    assert.ok(gap(model, first, seed) <= 1e-9, `seed ${seed}: ${gap(model, first, seed)}`);
    for (const [name, { source, keep }] of keptOrigins(map)) {
      assert.equal(gatherTensor(model.params.get(source)!, keep).data, first.params.get(name)!.data, `${seed} ${name}`);
    }
    const again = imagesTurned(first);
    validateModel(again);
    assert.ok(imagesLast(again.graph));
    const back = channelsFirst(again).model;
    assert.ok(gap(model, back, seed) <= 1e-9, `seed ${seed}, and back`);
  }
});

test("no Transpose is left in networks of the zoo", () => {
  for (const name of ["lenet5", "resnet20", "mobilenetv2-cifar"]) {
    const dense = createModel(name);
    const graph = channelsLast(dense);
    const params = randomParams(graph, 1);
    const { model: first } = channelsFirst({ graph, params });
    assert.not(first.graph.nodes.some(({ op }) => op === "Transpose"), name);
    assert.equal(first.graph.inputs, dense.inputs);
    if (name === "lenet5") assert.ok(gap({ graph, params }, first, 1) <= 1e-9);
  }
});

test("a network whose channels stand first comes back as it is, and so does one that has no convolution", () => {
  const graph = randomGraph(3);
  const model = { graph, params: randomParams(graph, 3) };
  assert.is(channelsFirst(model).model, model);
  const b = builder("rows", ["N", 3, 4, 5]);
  b.gemm(b.flatten(b.linear(b.input, { name: "row", out: 2 })), { name: "out", out: 2 });
  assert.not(imagesLast(b.graph()));
});

test("an image of one channel may be reshaped instead", () => {
  const b = builder("grey", ["N", 4, 5, 1]);
  const x = b.reshape(b.input, [1, 4, 5]);
  const y = b.transpose(b.relu(b.conv(x, { name: "c", out: 3, kernel: 3, pad: 1 })), [0, 2, 3, 1]);
  b.gemm(b.flatten(y), { name: "out", out: 2 });
  const graph = b.graph();
  const model = { graph, params: randomParams(graph, 1) };
  const { model: first } = channelsFirst(model);
  assert.equal(first.graph.nodes.map(({ op }) => op), ["Conv", "Relu", "Flatten", "Gemm"]);
  assert.equal(first.graph.inputs[0].shape, ["N", 1, 4, 5]);
  assert.ok(gap(model, first, 1) <= 1e-9);
});

test("outputs keep their names and shapes, and a flattened value that more than layers read its order", () => {
  const b = builder("two", ["N", 4, 5, 3]);
  const x = b.transpose(b.input, [0, 3, 1, 2]);
  const image = b.transpose(b.conv(x, { name: "c", out: 2, kernel: 1 }), [0, 2, 3, 1], "image");
  const flat = b.tanh(b.flatten(image));
  const part = b.slice(flat, { axes: [1], starts: [1], ends: [30], steps: [3] });
  b.add(b.gemm(flat, { name: "out", out: 10 }), part, "sum");
  const graph = b.graph(["image", "sum"]);
  const model = { graph, params: randomParams(graph, 2) };
  const { model: first } = channelsFirst(model);
  validateModel(first);
  for (const output of graph.outputs) {
    const only = (of: Model): Model => ({ ...of, graph: { ...of.graph, outputs: [output] } });
    assert.ok(gap(only(model), only(first), 2) <= 1e-9, output);
  }
});

test.run();
