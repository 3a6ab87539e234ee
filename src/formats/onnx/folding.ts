/**
 * What every folded operator works with: constants whose numbers may be the symbolic batch "N", a budget, and reading with
 * strides.
 */
import { elements } from "../../tensor/tensor.ts";
import { type Attributes, onnxError } from "./attributes.ts";
import type { Size } from "./sizes.ts";
import type { Constant } from "./tensors.ts";
import type { OnnxNode } from "./types.ts";

/** Numbers that folding may still make: a small file can't ask for more memory than a large one. */
export interface Budget {
  left: number;
  /** Multiply-adds that folding may still carry out. */
  work: number;
}

export interface FoldContext {
  readonly node: OnnxNode;
  readonly attrs: Attributes;
  readonly opset: number;
  readonly budget: Budget;
}

/** Several values where the operator has several outputs. */
export type Fold = (ctx: FoldContext, inputs: readonly (Constant | undefined)[]) => Made | readonly Made[];
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

/** The sizes of the parts that a Split cuts an axis of this size into, one for each of its outputs. */
export function partsOf(
  context: Pick<FoldContext, "node" | "attrs">,
  size: number,
  input: Constant | undefined,
): readonly number[] {
  const { node, attrs } = context;
  const given = listOf(context, "split", input);
  const outputs = node.outputs.length;
  const parts = attrs.integer("num_outputs", outputs);
  if (!given && parts !== outputs) throw onnxError(node, `attribute num_outputs is ${parts}, for ${outputs} outputs`);
  const whole = Math.ceil(size / outputs);
  const sizes = given ?? Array.from({ length: outputs }, (_, i) => Math.min(whole, size - i * whole));
  const fits = sizes.length === node.outputs.length && sizes.every((s) => s > 0) &&
    sizes.reduce((sum, s) => sum + s, 0) === size;
  if (!fits) throw onnxError(node, `can't split ${size} into [${sizes}] for ${node.outputs.length} outputs`);
  return sizes;
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

export function number(value: Size, op: (x: number) => Size): Size {
  return typeof value === "number" ? op(value) : symbolic();
}

/** No dimension is zero or less. */
export function noSize(value: Size): boolean {
  return typeof value === "number" && value < 1;
}

/** @param Floats what numbers are kept in; moved ones stay in what they came in */
export function build(
  ctx: FoldContext,
  type: Constant["type"],
  shape: readonly number[],
  at: (i: number) => Size,
  Floats: Float32ArrayConstructor | Float64ArrayConstructor = Float64Array,
): Made {
  const count = elements(shape);
  spend(ctx, count);
  try {
    const data = type === "float" ? new Floats(count) : new Array<Size>(count);
    for (let i = 0; i < count; i++) data[i] = type === "float" ? number(at(i), (x) => x) as number : at(i);
    return { type, shape, data };
  } catch (error) {
    if (!(error instanceof SymbolicBatch)) throw error;
    throw onnxError(ctx.node, "it computes with the batch size, which has to stay symbolic");
  }
}

/** What numbers of these are kept in when they are only moved. */
export function floatsOf(...sources: readonly Made[]): Float32ArrayConstructor | Float64ArrayConstructor {
  return sources.every(({ data }) => data instanceof Float32Array) ? Float32Array : Float64Array;
}

/** x read with these steps through its data. */
export function strided(
  ctx: FoldContext,
  x: Made,
  shape: readonly number[],
  steps: readonly number[],
  offset = 0,
): Made {
  const { type, data } = x;
  const read = (i: number) => {
    let at = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += (i % shape[axis]) * steps[axis];
      i = Math.floor(i / shape[axis]);
    }
    return data[at];
  };
  return build(ctx, type, shape, read, floatsOf(x));
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

/** @throws UserError where the whole file asks for more arithmetic than its numbers can be worth */
export function spendWork({ budget, node }: FoldContext, macs: number): void {
  if (!(macs <= budget.work)) throw onnxError(node, `it takes ${macs} multiply-adds of constants, far too many`);
  budget.work -= macs;
}

export function spend({ budget, node }: FoldContext, numbers: number): void {
  if (!(numbers <= budget.left)) {
    throw onnxError(node, `it makes ${numbers} numbers from constants, far more than the file holds`);
  }
  budget.left -= numbers;
}
