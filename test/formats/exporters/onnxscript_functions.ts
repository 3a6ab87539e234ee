/** As functions of onnxscript's torch_lib look once they are inlined: constants as attributes, CastLike, reshapes of norms. */
import { type Attributes, float, floats, type WrittenFile, writtenGraph } from "./written_graph.ts";

/** A decoder: convolution, group norm, SiLU, transposed convolution, hard tanh, pixel shuffle, and nearest upsampling. */
export function decoder(opset: number): WrittenFile {
  const g = writtenGraph();
  let count = 0;
  const op = (type: string, inputs: readonly string[], attributes: Attributes = {}, scope = "inlined") =>
    g.node(`${scope}_${type}_${count}`, type, inputs, [`tmp_${count++}`], attributes);
  const ints = (...value: number[]) => op("Constant", [], { value_ints: value }, "aten");
  const number = (value: number) => op("Constant", [], { value_float: float(value) }, "aten");
  const like = (value: number, x: string) => op("CastLike", [number(value), x], {}, "aten");

  let x = op("Conv", ["l_x_", g.weight("stem.weight", 8, 3, 3, 3), g.weight("stem.bias", 8)], {
    pads: [1, 1, 1, 1],
    strides: [1, 1],
    dilations: [1, 1],
    group: 1,
  });
  // aten_group_norm: as an instance norm of groups.
  const shape = op("Shape", [x]);
  const grouped = op("Reshape", [x, ints(0, 2, -1)], { allowzero: 0 });
  const normed = op("InstanceNormalization", [
    grouped,
    op("Expand", [like(1, x), ints(2)]),
    op("Expand", [like(0, x), ints(2)]),
  ], { epsilon: 1e-5 });
  const back = op("Reshape", [normed, shape], { allowzero: 0 });
  const [gamma, beta] = ["norm.weight", "norm.bias"].map((name) => op("Unsqueeze", [g.weight(name, 8), ints(1, 2)]));
  x = op("Add", [op("Mul", [back, gamma]), beta]);
  x = op("Mul", [x, op("Sigmoid", [x])], {}, "aten_silu");
  const up = [x, g.weight("up.weight", 8, 8, 4, 4), g.weight("up.bias", 8)];
  x = op("ConvTranspose", up, {
    auto_pad: "NOTSET",
    dilations: [1, 1],
    group: 1,
    kernel_shape: [4, 4],
    output_padding: [0, 0],
    pads: [1, 1, 1, 1],
    strides: [2, 2],
  });
  x = op("Clip", [x, like(-1, x), like(1, x)], {}, "aten_hardtanh");
  x = op("Conv", [x, g.weight("wide.weight", 16, 8, 1, 1)], { kernel_shape: [1, 1] });
  x = op("DepthToSpace", [x], { blocksize: 2, mode: "CRD" }, "aten_pixel_shuffle");
  x = op("Resize", [
    op("Identity", [x]),
    "",
    op("Constant", [], { value_floats: floats(1, 1, 2, 2) }, "aten"),
  ], {
    mode: "nearest",
    nearest_mode: "floor",
    coordinate_transformation_mode: "asymmetric",
    keep_aspect_ratio_policy: "stretch",
    antialias: 0,
    exclude_outside: 0,
    cubic_coeff_a: float(-0.75),
    extrapolation_value: float(0),
  });
  x = op("LeakyRelu", [op("Cast", [x], { to: 1 })], { alpha: 0.2 });
  x = op("Conv", [x, g.weight("head.weight", 3, 4, 3, 3)], { pads: [1, 1, 1, 1] });
  const mean = op("ReduceMean", [x, ints(2, 3)], { keepdims: 0, noop_with_empty_axes: 0 });
  g.node("return_val", "Identity", [mean], ["output"]);
  return g.file({ input: "l_x_", shape: ["s0", 3, 4, 5], output: "output", opset, producer: "onnxscript" });
}
