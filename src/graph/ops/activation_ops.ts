/** Functions of each number alone: `activation` makes an operator of its name, its numbers and its function. */

import {
  abs,
  clip,
  elu,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mish,
  prelu,
  relu,
  sigmoid,
  softplus,
  tanh,
} from "../../tensor/ops/pointwise.ts";
import type { Tape } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { clipAttrs, geluAttrs, numberAttrs } from "../attrs.ts";
import { mapReference } from "../reference/array.ts";
import { erf, preluReference } from "../reference/pointwise.ts";
import {
  activation as oneActivation,
  ANY_ORDER,
  type Attributes,
  type Inference,
  NO_ATTRIBUTES,
  NO_MACS,
  type Op,
  operator,
  parameter,
} from "./op.ts";
import { requireChannels, requirePer, unchanged } from "./shape_rules.ts";

/** Functions of each number. */
export type ActivationOpName =
  | "Relu"
  | "LeakyRelu"
  | "Clip"
  | "Gelu"
  | "Sigmoid"
  | "Tanh"
  | "HardSigmoid"
  | "HardSwish"
  | "Elu"
  | "Softplus"
  | "Mish"
  | "Abs"
  | "PRelu";

export const ACTIVATION_OPS: Readonly<Record<ActivationOpName, Op>> = {
  Relu: activation({
    attributes: NO_ATTRIBUTES,
    value: (v) => Math.max(v, 0),
    run: relu,
    fused: () => "relu",
  }),
  LeakyRelu: activation({
    attributes: numbers({ alpha: 0.01 }),
    value: (v, { alpha }) => v > 0 ? v : alpha * v,
    run: (tape, x, { alpha }) => leakyRelu(tape, x, alpha),
  }),
  Clip: activation({
    attributes: { names: ["min", "max"], read: clipAttrs },
    value: (v, { min, max }) => Math.min(Math.max(v, min), max),
    run: (tape, x, { min, max }) => clip(tape, x, min, max),
    fused: ({ min, max }) => min === 0 && max === 6 ? "relu6" : undefined,
  }),
  Gelu: activation({
    attributes: { names: ["approximate"], read: geluAttrs },
    value: (v, { approximate }) =>
      approximate === "none"
        ? 0.5 * v * (1 + erf(v / Math.SQRT2))
        : 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
    run: (tape, x, { approximate }) => gelu(tape, x, approximate),
    chained: ({ approximate }) => approximate === "none" ? "gelu" : "geluTanh",
  }),
  Sigmoid: activation({
    attributes: NO_ATTRIBUTES,
    value: (v) => 1 / (1 + Math.exp(-v)),
    run: sigmoid,
  }),
  Tanh: activation({ attributes: NO_ATTRIBUTES, value: Math.tanh, run: tanh }),
  HardSigmoid: activation({
    attributes: numbers({ alpha: 0.2, beta: 0.5 }),
    value: (v, { alpha, beta }) => Math.min(Math.max(alpha * v + beta, 0), 1),
    run: (tape, x, { alpha, beta }) => hardSigmoid(tape, x, alpha, beta),
  }),
  HardSwish: activation({
    attributes: NO_ATTRIBUTES,
    value: (v) => v * Math.min(Math.max(v / 6 + 0.5, 0), 1),
    run: hardSwish,
  }),
  Elu: activation({
    attributes: numbers({ alpha: 1 }),
    value: (v, { alpha }) => v > 0 ? v : alpha * Math.expm1(v),
    run: (tape, x, { alpha }) => elu(tape, x, alpha),
  }),
  Softplus: activation({ attributes: NO_ATTRIBUTES, value: softplus64, run: softplus }),
  Mish: activation({
    attributes: NO_ATTRIBUTES,
    value: (v) => v * Math.tanh(softplus64(v)),
    run: mish,
  }),
  Abs: activation({ attributes: NO_ATTRIBUTES, value: Math.abs, run: abs }),
  PRelu: operator({
    inputs: [oneActivation, parameter("slope")],
    attributes: NO_ATTRIBUTES,
    inference: { kind: "kernel" },
    macs: NO_MACS,
    /** One slope per channel. */
    shape([x, slope], _, node) {
      requireChannels(node, x);
      requirePer(node, "slope", slope, x[1]);
      return x;
    },
    reference: preluReference,
    execute: ({ tape }, [x, slope]) => prelu(tape, x, slope),
  }),
};

function softplus64(v: number): number {
  return Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
}

interface ActivationDefinition<A> {
  readonly attributes: Attributes<A>;
  /** The function in float64. */
  value(v: number, attributes: A): number;
  /** The function on the device, with its derivative. */
  run(tape: Tape, x: Tensor, attributes: A): Tensor;
  /** Its name among those that the kernels of layers and batch norms do as well; default: they don't. */
  fused?(attributes: A): ReturnType<ActivationInference["fused"]>;
  /** Its name among those that the kernel after a layer does as well; default: as `fused`. */
  chained?(attributes: A): ReturnType<ActivationInference["chained"]>;
}

type ActivationInference = Extract<Inference, { kind: "activation" }>;

function activation<A>(
  { attributes, value, run, fused = () => undefined, chained = fused }: ActivationDefinition<A>,
): Op {
  return operator({
    inputs: [oneActivation],
    attributes,
    inference: {
      kind: "activation",
      fused: (node) => fused(attributes.read(node, [])),
      chained: (node) => chained(attributes.read(node, [])),
    },
    axes: ANY_ORDER,
    macs: NO_MACS,
    shape: unchanged,
    reference: ([x], attrs) => mapReference(x, (v) => value(v, attrs)),
    execute: ({ tape }, [x], attrs) => run(tape, x, attrs),
  });
}

/** Attributes that are numbers, with ONNX's defaults. */
function numbers<A extends Readonly<Record<string, number>>>(defaults: A): Attributes<A> {
  return { names: Object.keys(defaults), read: (node) => numberAttrs(node, defaults) };
}
