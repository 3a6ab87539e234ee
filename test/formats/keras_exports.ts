/** Small networks in the nodes that tf2onnx writes for Keras: images [N,H,W,C], a Transpose on each side of what wants [N,C,H,W]. */
import type { OnnxModel } from "../../src/formats/onnx/types.ts";
import { tracer } from "./onnx-exports.ts";

const FIRST = [0, 3, 1, 2], LAST = [0, 2, 3, 1];

/** What the network ends in. */
export type KerasHead = "flattened" | "averaged" | "largest";

/** Convolutions, a depthwise one, padding, branches that are added and joined, and a head. */
export function keras(head: KerasHead, transposes: "everywhere" | "optimised"): OnnxModel {
  const t = tracer("by fan-in");
  let count = 0;
  /** An operator of [N,C,H,W]; the optimiser of tf2onnx takes pairs of Transposes out, but not before what it doesn't know. */
  const turned = (x: string, make: (x: string) => string) =>
    t.op("Transpose", [make(t.op("Transpose", [x], { perm: FIRST }))], { perm: LAST });
  const conv = (
    x: string,
    out: number,
    side: number,
    from: number,
    more: Record<string, number | number[] | string> = {},
  ) =>
    turned(x, (image) => {
      const group = Number(more.group ?? 1);
      const weight = t.weight(`conv${count++}/kernel`, out, from / group, side, side);
      return t.op("Conv", [image, weight], { kernel_shape: [side, side], auto_pad: "SAME_UPPER", ...more });
    });
  const bias = (x: string, size: number) => t.op("Add", [x, t.weight(`bias${count++}`, 1, 1, 1, size)]);
  const scaled = (x: string, size: number) => t.op("Mul", [x, t.weight(`scale${count++}`, size)]);

  let x = t.op("Relu", [bias(conv("input", 8, 3, 3, { strides: [2, 2] }), 8)]);
  x = t.op("Pad", [x, t.integers(0, 1, 1, 0, 0, 1, 1, 0)]);
  x = turned(x, (image) => t.op("MaxPool", [image], { kernel_shape: [3, 3], strides: [2, 2] }));
  const wide = t.op("Clip", [bias(scaled(conv(x, 12, 1, 8), 12), 12), t.number(0), t.number(6)]);
  const deep = t.op("Clip", [bias(conv(wide, 12, 3, 12, { group: 12 }), 12), t.number(0), t.number(6)]);
  const back = t.op("Add", [bias(conv(deep, 8, 1, 12), 8), x]);
  const joined = t.op("Concat", [back, t.op("Relu", [bias(conv(back, 6, 3, 8), 6)])], { axis: 3 });
  // Gates of all pixels, as a squeeze that keeps its axes.
  const squeezed = t.op("ReduceMean", [joined], { axes: [1, 2], keepdims: 1 });
  const gates = t.op("Sigmoid", [bias(conv(t.op("Relu", [conv(squeezed, 4, 1, 14)]), 14, 1, 4), 14)]);
  let y = t.op("Mul", [joined, gates]);
  if (transposes === "optimised") {
    const image = t.op("Transpose", [y], { perm: FIRST });
    const made = t.op("Conv", [image, t.weight("last/kernel", 10, 14, 3, 3), t.weight("last/bias", 10)], {
      kernel_shape: [3, 3],
      auto_pad: "SAME_UPPER",
    });
    y = t.op("Transpose", [t.op("Relu", [made])], { perm: LAST });
  } else y = t.op("Relu", [bias(conv(y, 10, 3, 14), 10)]);
  const features = { flattened: 160, averaged: 10, largest: 10 }[head];
  const flat = {
    flattened: () => t.op("Reshape", [y, t.integers(-1, 160)]),
    averaged: () => t.op("ReduceMean", [y], { axes: [1, 2], keepdims: 0 }),
    largest: () =>
      t.op("Squeeze", [
        t.op("GlobalMaxPool", [t.op("Transpose", [y], { perm: FIRST })]),
        t.integers(2, 3),
      ]),
  }[head]();
  const dense = t.op("Relu", [
    t.op("Add", [t.op("MatMul", [flat, t.weight("dense/kernel", features, 16)]), t.weight("dense/bias", 16)]),
  ]);
  const logits = t.op("Add", [t.op("MatMul", [dense, t.weight("logits/kernel", 16, 5)]), t.weight("logits/bias", 5)]);
  return t.done(t.op("Softmax", [logits], { axis: 1 }), ["unk__6", 16, 16, 3], 13);
}
