/** As paddle2onnx writes networks of PaddlePaddle: conv2d_0.w_0, p2o.Add.1, numbers as lists of one, sizes computed of shapes. */
import { type Attributes, type WrittenFile, writtenGraph } from "./written_graph.ts";

/** MobileNetV3 with squeeze and excitation, and a pyramid's upsampling to the size of another map. */
export function mobilenet(opset: number): WrittenFile {
  const g = writtenGraph();
  const counts = new Map<string, number>();
  const op = (type: string, inputs: readonly string[], attributes: Attributes = {}) => {
    const count = counts.get(type) ?? 0;
    counts.set(type, count + 1);
    return g.node(`p2o.${type}.${count}`, type, inputs, [`p2o.${type}.${count}`], attributes);
  };
  const constant = (values: readonly number[], dims: readonly number[] = [values.length]) => {
    const count = counts.get("helper") ?? 0;
    counts.set("helper", count + 1);
    return g.floats(`p2o.helper.constant.${count}`, dims, ...values);
  };
  const indices = (...values: number[]) => {
    const count = counts.get("helper") ?? 0;
    counts.set("helper", count + 1);
    return g.ints(`p2o.helper.constant.${count}`, values);
  };
  const conv = (x: string, i: number, [out, per, k]: readonly number[], attributes: Attributes = {}) => {
    const pad = (k - 1) >> 1;
    return op("Conv", [x, g.weight(`conv2d_${i}.w_0`, out, per, k, k)], {
      dilations: [1, 1],
      kernel_shape: [k, k],
      strides: [1, 1],
      group: 1,
      pads: [pad, pad, pad, pad],
      ...attributes,
    });
  };
  const batchNorm = (x: string, i: number, channels: number) => {
    const inputs = ["w_0", "b_0", "w_1"].map((kind) => g.weight(`batch_norm_${i}.${kind}`, channels));
    return op("BatchNormalization", [x, ...inputs, g.positive(`batch_norm_${i}.w_2`, channels)], {
      epsilon: 9.999999747378752e-6,
      momentum: 0.8999999761581421,
    });
  };
  const hardSwish = (x: string) => {
    const clipped = op("Clip", [op("Add", [x, constant([3])]), constant([0], []), constant([6], [])]);
    return op("Div", [op("Mul", [x, clipped]), constant([6])]);
  };
  const shifted = (x: string, name: string, channels: number) =>
    op("Add", [x, op("Reshape", [g.weight(name, channels), indices(1, channels, 1, 1)])]);

  const stem = hardSwish(batchNorm(conv("x", 0, [8, 3, 3], { strides: [2, 2] }), 0, 8));
  const deep = op("Relu", [batchNorm(conv(stem, 1, [8, 1, 3], { group: 8, strides: [2, 2] }), 1, 8)]);
  const pooled = op("GlobalAveragePool", [deep]);
  const excited = op("Relu", [shifted(conv(pooled, 2, [4, 8, 1]), "conv2d_2.b_0", 4)]);
  const gate = op("HardSigmoid", [shifted(conv(excited, 3, [8, 4, 1]), "conv2d_3.b_0", 8)], {
    alpha: 0.1666666716337204,
    beta: 0.5,
  });
  const scaled = op("Mul", [deep, gate]);
  // The size of the other map, beside batch and channels of this one.
  const shape = op("Cast", [op("Shape", [stem])], { to: 7 });
  const wanted = op("Slice", [shape, indices(2), indices(4), indices(0)]);
  const own = op("Slice", [op("Shape", [scaled]), indices(0), indices(2), indices(0)]);
  const sizes = op("Concat", [own, op("Cast", [wanted], { to: 7 })], { axis: 0 });
  const large = op("Resize", [scaled, "", "", sizes], {
    coordinate_transformation_mode: "asymmetric",
    mode: "nearest",
    nearest_mode: "floor",
  });
  const joined = op("Concat", [stem, large], { axis: 1 });
  const mixed = op("Relu", [batchNorm(conv(joined, 4, [8, 16, 1]), 2, 8)]);
  const flat = op("Flatten", [op("GlobalAveragePool", [mixed])], { axis: 1 });
  const linear = op("MatMul", [flat, g.weight("linear_0.w_0", 8, 5)]);
  const out = op("Add", [linear, op("Reshape", [g.weight("linear_0.b_0", 5), indices(1, 5)])]);
  g.node("Identity.0", "Identity", [out], ["linear_1.tmp_1"]);
  return g.file({
    input: "x",
    shape: ["DynamicDimension.0", 3, 12, 8],
    output: "linear_1.tmp_1",
    opset,
    producer: "PaddlePaddle",
  });
}
