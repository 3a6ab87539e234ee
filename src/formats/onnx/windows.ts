/** The import of what slides a window: pads in ONNX's several ways of saying them, and pooling. */
import { ceilPads, type Pads, type Pair } from "../../graph/attrs.ts";
import type { Attrs, Dim, OpName, Shape } from "../../graph/types.ts";
import type { Call } from "./call.ts";
import type { Constant } from "./tensors.ts";

/** The input of a sliding window as an image. A line [N,C,L] is an image of one row. */
export interface Windowed {
  /** [N,C,H,W] */
  readonly image: string;
  readonly shape: Shape;
  /** An attribute with a number for each axis; of a line it says nothing of its one row, which gets `row`. */
  pair(name: string, row: number): readonly number[] | undefined;
  /** [top, left, bottom, right] as the attribute has them. */
  pads(): readonly number[] | undefined;
  /** A weight [F,C,…] over an image. */
  weight(constant: Constant): Constant;
  /** Makes what the ONNX node makes: of a line, a line. */
  emit(op: OpName, inputs: readonly string[], attrs: Attrs): void;
}

export function windowed(call: Call): Windowed {
  const { attrs, fail } = call;
  const x = call.activation(0);
  const shape = call.shape(x);
  if (shape.length === 4) {
    return {
      image: x,
      shape,
      pair: (name) => attrs.integers(name),
      pads: () => attrs.integers("pads"),
      weight: (constant) => constant,
      emit: call.emit,
    };
  }
  if (shape.length !== 3) throw fail(`only windows over [N,C,L] and [N,C,H,W] are supported, input is [${shape}]`);
  const [batch, channels, length] = shape as readonly [Dim, number, number];
  const list = (name: string, size: number) => {
    const given = attrs.integers(name);
    if (given && given.length !== size) throw fail(`attribute ${name} [${given}] isn't that of a line [${shape}]`);
    return given;
  };
  return {
    image: call.between("Reshape", [x], { shape: [0, channels, 1, length] }),
    shape: [batch, channels, 1, length],
    pair(name, row) {
      const given = list(name, 1);
      return given && [row, given[0]];
    },
    pads() {
      const given = list("pads", 2);
      return given && [0, given[0], 0, given[1]];
    },
    weight(constant) {
      if (constant.shape.length !== 3) throw fail(`weight [${constant.shape}] isn't one over lines: [F,C,K]`);
      const [filters, perGroup, size] = constant.shape;
      return { ...constant, shape: [filters, perGroup, 1, size] };
    },
    emit(op, inputs, attrs) {
      const made = call.between(op, inputs, attrs);
      const [, filters, , size] = call.shape(made) as number[];
      call.emit("Reshape", [made], { shape: [0, filters, size] });
    },
  };
}

/** The kernel of a weight over images; @throws UserError where the attribute says another. */
export function kernelOf({ fail }: Call, window: Windowed, weight: Constant): readonly number[] {
  const kernel = weight.shape.slice(2);
  const stated = window.pair("kernel_shape", 1) ?? kernel;
  if (stated.join() !== kernel.join()) {
    throw fail(`attribute kernel_shape is [${stated}], the weight's kernel [${kernel}]`);
  }
  return kernel;
}

/** Pads as they stand, or as auto_pad asks for on an input of this size: SAME keeps ⌈size / stride⌉. */
export function padding(
  { attrs, fail }: Call,
  { shape, pads: given }: Windowed,
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): readonly number[] {
  const mode = attrs.text("auto_pad", "NOTSET");
  const pads = given();
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
  const window = windowed(call);
  const { image, shape } = window;
  const kernel = window.pair("kernel_shape", 1);
  if (kernel?.length !== 2) throw call.fail(`kernel_shape [${kernel}] isn't that of a window over [${shape}]`);
  const strides = window.pair("strides", 1) ?? [1, 1];
  const dilations = (window.pair("dilations", 1) ?? [1, 1]).map((d, axis) => kernel[axis] === 1 ? 1 : d);
  const pads = padding(call, window, kernel, strides, dilations);
  // The order of the indices that a maximum may give as well: nothing reads them.
  attrs.ignore("storage_order");
  const isAverage = op === "AveragePool";
  const counted = isAverage && attrs.integer("count_include_pad", 0) !== 0;
  const emit = (value: string, pads: readonly number[], counted: boolean) => {
    const counts: Attrs = isAverage ? { count_include_pad: counted ? 1 : 0 } : {};
    window.emit(op, [value], { kernel_shape: kernel, strides, pads, dilations, ...counts });
  };
  if (attrs.integer("ceil_mode", 0) === 0) return emit(image, pads, counted);
  if (![kernel, strides].every((pair) => pair.length === 2 && pair.every((v) => v >= 1)) || pads.length !== 4) {
    throw call.fail(`kernel [${kernel}], strides [${strides}] or pads [${pads}] aren't those of a 2-D window`);
  }
  const [height, width] = shape.slice(2) as number[];
  const size = { kernel: kernel as unknown as Pair, strides: strides as unknown as Pair };
  if (!counted || pads.every((p) => p === 0)) {
    return emit(image, ceilPads([height, width], { ...size, pads: pads as unknown as Pads }), false);
  }
  const [top, left, bottom, right] = pads;
  const wide = call.between("Pad", [image], { pads: [0, 0, top, left, 0, 0, bottom, right] });
  emit(wide, ceilPads([height + top + bottom, width + left + right], { ...size, pads: [0, 0, 0, 0] }), false);
}

/** Over all places of each channel. */
export function globalPool(call: Call, op: "mean" | "maximum"): void {
  const x = call.activation(0);
  const rank = call.shape(x).length;
  if (rank < 3) throw call.fail(`input [${call.shape(x)}] has no places beside its channels`);
  if (rank === 4 && op === "mean") return call.emit("GlobalAveragePool", [x]);
  const axes = Array.from({ length: rank - 2 }, (_, i) => i + 2);
  call.emit(op === "mean" ? "ReduceMean" : "ReduceMax", [x], { axes, keepdims: 1 });
}
