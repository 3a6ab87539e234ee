/** The import of transposed convolutions: pads in each of ONNX's ways of saying them. */
import { type Call, required } from "./call.ts";
import { kernelOf, type Windowed, windowed } from "./windows.ts";

/** Its weight is [C,F/group,…]. */
export function convTranspose(call: Call): void {
  const window = windowed(call);
  const weight = window.weight(required(call, 1, "weight"));
  const geometry: Geometry = {
    kernel: kernelOf(call, window, weight),
    strides: window.pair("strides", 1) ?? [1, 1],
    dilations: window.pair("dilations", 1) ?? [1, 1],
    more: window.pair("output_padding", 0) ?? [0, 0],
  };
  const pads = padsOf(call, window, geometry);
  const { strides, dilations, more } = geometry;
  const bias = call.constant(2);
  const inputs = [window.image, call.parameter(weight, "weight", "weight")];
  if (bias) inputs.push(call.parameter(bias, "bias", "bias"));
  const group = call.attrs.integer("group", 1);
  window.emit("ConvTranspose", inputs, { strides, pads, dilations, group, output_padding: more });
}

interface Geometry {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly more: readonly number[];
}

/** As they stand, or such that the output has the size that `output_shape` names, or SAME: size · stride. */
function padsOf(
  { attrs, fail }: Call,
  window: Windowed,
  { kernel, strides, dilations, more }: Geometry,
): readonly number[] {
  const mode = attrs.text("auto_pad", "NOTSET");
  const given = window.pads() ?? [0, 0, 0, 0];
  // It may name batch and channels as well.
  const sizes = window.pair("output_shape", 1)?.slice(-2);
  if (!["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"].includes(mode)) {
    throw fail(`attribute auto_pad "${mode}" isn't supported`);
  }
  if (!sizes && mode === "NOTSET") return given;
  if (!sizes && mode === "VALID") return [0, 0, 0, 0];
  const sides = [0, 1].map((axis) => {
    const size = window.shape[2 + axis] as number;
    const whole = strides[axis] * (size - 1) + dilations[axis] * (kernel[axis] - 1) + 1 + more[axis];
    const total = whole - (sizes?.[axis] ?? size * strides[axis]);
    if (total < 0) throw fail(`it makes ${whole} of ${size} lines, fewer than the ${whole - total} it should`);
    const less = Math.floor(total / 2);
    return mode === "SAME_UPPER" ? [less, total - less] : [total - less, less];
  });
  return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]];
}
