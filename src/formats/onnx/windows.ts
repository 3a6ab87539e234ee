/** The import of what slides a window: pads in ONNX's several ways of saying them, and pooling. */
import { ceilPads, type Pads, type Pair } from "../../graph/attrs.ts";
import type { Attrs, Shape } from "../../graph/types.ts";
import type { Call } from "./call.ts";

/** Pads as they stand, or as auto_pad asks for on an input of this size: SAME keeps ⌈size / stride⌉. */
export function padding(
  { attrs, fail }: Call,
  shape: Shape,
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): readonly number[] {
  const mode = attrs.text("auto_pad", "NOTSET");
  const pads = attrs.integers("pads");
  if (mode === "NOTSET") return pads ?? [0, 0, 0, 0];
  if (mode === "VALID") return [0, 0, 0, 0];
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") throw fail(`attribute auto_pad "${mode}" isn't supported`);
  const sides = [0, 1].map((axis) => {
    const size = shape[2 + axis] as number;
    const reach = dilations[axis] * (kernel[axis] - 1) + 1;
    const total = Math.max(0, (Math.ceil(size / strides[axis]) - 1) * strides[axis] + reach - size);
    const less = Math.floor(total / 2);
    return mode === "SAME_UPPER" ? [less, total - less] : [total - less, less];
  });
  return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]];
}

/** With `ceil_mode` the last windows reach beyond the end: larger pads there, which an average doesn't count. */
export function pool(call: Call, op: "MaxPool" | "AveragePool"): void {
  const { attrs } = call;
  const x = call.activation(0);
  const shape = call.shape(x);
  const kernel = attrs.integers("kernel_shape");
  if (kernel?.length !== 2 || shape.length !== 4) throw call.fail("only 2-D windows over [N,C,H,W] are supported");
  const strides = attrs.integers("strides") ?? [1, 1];
  const dilations = (attrs.integers("dilations") ?? [1, 1]).map((d, axis) => kernel[axis] === 1 ? 1 : d);
  const pads = padding(call, shape, kernel, strides, dilations);
  // The order of the indices that a maximum may give as well: nothing reads them.
  attrs.ignore("storage_order");
  const isAverage = op === "AveragePool";
  const counted = isAverage && attrs.integer("count_include_pad", 0) !== 0;
  const emit = (value: string, pads: readonly number[], counted: boolean) => {
    const counts: Attrs = isAverage ? { count_include_pad: counted ? 1 : 0 } : {};
    call.emit(op, [value], { kernel_shape: kernel, strides, pads, dilations, ...counts });
  };
  if (attrs.integer("ceil_mode", 0) === 0) return emit(x, pads, counted);
  if (![kernel, strides].every((pair) => pair.length === 2 && pair.every((v) => v >= 1)) || pads.length !== 4) {
    throw call.fail(`kernel [${kernel}], strides [${strides}] or pads [${pads}] aren't those of a 2-D window`);
  }
  const [height, width] = shape.slice(2) as number[];
  const window = { kernel: kernel as unknown as Pair, strides: strides as unknown as Pair };
  if (!counted || pads.every((p) => p === 0)) {
    return emit(x, ceilPads([height, width], { ...window, pads: pads as unknown as Pads }), false);
  }
  const [top, left, bottom, right] = pads;
  const wide = call.between("Pad", [x], { pads: [0, 0, top, left, 0, 0, bottom, right] });
  emit(wide, ceilPads([height + top + bottom, width + left + right], { ...window, pads: [0, 0, 0, 0] }), false);
}

/** Over the whole map. */
export function globalMaxPool(call: Call): void {
  const x = call.activation(0);
  const [, , ...size] = call.shape(x) as number[];
  if (size.length !== 2) throw call.fail(`input [${call.shape(x)}] isn't [N,C,H,W]`);
  call.emit("MaxPool", [x], { kernel_shape: size, strides: size, pads: [0, 0, 0, 0], dilations: [1, 1] });
}
