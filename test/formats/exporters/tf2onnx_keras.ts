/** As tf2onnx writes networks of Keras: images [N,H,W,C], names of TensorFlow's nodes with ":0", transposes around layers. */
import { type Attributes, type WrittenFile, type WrittenGraph, writtenGraph } from "./written_graph.ts";

const SCOPE = "StatefulPartitionedCall/model";

function builder(g: WrittenGraph) {
  let count = 0;
  return (path: string, type: string, inputs: readonly string[], attributes: Attributes = {}) =>
    g.node(`${SCOPE}/${path}__${count}`, type, inputs, [`${SCOPE}/${path}__${count++}:0`], attributes);
}

/** MobileNet's block: convolution, batch norm, relu6, depthwise convolution, mean over pixels, dense layer. */
export function mobilenet(opset: number): WrittenFile {
  const g = writtenGraph();
  const op = builder(g);
  const bound = (value: number) => g.floats(`Const__${value}:0`, [], value);
  const [low, high] = [bound(0), bound(6)];
  let x = op("conv2d/Conv2D__6", "Transpose", ["input_1"], { perm: [0, 3, 1, 2] });
  x = op("conv2d/Conv2D", "Conv", [x, g.weight(`${SCOPE}/conv2d/Conv2D/ReadVariableOp:0`, 8, 3, 3, 3)], {
    dilations: [1, 1],
    strides: [2, 2],
    kernel_shape: [3, 3],
    pads: [0, 0, 1, 1],
    group: 1,
  });
  const norm = ["ReadVariableOp", "ReadVariableOp_1", "FusedBatchNormV3/ReadVariableOp"]
    .map((name) => g.weight(`${SCOPE}/batch_normalization/${name}:0`, 8));
  const variance = g.positive(`${SCOPE}/batch_normalization/FusedBatchNormV3/ReadVariableOp_1:0`, 8);
  x = op("batch_normalization/FusedBatchNormV3", "BatchNormalization", [x, ...norm, variance], { epsilon: 0.001 });
  x = op("re_lu/Relu6", "Clip", [x, low, high]);
  x = op("depthwise/depthwise", "Conv", [
    x,
    g.weight(`${SCOPE}/depthwise/depthwise_weights_fused_bn`, 8, 1, 3, 3),
    g.weight(`${SCOPE}/depthwise/depthwise_bias_fused_bn`, 8),
  ], { auto_pad: "SAME_UPPER", dilations: [1, 1], strides: [1, 1], kernel_shape: [3, 3], group: 8 });
  x = op("re_lu_1/Relu6", "Clip", [x, low, high]);
  x = op("dropout/Identity", "Identity", [x]);
  x = opset >= 18
    ? op("pool/Mean", "ReduceMean", [x, g.ints("const_axes__31", [2, 3])], { keepdims: 1 })
    : op("pool/Mean", "ReduceMean", [x], { axes: [2, 3], keepdims: 1 });
  x = op("pool/Mean__18", "Squeeze", [x, g.ints("const_axes__18", [2, 3])]);
  const product = op("dense/MatMul", "MatMul", [x, g.weight(`${SCOPE}/dense/MatMul/ReadVariableOp:0`, 8, 5)]);
  g.node(`${SCOPE}/dense/BiasAdd`, "Add", [product, g.weight(`${SCOPE}/dense/BiasAdd/ReadVariableOp:0`, 5)], ["dense"]);
  return g.file({ input: "input_1", shape: ["unk__24", 9, 8, 3], output: "dense", opset, producer: "tf2onnx" });
}

/** ConvNeXt's block: depthwise convolution, Keras's own layer norm over the last axis, dense layers, GELU by erf, a factor. */
export function convnext(opset: number): WrittenFile {
  const g = writtenGraph();
  const op = builder(g);
  const axes = g.ints("axes__1", [3]);
  const mean = (path: string, x: string) =>
    opset >= 18
      ? op(path, "ReduceMean", [x, axes], { keepdims: 1 })
      : op(path, "ReduceMean", [x], { axes: [3], keepdims: 1 });
  const dense = (path: string, x: string, from: number, to: number) =>
    op(`${path}/BiasAdd`, "Add", [
      op(`${path}/MatMul`, "MatMul", [x, g.weight(`${SCOPE}/${path}/kernel:0`, from, to)]),
      g.weight(`${SCOPE}/${path}/bias:0`, to),
    ]);
  /** A dense layer over pixels, all of which are rows of one matrix, whatever sample they are of. */
  const tensordot = (path: string, x: string, from: number, to: number) => {
    const rows = op(`${path}/Tensordot/Reshape`, "Reshape", [x, g.ints(`${path}/rows:0`, [-1, from])]);
    const product = op(`${path}/Tensordot/MatMul`, "MatMul", [rows, g.weight(`${SCOPE}/${path}/kernel:0`, from, to)]);
    const pixels = op(`${path}/Tensordot`, "Reshape", [product, g.ints(`${path}/pixels:0`, [-1, 3, 4, to])]);
    return op(`${path}/BiasAdd`, "Add", [pixels, g.weight(`${SCOPE}/${path}/bias:0`, to)]);
  };
  const layerNorm = (path: string, x: string, size: number) => {
    const centre = mean(`${path}/moments/mean`, x);
    const difference = op(`${path}/moments/SquaredDifference`, "Sub", [x, centre]);
    const squared = op(`${path}/moments/Mul`, "Mul", [difference, difference]);
    const variance = mean(`${path}/moments/variance`, squared);
    const sum = op(`${path}/batchnorm/add`, "Add", [variance, g.floats(`${path}/add/y:0`, [], 1e-6)]);
    const inverse = op(`${path}/batchnorm/Rsqrt`, "Reciprocal", [op(`${path}/batchnorm/Sqrt`, "Sqrt", [sum])]);
    const scale = op(`${path}/batchnorm/mul`, "Mul", [inverse, g.weight(`${SCOPE}/${path}/gamma:0`, size)]);
    const moved = op(`${path}/batchnorm/mul_2`, "Mul", [centre, scale]);
    const offset = op(`${path}/batchnorm/sub`, "Sub", [g.weight(`${SCOPE}/${path}/beta:0`, size), moved]);
    return op(`${path}/batchnorm/add_1`, "Add", [op(`${path}/batchnorm/mul_1`, "Mul", [x, scale]), offset]);
  };
  const conv = (path: string, x: string, dims: readonly number[], attributes: Attributes) => {
    const image = op(`${path}__in`, "Transpose", [x], { perm: [0, 3, 1, 2] });
    const inputs = [image, g.weight(`${SCOPE}/${path}/weights`, ...dims), g.weight(`${SCOPE}/${path}/bias`, dims[0])];
    return op(`${path}__out`, "Transpose", [op(path, "Conv", inputs, attributes)], { perm: [0, 2, 3, 1] });
  };
  const stem = conv("stem/Conv2D", "input_1", [8, 3, 2, 2], { strides: [2, 2], kernel_shape: [2, 2] });
  const x = layerNorm("stem/norm", stem, 8);
  let y = conv("block/depthwise", x, [8, 1, 3, 3], { group: 8, pads: [1, 1, 1, 1], kernel_shape: [3, 3] });
  y = tensordot("block/pointwise_1", layerNorm("block/norm", y, 8), 8, 16);
  const erf = op("block/gelu/Erf", "Erf", [op("block/gelu/truediv", "Div", [y, g.floats("sqrt2:0", [], Math.SQRT2)])]);
  const half = op("block/gelu/mul", "Mul", [g.floats("half:0", [], 0.5), y]);
  y = op("block/gelu/mul_1", "Mul", [half, op("block/gelu/add", "Add", [erf, g.floats("one:0", [], 1)])]);
  y = tensordot("block/pointwise_2", y, 16, 8);
  y = op("block/layer_scale/mul", "Mul", [y, g.weight(`${SCOPE}/block/gamma:0`, 8)]);
  y = op("block/add", "Add", [x, y]);
  const pooled = opset >= 18
    ? op("pool/Mean", "ReduceMean", [y, g.ints("axes__9", [1, 2])], { keepdims: 0 })
    : op("pool/Mean", "ReduceMean", [y], { axes: [1, 2], keepdims: 0 });
  g.node(`${SCOPE}/head`, "Identity", [dense("head", pooled, 8, 4)], ["predictions"]);
  return g.file({ input: "input_1", shape: ["unk__12", 6, 8, 3], output: "predictions", opset, producer: "tf2onnx" });
}
