/** A maximum, a mean or a sum over windows or axes. */

import { averagePool, globalAveragePool, maxPool } from "../../tensor/ops/pool.ts";
import { maxOver, meanOver, sumOver } from "../../tensor/ops/reduce.ts";
import type { Tape } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type PoolAttrs, poolAttrs, reductionAttrs } from "../attrs.ts";
import { reduceMaxReference, reduceMeanReference, reduceSumReference } from "../reference/reduction.ts";
import { averagePoolReference, globalAveragePoolReference, maxPoolReference } from "../reference/pool.ts";
import type { Node, Shape } from "../types.ts";
import { activation, type Definition, NO_ATTRIBUTES, NO_MACS, type Op, operator, type Reordered } from "./op.ts";
import { requireImage, slidingWindow } from "./shape_rules.ts";

/** Operators that take many pixels or tokens together. */
export type PoolOpName = "MaxPool" | "AveragePool" | "GlobalAveragePool" | "ReduceSum" | "ReduceMean" | "ReduceMax";

const POOL_ATTRIBUTES = ["kernel_shape", "strides", "pads", "ceil_mode", "dilations"];

export const POOL_OPS: Readonly<Record<PoolOpName, Op>> = {
  MaxPool: operator({
    inputs: [activation],
    attributes: { names: POOL_ATTRIBUTES, read: poolAttrs },
    inference: { kind: "kernel" },
    macs: NO_MACS,
    shape: poolRule,
    reference: maxPoolReference,
    execute: ({ tape }, [x], { kernel, strides, pads }) => maxPool(tape, x, { kernel, strides, pads }),
  }),
  AveragePool: operator({
    inputs: [activation],
    attributes: { names: [...POOL_ATTRIBUTES, "count_include_pad"], read: poolAttrs },
    inference: { kind: "kernel" },
    macs: NO_MACS,
    shape: poolRule,
    reference: averagePoolReference,
    execute({ tape }, [x], { kernel, strides, pads, countIncludePad }) {
      return averagePool(tape, x, { kernel, strides, pads, over: countIncludePad ? "window" : "inside" });
    },
  }),
  GlobalAveragePool: operator({
    inputs: [activation],
    attributes: NO_ATTRIBUTES,
    inference: { kind: "kernel" },
    macs: NO_MACS,
    shape: ([x], _, node) => (requireImage(node, x), [x[0], x[1], 1, 1]),
    reference: globalAveragePoolReference,
    execute: ({ tape }, [x]) => globalAveragePool(tape, x),
  }),
  ReduceSum: reduction(reduceSumReference, sumOver),
  ReduceMean: reduction(reduceMeanReference, meanOver),
  ReduceMax: reduction(reduceMaxReference, maxOver),
};

/** Over neighbouring axes. */
function reduction(
  reference: Definition<Reduced>["reference"],
  run: (tape: Tape, x: Tensor, axes: readonly number[], keepdims: Reduced["keepdims"]) => Tensor,
): Op {
  return operator<Reduced>({
    inputs: [activation],
    attributes: { names: ["axes", "keepdims"], read: (node, [x]) => reductionAttrs(node, x.length) },
    inference: { kind: "kernel" },
    axes: { kind: "follows", reordered: reducedElsewhere },
    macs: NO_MACS,
    shape([x], { axes, keepdims }) {
      return keepdims === "keep"
        ? x.map((d, axis) => axes.includes(axis) ? 1 : d)
        : x.filter((_, axis) => !axes.includes(axis));
    },
    reference,
    execute: ({ tape }, [x], { axes, keepdims }) => run(tape, x, axes, keepdims),
  });
}

/** Where the axes are neighbours in the other order too. */
function reducedElsewhere(node: Node, x: Shape, perm: readonly number[]): Reordered | undefined {
  const { axes, keepdims } = reductionAttrs(node, x.length);
  const there = axes.map((axis) => perm[axis]).sort((a, b) => a - b);
  if (!there.every((axis, i) => axis === there[0] + i)) return undefined;
  const attrs = { ...node.attrs, axes: there };
  if (keepdims === "keep") return { attrs, perm };
  const left = perm.filter((_, axis) => !axes.includes(axis));
  return { attrs, perm: left.map((axis) => axis - there.filter((gone) => gone < axis).length) };
}

type Reduced = ReturnType<typeof reductionAttrs>;

function poolRule([x]: readonly Shape[], { kernel, strides, pads }: PoolAttrs, node: Node): Shape {
  requireImage(node, x);
  return [x[0], x[1], ...slidingWindow(node, x, kernel, { strides, pads, dilations: [1, 1] })];
}
