/** Two values, element by element. */

import { borderBias } from "../../tensor/ops/border.ts";
import { mix } from "../../tensor/ops/mix.ts";
import { add, div, mul, sub } from "../../tensor/ops/pointwise.ts";
import type { Tape } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { borderBiasAttrs, nodeError } from "../attrs.ts";
import { broadcastOf } from "../broadcast.ts";
import { borderBiasReference, combineReference } from "../reference/pointwise.ts";
import { sameShape, shapeText } from "../shapes.ts";
import {
  activation,
  ANY_ORDER,
  type Attributes,
  either,
  type Inference,
  type Input,
  NO_ATTRIBUTES,
  NO_MACS,
  type Op,
  operator,
  parameter,
} from "./op.ts";
import { requireImage } from "./shape_rules.ts";

/** Operators of two operands, and the table added at borders. */
export type ArithmeticOpName = "Add" | "Sub" | "Mul" | "Div" | "Mix" | "BorderBias";

const SHIFT = either("bias", "beta", "table");
const FACTOR = either("weight", "gamma", "table");

/** There are no attributes: how the operands meet follows from their shapes. */
const BROADCAST: Attributes<ReturnType<typeof broadcastOf>> = {
  names: [],
  read: (node, [a, b]) => broadcastOf(node, a, b),
};

export const ARITHMETIC_OPS: Readonly<Record<ArithmeticOpName, Op>> = {
  Add: arithmetic({ operand: SHIFT, inference: { kind: "sum" }, affineIn: [0, 1], value: (a, b) => a + b, run: add }),
  Sub: arithmetic({
    operand: SHIFT,
    inference: { kind: "kernel" },
    affineIn: [0, 1],
    value: (a, b) => a - b,
    run: sub,
  }),
  Mul: arithmetic({
    operand: FACTOR,
    inference: { kind: "product" },
    affineIn: [0, 1],
    value: (a, b) => a * b,
    run: mul,
  }),
  Div: arithmetic({ operand: FACTOR, inference: { kind: "kernel" }, affineIn: [0], value: (a, b) => a / b, run: div }),
  /** (1 − λ)·a + λ·b, for a λ that the training gives; everywhere else it is b. */
  Mix: operator({
    inputs: [activation, activation],
    attributes: NO_ATTRIBUTES,
    inference: { kind: "kernel" },
    axes: ANY_ORDER,
    macs: NO_MACS,
    shape([a, b], _, node) {
      if (!sameShape(a, b)) throw nodeError(node, `inputs ${shapeText(a)} and ${shapeText(b)}, expected one shape`);
      return a;
    },
    reference: ([, b]) => b,
    execute: ({ tape, mix: factor = 1 }, [a, b]) => mix(tape, a, b, factor),
  }),
  BorderBias: operator({
    inputs: [activation, parameter("table")],
    attributes: { names: ["rows", "cols"], read: borderBiasAttrs },
    indices: ["rows", "cols"],
    inference: { kind: "channel table" },
    macs: NO_MACS,
    shape([x, table], { rows, cols }, node) {
      requireImage(node, x);
      if (rows.length !== x[2] || cols.length !== x[3]) {
        throw nodeError(
          node,
          `${rows.length} rows and ${cols.length} cols of region indices for an input ${shapeText(x)}`,
        );
      }
      const expected = [x[1], Math.max(...rows) + 1, Math.max(...cols) + 1];
      if (table.length !== 3 || table.some((d, i) => i === 0 ? d !== expected[0] : d < expected[i])) {
        throw nodeError(node, `table ${shapeText(table)} is too small, expected ${shapeText(expected)}`);
      }
      return x;
    },
    reference: borderBiasReference,
    execute: ({ tape }, [x, table], { rows, cols }) => borderBias(tape, x, table, rows, cols),
  }),
};

interface ArithmeticDefinition {
  /** What each side takes. */
  readonly operand: Input;
  readonly inference: Inference;
  readonly affineIn: readonly number[];
  /** In float64. */
  value(a: number, b: number): number;
  /** On the device, with its derivatives. */
  run(tape: Tape, a: Tensor, b: Tensor): Tensor;
}

function arithmetic({ operand, inference, affineIn, value, run }: ArithmeticDefinition): Op {
  return operator({
    inputs: [operand, operand],
    attributes: BROADCAST,
    inference,
    axes: ANY_ORDER,
    affineIn,
    macs: NO_MACS,
    shape: ([a, b], { wide }) => wide === 0 ? a : b,
    reference: (inputs, broadcast, shape) => combineReference(inputs, broadcast, shape, value),
    execute: ({ tape }, [a, b]) => run(tape, a, b),
  });
}
