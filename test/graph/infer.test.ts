import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { ceilPads } from "../../src/graph/attrs.ts";
import { builder } from "../../src/graph/build.ts";
import { inferNode, inferShapes } from "../../src/graph/infer.ts";
import { concrete } from "../../src/graph/shapes.ts";
import type { Attrs, Graph, OpName, Shape } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";

const test = suite("infer");

const IMAGE: Shape = ["N", 4, 9, 8];

function shapeOf(op: OpName, inputs: readonly Shape[], attrs: Attrs = {}): Shape {
  return inferNode({ name: "n", op, inputs: inputs.map((_, i) => `v${i}`), outputs: ["y"], attrs }, inputs);
}

function message(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.instance(error, UserError);
    return (error as Error).message;
  }
  return "no error";
}

test("every operator's shape", () => {
  const cases: [OpName, Shape[], Attrs, Shape][] = [
    ["Conv", [IMAGE, [6, 4, 3, 3], [6]], { pads: [1, 1, 1, 1] }, ["N", 6, 9, 8]],
    ["Conv", [IMAGE, [6, 2, 3, 2]], { group: 2, strides: [2, 3], dilations: [2, 1] }, ["N", 6, 3, 3]],
    ["Conv", [IMAGE, [4, 1, 3, 3]], { group: 4, pads: [0, 1, 2, 0] }, ["N", 4, 9, 7]],
    ["Gemm", [["N", 7], [3, 7], [3]], {}, ["N", 3]],
    ["BatchNormalization", [IMAGE, [4], [4], [4], [4]], {}, IMAGE],
    ["BatchNormalization", [["N", 5], [5], [5], [5], [5]], {}, ["N", 5]],
    ["Relu", [IMAGE], {}, IMAGE],
    ["Clip", [IMAGE], { min: 0, max: 6 }, IMAGE],
    ["Gelu", [IMAGE], {}, IMAGE],
    ["Sigmoid", [IMAGE], {}, IMAGE],
    ["Tanh", [IMAGE], {}, IMAGE],
    ["LeakyRelu", [IMAGE], { alpha: 0.1 }, IMAGE],
    ["HardSigmoid", [IMAGE], { alpha: 0.1, beta: 0.5 }, IMAGE],
    ["HardSwish", [["N", 5]], {}, ["N", 5]],
    ["Elu", [IMAGE], { alpha: 0.5 }, IMAGE],
    ["Softplus", [IMAGE], {}, IMAGE],
    ["Mish", [["N", 5]], {}, ["N", 5]],
    ["Abs", [IMAGE], {}, IMAGE],
    ["ConvTranspose", [IMAGE, [4, 3, 2, 2], [3]], { strides: [2, 2] }, ["N", 3, 18, 16]],
    ["ConvTranspose", [IMAGE, [4, 3, 3, 3]], {
      strides: [2, 3],
      pads: [1, 1, 1, 0],
      output_padding: [1, 2],
    }, ["N", 3, 18, 25]],
    ["ConvTranspose", [IMAGE, [4, 3, 3, 3]], { dilations: [2, 1], group: 2 }, ["N", 6, 13, 10]],
    ["DepthToSpace", [IMAGE], { blocksize: 2 }, ["N", 1, 18, 16]],
    ["ReduceSum", [["N", 5, 7]], { axes: [2] }, ["N", 5, 1]],
    ["Add", [IMAGE, IMAGE], {}, IMAGE],
    ["Add", [IMAGE, [4, 1, 1]], {}, IMAGE],
    ["Add", [["N", 5], [5]], {}, ["N", 5]],
    ["Mul", [["N", 4, 1, 1], IMAGE], {}, IMAGE],
    ["Mul", [IMAGE, ["N", 4]], {}, IMAGE],
    ["Mul", [["N", 1, 9, 8], IMAGE], {}, IMAGE],
    ["Add", [["N", 5, 7], [1, 5, 7]], {}, ["N", 5, 7]],
    ["Sub", [["N", 5, 1], ["N", 5, 7]], {}, ["N", 5, 7]],
    ["Div", [["N", 5, 7], ["N", 1, 7]], {}, ["N", 5, 7]],
    ["PRelu", [IMAGE, [4]], {}, IMAGE],
    ["MatMul", [["N", 3, 5, 7], ["N", 3, 7, 2]], {}, ["N", 3, 5, 2]],
    ["MatMul", [["N", 5, 7], [7, 2]], {}, ["N", 5, 2]],
    ["LayerNormalization", [["N", 5, 7], [7], [7]], {}, ["N", 5, 7]],
    ["GroupNormalization", [IMAGE, [4], [4]], { num_groups: 2 }, IMAGE],
    ["Softmax", [IMAGE], { axis: -1 }, IMAGE],
    ["Transpose", [IMAGE], { perm: [0, 2, 3, 1] }, ["N", 9, 8, 4]],
    ["Attention", [["N", 3, 5, 7], ["N", 3, 9, 7], ["N", 3, 9, 7]], {}, ["N", 3, 5, 7]],
    ["MaxPool", [IMAGE], { kernel_shape: [2, 2], strides: [2, 2] }, ["N", 4, 4, 4]],
    ["AveragePool", [IMAGE], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, IMAGE],
    ["GlobalAveragePool", [IMAGE], {}, ["N", 4, 1, 1]],
    ["ReduceMean", [["N", 5, 7]], { axes: [1], keepdims: 0 }, ["N", 7]],
    ["ReduceMax", [["N", 5, 7]], { axes: [1], keepdims: 0 }, ["N", 7]],
    ["ReduceMax", [IMAGE], { axes: [2, 3] }, ["N", 4, 1, 1]],
    ["ReduceMean", [IMAGE], { axes: [1, 2] }, ["N", 1, 1, 8]],
    ["Resize", [IMAGE], { scales: [2, 3] }, ["N", 4, 18, 24]],
    ["Resize", [IMAGE], { mode: "linear", scales: [0.5, 1.25] }, ["N", 4, 4, 10]],
    ["Resize", [["N", 1, 3, 3]], { mode: "linear", scales: [7 / 3, 7 / 3] }, ["N", 1, 7, 7]],
    ["Resize", [IMAGE], { mode: "linear", sizes: [5, 30] }, ["N", 4, 5, 30]],
    ["LayerNormalization", [["N", 5, 7], [7]], {}, ["N", 5, 7]],
    ["Concat", [[1, 1, 7], ["N", 5, 7]], {}, ["N", 6, 7]],
    ["Slice", [["N", 5, 3, 2, 4]], { axes: [2], starts: [1], ends: [2] }, ["N", 5, 1, 2, 4]],
    ["Flatten", [IMAGE], {}, ["N", 288]],
    ["Reshape", [IMAGE], { shape: [0, 8, -1] }, ["N", 8, 36]],
    ["Reshape", [IMAGE], { shape: [-1, 288] }, ["N", 288]],
    ["Reshape", [IMAGE], { shape: [0, 0, 72] }, ["N", 4, 72]],
    ["Concat", [IMAGE, ["N", 3, 9, 8]], { axis: 1 }, ["N", 7, 9, 8]],
    ["Slice", [IMAGE], { axes: [2, -1], starts: [0, -5], ends: [9, 1000], steps: [2, 3] }, ["N", 4, 5, 2]],
    ["Slice", [IMAGE], { axes: [1], starts: [1], ends: [3] }, ["N", 2, 9, 8]],
    ["Pad", [IMAGE], { pads: [0, 2, 0, 0, 0, 3, 1, 0] }, ["N", 9, 10, 8]],
    ["Gather", [IMAGE], { axis: 1, indices: [3, 0, 0] }, ["N", 3, 9, 8]],
    ["Dropout", [IMAGE], {}, IMAGE],
    ["Identity", [IMAGE], {}, IMAGE],
    ["ColumnConv", [IMAGE, [5, 3]], { kernel_shape: [3, 3], taps: [0, 9, 35], strides: [2, 2] }, ["N", 5, 4, 3]],
    ["ColumnConv", [["N", 7], [5, 2], [5]], { taps: [0, 6] }, ["N", 5]],
    [
      "RegionConv",
      [["N", 4, 3, 5], [4, 6, 2, 3, 3], [4, 6]],
      { group: 2, pads: [1, 1, 1, 1], rows: [1, 0, 0], cols: [0, 0, 0, 0, 1] },
      ["N", 6, 3, 5],
    ],
    ["BorderBias", [IMAGE, [4, 2, 1]], { rows: [0, 0, 0, 0, 1, 1, 1, 1, 1], cols: [0, 0, 0, 0, 0, 0, 0, 0] }, IMAGE],
  ];
  for (const [op, inputs, attrs, expected] of cases) assert.equal(shapeOf(op, inputs, attrs), expected, op);
});

test("pads that make what ceil_mode makes, by PyTorch's figures", () => {
  const along = (size: number, kernel: number, stride: number, pad: number) => {
    const pads = ceilPads([size, 1], { kernel: [kernel, 1], strides: [stride, 1], pads: [pad, 0, pad, 0] });
    const attrs = { kernel_shape: [kernel, 1], strides: [stride, 1], pads };
    return shapeOf("MaxPool", [["N", 1, size, 1]], attrs)[2];
  };
  // torch.nn.functional.max_pool2d(…, ceil_mode=True)
  assert.is(along(7, 2, 2, 0), 4);
  assert.is(along(8, 2, 2, 0), 4);
  assert.is(along(6, 3, 2, 0), 3);
  assert.is(along(112, 3, 2, 0), 56);
  assert.is(along(7, 3, 2, 1), 4);
  assert.is(along(5, 1, 3, 0), 2);
  // A fourth window would begin in the padding.
  assert.is(along(5, 2, 2, 1), 3);
  assert.is(along(4, 2, 3, 1), 2);
});

test("an error says which node, what it got and what it expects", () => {
  const conv = { name: "layer1.0.conv1", op: "Conv", inputs: ["x", "w"], outputs: ["y"], attrs: {} } as const;
  assert.is(
    message(() => inferNode(conv, [["N", 16, 8, 8], [16, 3, 3, 3]])),
    'Conv "layer1.0.conv1": weight [16,3,3,3] expects 3 input channels, input has 16',
  );
});

test("bad nodes are refused", () => {
  const cases: [OpName, Shape[], Attrs, RegExp][] = [
    ["Conv", [IMAGE], {}, /has 1 inputs, expected 2 to 3/],
    ["Conv", [["N", 4], [6, 4, 3, 3]], {}, /input \[N,4\] isn't \[N,C,H,W\]/],
    ["Conv", [IMAGE, [6, 4, 3, 3]], { strides: [0, 1] }, /strides is \[0,1\], expected two integers of at least 1/],
    ["Conv", [IMAGE, [6, 4, 3, 3]], { pads: [1, 1] }, /expected \[top, left, bottom, right\]/],
    ["Conv", [IMAGE, [6, 4, 3, 3], [5]], {}, /bias is \[5\], expected \[6\]/],
    ["Conv", [IMAGE, [5, 2, 3, 3]], { group: 2 }, /5 filters can't be split into 2 groups/],
    ["Conv", [IMAGE, [6, 4, 11, 3]], {}, /kernel \[11,3\] with pads \[0,0,0,0\] is larger than the input \[N,4,9,8\]/],
    ["Gemm", [IMAGE, [3, 4]], {}, /put a Flatten before it/],
    ["Gemm", [["N", 7], [3, 8]], {}, /weight \[3,8\] expects 8 inputs, input has 7/],
    ["Gemm", [["N", 7], [3, 7]], { transB: 0 }, /transB 0 isn't supported, expected 1/],
    ["BatchNormalization", [IMAGE, [4], [4], [3], [4]], {}, /mean is \[3\], expected \[4\]/],
    ["Add", [IMAGE, ["N", 4, 9, 7]], {}, /\[N,4,9,8\] and \[N,4,9,7\] don't fit together/],
    ["Add", [IMAGE, [8]], {}, /don't fit together/],
    ["Add", [IMAGE, [1, 4, 1, 8]], {}, /don't fit together/],
    ["Sub", [["N", 5, 1], ["N", 1, 7]], {}, /don't fit together/],
    ["PRelu", [IMAGE, [1]], {}, /slope is \[1\], expected \[4\]/],
    ["MaxPool", [IMAGE], {}, /kernel_shape is missing/],
    ["MaxPool", [IMAGE], { kernel_shape: [2, 2], pads: [2, 0, 0, 0] }, /must be smaller than the kernel/],
    ["MaxPool", [IMAGE], { kernel_shape: [2, 2], ceil_mode: 1 }, /ceil_mode 1 isn't supported/],
    ["ReduceMean", [IMAGE], { axes: [0, 1] }, /axes \[0,1\] aren't neighbouring axes of rank 4/],
    ["ReduceMean", [IMAGE], { axes: [1, 3] }, /aren't neighbouring/],
    ["Resize", [IMAGE], { scales: [2, 0.5] }, /scales is \[2,0.5\], expected/],
    ["Resize", [IMAGE], { mode: "cubic", scales: [2, 2] }, /mode is "cubic", expected "nearest" or "linear"/],
    ["Resize", [IMAGE], { sizes: [2, 2] }, /sizes goes with mode "linear" only/],
    ["Resize", [IMAGE], { mode: "linear" }, /expected either scales or sizes/],
    ["Resize", [IMAGE], { mode: "linear", scales: [0.1, 1] }, /scale 0.1\d* leaves nothing of 9 lines/],
    ["Resize", [IMAGE], { mode: "linear", scales: [0, 1] }, /scales is \[0,1\], expected two positive numbers/],
    ["Resize", [["N", 5, 7]], { scales: [2, 2] }, /isn't \[N,C,H,W\]/],
    ["Concat", [[2, 1, 7], ["N", 5, 7]], {}, /differ outside of axis 1/],
    ["Flatten", [IMAGE], { axis: 2 }, /axis 2 isn't supported/],
    ["Reshape", [IMAGE], { shape: [0, 7, -1] }, /can't give \[N,4,9,8\] the shape \[0,7,-1\]/],
    ["Reshape", [IMAGE], { shape: [-1, -1] }, /more than one -1/],
    ["Concat", [IMAGE, ["N", 3, 9, 7]], {}, /differ outside of axis 1/],
    ["Slice", [IMAGE], { axes: [0], starts: [0], ends: [1] }, /axis 0 isn't supported/],
    ["Slice", [IMAGE], { axes: [2], starts: [5], ends: [5] }, /keeps nothing of axis 2/],
    ["Pad", [IMAGE], { pads: [1, 0, 0, 0, 0, 0, 0, 0] }, /the batch axis can't be padded/],
    ["Pad", [IMAGE], { pads: [0, 0, 0, 0, 0, 0, 0, 0], value: 1 }, /only constant zeros/],
    ["Gather", [IMAGE], { axis: 1, indices: [4] }, /index 4 is outside of the input's 4 channels/],
    ["ColumnConv", [IMAGE, [5, 2]], { kernel_shape: [3, 3], taps: [3, 3] }, /taps must ascend/],
    ["ColumnConv", [IMAGE, [5, 2]], { kernel_shape: [3, 3], taps: [3, 36] }, /tap 36 is outside of the input's 36/],
    ["ColumnConv", [IMAGE, [5, 2]], { kernel_shape: [3, 3], taps: [3] }, /weight \[5,2\] isn't \[F,1\]/],
    ["BorderBias", [IMAGE, [4, 1, 1]], { rows: [0], cols: [0] }, /1 rows and 1 cols of region indices/],
    ["RegionConv", [["N", 2, 3, 3], [2, 2, 3, 3], [1, 2]], { rows: [0], cols: [0] }, /isn't \[regions,F,C,KH,KW\]/],
    ["RegionConv", [["N", 2, 3, 3], [2, 2, 2, 3, 3], [2, 2]], { rows: [0], cols: [0] }, /expected 1 regions of 2/],
    ["RegionConv", [["N", 2, 3, 3], [1, 2, 2, 3, 3], [2]], { rows: [0], cols: [0] }, /expected 1 regions of 2/],
    ["RegionConv", [["N", 2, 3, 3], [1, 2, 2, 3, 3], [1, 2]], { rows: [0, 0], cols: [0] }, /2 rows and 1 cols/],
    ["MatMul", [["N", 5, 7], ["N", 5, 7]], {}, /can't multiply \[N,5,7\] by \[N,5,7\]/],
    ["MatMul", [["N", 7], ["N", 7]], {}, /can't multiply/],
    ["MatMul", [["N", 3, 5, 7], ["N", 7, 2]], {}, /can't multiply/],
    ["LayerNormalization", [IMAGE, [4], [4]], {}, /gamma is \[4\], expected \[8\]/],
    ["LayerNormalization", [IMAGE, [8], [8]], { axis: 1 }, /axis 1 isn't supported, expected -1/],
    ["GroupNormalization", [IMAGE, [4], [4]], { num_groups: 3 }, /4 channels can't be split into 3 groups/],
    ["GroupNormalization", [IMAGE, [4], [4]], {}, /num_groups is 0, expected an integer of at least 1/],
    ["Softmax", [IMAGE], { axis: 1 }, /axis 1 isn't supported/],
    ["Transpose", [IMAGE], { perm: [0, 2, 1] }, /isn't an order of 4 axes/],
    ["Transpose", [IMAGE], { perm: [1, 0, 2, 3] }, /moves the batch axis/],
    ["Attention", [["N", 5, 7], ["N", 5, 6], ["N", 5, 6]], {}, /don't fit together/],
    ["LeakyRelu", [IMAGE], { alpha: "steep" }, /alpha is "steep", expected a number/],
    ["Gelu", [IMAGE], { approximate: "sigmoid" }, /expected "none" or "tanh"/],
  ];
  for (const [op, inputs, attrs, expected] of cases) {
    assert.match(message(() => shapeOf(op, inputs, attrs)), expected, `${op} ${JSON.stringify(attrs)}`);
  }
});

test("activations by name, in order of execution", () => {
  const shapes = inferShapes(createModel("digits"));
  assert.equal([...shapes.keys()].slice(0, 3), ["input", "conv1", "relu"]);
  assert.equal(shapes.get("conv2"), ["N", 32, 8, 8]);
  assert.equal(shapes.get("fc2"), ["N", 10]);
  assert.equal(concrete(shapes.get("maxpool")!, 5), [5, 32, 4, 4]);
});

test("reading what nobody makes", () => {
  const graph: Graph = {
    name: "g",
    inputs: [{ name: "input", shape: ["N", 2] }],
    outputs: ["y"],
    nodes: [{ name: "r", op: "Relu", inputs: ["z"], outputs: ["y"], attrs: {} }],
    params: {},
  };
  assert.match(message(() => inferShapes(graph)), /Relu "r": reads "z", which is no parameter and nothing before it/);
  const b = builder("g", ["N", 2]);
  b.relu(b.input);
  assert.match(message(() => inferShapes(b.graph(["other"]))), /graph "g": nothing makes its output "other"/);
});

test.run();
