/**
 * What every folded operator works with: constants whose numbers may be the symbolic batch "N", a budget, and reading with
 * strides.
 */
import type { Dim } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { type Attributes, onnxError } from "./attributes.ts";
import type { Constant } from "./tensors.ts";
import type { OnnxNode } from "./types.ts";

/** Numbers that folding may still make: a small file can't ask for more memory than a large one. */
export interface Budget {
  left: number;
}

export interface FoldContext {
  readonly node: OnnxNode;
  readonly attrs: Attributes;
  readonly opset: number;
  readonly budget: Budget;
}

export type Fold = (ctx: FoldContext, inputs: readonly (Constant | undefined)[]) => Made;
export type Made = Omit<Constant, "name">;

/** The whole numbers of a constant. */
export function integersOf(node: OnnxNode, constant: Constant): readonly number[] {
  const list = Array.from(constant.data);
  if (!list.every((v) => typeof v === "number" && Number.isInteger(v))) {
    throw onnxError(node, `"${constant.name}" depends on the batch or holds fractions, expected constant integers`);
  }
  return list as number[];
}

/**
 * A list that was an attribute in older opsets and became an input, in whichever form it stands: exporters mix them.
 * Undefined where it is left out.
 */
export function listOf(
  { node, attrs }: Pick<FoldContext, "node" | "attrs">,
  name: string,
  input: Constant | undefined,
): readonly number[] | undefined {
  const list = attrs.integers(name);
  return input ? integersOf(node, input) : list;
}

/** Axes given as attribute or as input, all counted from the front. */
export function axesOf(
  context: Pick<FoldContext, "node" | "attrs">,
  input: Constant | undefined,
  rank: number,
): readonly number[] | undefined {
  return listOf(context, "axes", input)?.map((axis) => axisOf(context.node, axis, rank));
}

export function axisOf(node: OnnxNode, axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) throw onnxError(node, `axis ${axis} of a value of rank ${rank}`);
  return axis < 0 ? axis + rank : axis;
}

/** Thrown where a number is asked for and the batch stands; `build` says in which node. */
class SymbolicBatch extends Error {}

export function symbolic(): never {
  throw new SymbolicBatch();
}

export function number(value: Dim, op: (x: number) => Dim): Dim {
  return value === "N" ? symbolic() : op(value);
}

/** No dimension is zero or less. */
export function noSize(value: Dim): boolean {
  return value !== "N" && value < 1;
}

export function build(
  ctx: FoldContext,
  type: Constant["type"],
  shape: readonly number[],
  at: (i: number) => Dim,
): Made {
  const count = elements(shape);
  spend(ctx, count);
  try {
    const data = type === "float" ? new Float32Array(count) : new Array<Dim>(count);
    for (let i = 0; i < count; i++) data[i] = type === "float" ? number(at(i), (x) => x) as number : at(i);
    return { type, shape, data };
  } catch (error) {
    if (!(error instanceof SymbolicBatch)) throw error;
    throw onnxError(ctx.node, "it computes with the batch size, which has to stay symbolic");
  }
}

/** x read with these steps through its data. */
export function strided(
  ctx: FoldContext,
  { type, data }: Made,
  shape: readonly number[],
  steps: readonly number[],
  offset = 0,
): Made {
  return build(ctx, type, shape, (i) => {
    let at = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += (i % shape[axis]) * steps[axis];
      i = Math.floor(i / shape[axis]);
    }
    return data[at];
  });
}

export function reshaped(ctx: FoldContext, x: Made, shape: readonly number[]): Made {
  if (elements(shape) !== x.data.length || !shape.every((d) => Number.isInteger(d) && d >= 0)) {
    throw onnxError(ctx.node, `can't give [${x.shape}] the shape [${shape}]`);
  }
  return { ...x, shape };
}

export function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => elements(shape.slice(axis + 1)));
}

export function broadcastShape(ctx: FoldContext, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [x, y] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    if (x !== y && x !== 1 && y !== 1) throw onnxError(ctx.node, `[${a}] and [${b}] don't fit together`);
    return x === 1 ? y : x;
  });
}

export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(from);
  return to.map((_, axis) => {
    const at = axis - to.length + from.length;
    return at < 0 || from[at] === 1 ? 0 : own[at];
  });
}

export function sizes(ctx: FoldContext, constant: Constant): readonly number[] {
  const list = integersOf(ctx.node, constant);
  if (list.length > 8 || list.some((d) => d < 0)) throw onnxError(ctx.node, `[${list.slice(0, 9)}] is no shape`);
  return list;
}

export function need(ctx: FoldContext, inputs: readonly (Constant | undefined)[], i: number): Constant {
  const constant = inputs[i];
  if (!constant) throw onnxError(ctx.node, `input ${i} is missing`);
  return constant;
}

export function spend({ budget, node }: FoldContext, numbers: number): void {
  if (!(numbers <= budget.left)) {
    throw onnxError(node, `it makes ${numbers} numbers from constants, far more than the file holds`);
  }
  budget.left -= numbers;
}
