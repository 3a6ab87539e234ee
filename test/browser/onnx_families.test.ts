/**
 * Families of operators between two convolutions, as exporters write them: ONNX Runtime, the float64 reference, the
 * interpreter and the plan agree, on half of the network too.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { OnnxNode, OnnxTensor } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { float32, int64, model, node } from "../formats/onnx-models.ts";
import { testGpu } from "../gpu.ts";
import { sample } from "../oracle/samples.ts";
import { judgeFile } from "./judged_file.ts";

const test = suite("onnx families");

type Attributes = Parameters<typeof node>[3];

/** A network in the making: each method adds a node and gives the name of what it makes. */
function network(opset: number) {
  const nodes: OnnxNode[] = [];
  const initialisers: OnnxTensor[] = [];
  const net = {
    op(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
      const name = `v${nodes.length}`;
      nodes.push(node(op, inputs, name, attributes, `/${op}_${nodes.length}`));
      return name;
    },
    weight(...dims: number[]): string {
      const name = `w${initialisers.length}`;
      initialisers.push(float32(name, dims, [...sample(name, ...dims).data]));
      return name;
    },
    ints(...values: number[]): string {
      const name = `i${initialisers.length}`;
      initialisers.push(int64(name, values));
      return name;
    },
    conv(x: string, from: number, to: number, kernel: readonly number[], attributes: Attributes = {}): string {
      return net.op("Conv", [x, net.weight(to, from, ...kernel), net.weight(to)], attributes);
    },
    bytes(last: string, input: readonly number[]): Uint8Array {
      const all = [...nodes, node("Identity", [last])];
      return writeOnnx(model(all, { opset, initialisers, input: ["batch", ...input] }));
    },
  };
  return net;
}

type Net = ReturnType<typeof network>;

interface Family {
  /** Of the input, without the batch. */
  readonly input: readonly number[];
  readonly opset?: number;
  /** Between what a convolution to `channels` makes and the one behind; the name, and how many channels come out. */
  readonly build: (net: Net, x: string) => readonly [value: string, channels: number];
  /** Default 8. */
  readonly channels?: number;
  /** What has to be in the graph that is read. */
  readonly has?: readonly string[];
  /** The part of the multiply-adds that stay; default a half. 1 where what mixes all channels keeps them. */
  readonly macs?: number;
  readonly hasNot?: readonly string[];
}

const IMAGE = [3, 6, 5];
const LINE = [3, 13];

function transposed(attributes: Attributes, kernel: readonly number[], out = 6): Family["build"] {
  const group = Number(attributes!.group ?? 1);
  return (
    net,
    x,
  ) => [net.op("ConvTranspose", [x, net.weight(8, out / group, ...kernel), net.weight(out)], attributes), out];
}

const FAMILIES: Readonly<Record<string, Family>> = {
  "ConvTranspose 2×2, stride 2": { input: IMAGE, build: transposed({ strides: [2, 2] }, [2, 2]) },
  "ConvTranspose 4×4, stride 2, padded": {
    input: IMAGE,
    build: transposed({ strides: [2, 2], pads: [1, 1, 1, 1], kernel_shape: [4, 4] }, [4, 4]),
  },
  "ConvTranspose, uneven": {
    input: IMAGE,
    build: transposed({ strides: [2, 3], pads: [1, 0, 0, 2], output_padding: [1, 2], dilations: [2, 1] }, [3, 2]),
  },
  "ConvTranspose, depthwise": {
    input: IMAGE,
    build: (net, x) => [
      net.op("ConvTranspose", [x, net.weight(8, 1, 4, 4)], { strides: [2, 2], pads: [1, 1, 1, 1], group: 8 }),
      8,
    ],
  },
  "ConvTranspose, SAME_UPPER": { input: IMAGE, build: transposed({ strides: [2, 2], auto_pad: "SAME_UPPER" }, [3, 3]) },
  "ConvTranspose, SAME_LOWER": { input: IMAGE, build: transposed({ strides: [2, 2], auto_pad: "SAME_LOWER" }, [3, 3]) },
  "ConvTranspose to a given size": {
    input: IMAGE,
    build: transposed({ strides: [2, 2], output_shape: [12, 10] }, [3, 3]),
  },
  "ConvTranspose of a line": {
    input: LINE,
    build: transposed({ strides: [3], pads: [1, 0], output_padding: [1] }, [4]),
    has: ["ConvTranspose"],
  },
  "Conv of a line, dilated": {
    input: LINE,
    build: (net, x) => [net.conv(x, 8, 6, [3], { dilations: [2], pads: [1, 2], strides: [2] }), 6],
  },
  "Conv of a line, depthwise, SAME": {
    input: LINE,
    build: (net, x) => [net.conv(x, 1, 8, [3], { group: 8, auto_pad: "SAME_UPPER", strides: [2] }), 8],
  },
  "a norm and pools of a line": {
    input: LINE,
    build: (net, x) => {
      const positive = net.op("Abs", [net.weight(8)]);
      const normed = net.op("BatchNormalization", [x, net.weight(8), net.weight(8), net.weight(8), positive]);
      const most = net.op("MaxPool", [normed], { kernel_shape: [3], strides: [2], ceil_mode: 1, storage_order: 1 });
      return [net.op("AveragePool", [most], { kernel_shape: [2], pads: [1, 0], count_include_pad: 1 }), 8];
    },
  },
  "global pools of a line": {
    input: LINE,
    build: (net, x) => {
      const gate = net.op("Sigmoid", [net.op("GlobalAveragePool", [x])]);
      return [net.op("Add", [net.op("Mul", [x, gate]), net.op("GlobalMaxPool", [x])]), 8];
    },
  },
  "DepthToSpace, DCR": { input: IMAGE, build: (net, x) => [net.op("DepthToSpace", [x], { blocksize: 2 }), 2] },
  "DepthToSpace, CRD": {
    input: IMAGE,
    build: (net, x) => [net.op("DepthToSpace", [x], { blocksize: 2, mode: "CRD" }), 2],
  },
  "Abs and ReduceSum": {
    input: IMAGE,
    build: (net, x) => [net.op("Sub", [net.op("Abs", [x]), net.op("ReduceSum", [x, net.ints(2, 3)])]), 8],
  },
  "means over axes that aren't neighbours": {
    input: IMAGE,
    build: (net, x) => {
      const means = net.op("ReduceMean", [x, net.ints(1, 3)]);
      return [net.op("Mul", [x, net.op("Expand", [means, net.ints(1, 8, 6, 5)])]), 8];
    },
    macs: 1,
  },
  "squeeze and excitation with an expanded gate": {
    input: IMAGE,
    build: (net, x) => {
      const gate = net.op("Sigmoid", [net.conv(net.op("GlobalAveragePool", [x]), 8, 8, [1, 1])]);
      return [net.op("Mul", [net.op("Expand", [gate, net.op("Shape", [x])]), x]), 8];
    },
    hasNot: ["Resize", "Gather"],
  },
  "one map expanded to all channels": {
    input: IMAGE,
    build: (net, x) => {
      const map = net.op("Expand", [net.conv(x, 8, 1, [1, 1]), net.ints(1, 8, 1, 1)]);
      return [net.op("Mul", [map, x]), 8];
    },
    hasNot: ["Gather"],
  },
  "pixels and channels expanded, and read as they are": {
    input: IMAGE,
    build: (net, x) => {
      const mean = net.conv(net.op("GlobalAveragePool", [x]), 8, 1, [1, 1]);
      return [net.op("Concat", [x, net.op("Expand", [mean, net.ints(1, 4, 6, 5)])], { axis: 1 }), 12];
    },
    has: ["Resize", "Gather"],
  },
  "an Einsum over channels": {
    input: IMAGE,
    build: (net, x) => [net.op("Einsum", [x, net.weight(8, 6)], { equation: "bchw,cf->bfhw" }), 6],
    has: ["MatMul"],
  },
  "an Einsum with the constant first": {
    input: IMAGE,
    build: (net, x) => [net.op("Einsum", [net.weight(6, 8), x], { equation: "fc, ...chw -> ...fhw" }), 6],
  },
  "attention by Einsum": {
    input: IMAGE,
    build: (net, x) => {
      const tokens = net.op("Transpose", [net.op("Reshape", [x, net.ints(0, 2, 4, 30)])], { perm: [0, 3, 1, 2] });
      const scores = net.op("Einsum", [tokens, tokens], { equation: "nqhd,nkhd->nhqk" });
      const mixed = net.op("Einsum", [net.op("Softmax", [scores], { axis: -1 }), tokens], {
        equation: "nhqk,nkhd->nhdq",
      });
      return [net.op("Reshape", [mixed, net.ints(0, 8, 6, 5)]), 8];
    },
    has: ["Attention"],
  },
  "Neg, Sum, squares and cubes": {
    input: IMAGE,
    build: (net, x) => {
      const cube = net.op("Pow", [x, net.op("Constant", [], { value: float32("", [], [3]) })]);
      const square = net.op("Pow", [x, net.op("Constant", [], { value: float32("", [1], [2]) })]);
      return [net.op("Sum", [net.op("Neg", [x]), cube, square]), 8];
    },
  },
};

for (
  const [name, { input, opset = 18, build, channels = 8, has = [], hasNot = [], macs }] of Object.entries(FAMILIES)
) {
  test(name, async () => {
    const net = network(opset);
    const ones = input.slice(1).map(() => 3);
    const pads = [...input.slice(1), ...input.slice(1)].map(() => 1);
    const x = net.op("Relu", [net.conv("x", input[0], channels, ones, { pads })]);
    const [y, width] = build(net, x);
    const bytes = net.bytes(net.conv(y, width, 4, ones, { pads }), input);
    const read = await judgeFile(await testGpu(), name, { bytes, macs });
    const ops = read.graph.nodes.map(({ op }) => op as string);
    for (const op of has) assert.ok(ops.includes(op), `${op} isn't in ${ops}`);
    for (const op of hasNot) assert.not.ok(ops.includes(op), `${op} is in ${ops}`);
  });
}

test.run();
