/**
 * Folding of what an exporter computes with constants and shapes: sizes for a Reshape, pads, permuted weights. The batch
 * stays symbolic: "N" may be passed on, multiplied by 1 and compared with what no size can be, nothing else.
 */
import type { Dim, Shape } from "../../graph/types.ts";
import { type Attributes, onnxError } from "./attributes.ts";
import { type Constant, decode, typeOf } from "./tensors.ts";
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

type Fold = (ctx: FoldContext, inputs: readonly (Constant | undefined)[]) => Made;
type Made = Omit<Constant, "name">;

/** Operators that move numbers without changing them: what they make keeps the name of its source. */
const LAYOUT: readonly string[] = ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Gather"];

/** The value of a node whose inputs are all constants; undefined where its operator isn't one that can be folded. */
export function foldConstants(ctx: FoldContext, inputs: readonly (Constant | undefined)[]): Constant | undefined {
  const { node } = ctx;
  if (!Object.hasOwn(FOLDS, node.op)) return undefined;
  const made = FOLDS[node.op](ctx, inputs);
  ctx.attrs.finish();
  const name = LAYOUT.includes(node.op) && inputs[0] ? inputs[0].name : node.outputs[0];
  return { name, ...made };
}

/** The value of a Shape node, of an activation too. */
export function foldShape({ attrs, node }: FoldContext, shape: Shape): Constant {
  const from = (at: number) => at < 0 ? Math.max(0, at + shape.length) : at;
  const data = shape.slice(from(attrs.integer("start", 0)), from(attrs.integer("end", shape.length)));
  attrs.finish();
  return { name: node.outputs[0], type: "integer", shape: [data.length], data };
}

/** The whole numbers of a constant. */
export function integersOf(node: OnnxNode, constant: Constant): readonly number[] {
  const list = Array.from(constant.data);
  if (!list.every((v) => typeof v === "number" && Number.isInteger(v))) {
    throw onnxError(node, `"${constant.name}" depends on the batch or holds fractions, expected constant integers`);
  }
  return list as number[];
}

/** Axes given as attribute (before `since`) or as input, all counted from the front. */
export function axesOf(
  { node, attrs, opset }: Pick<FoldContext, "node" | "attrs" | "opset">,
  input: Constant | undefined,
  rank: number,
  since: number,
): readonly number[] | undefined {
  const axes = opset < since ? attrs.integers("axes") : input && integersOf(node, input);
  return axes?.map((axis) => axisOf(node, axis, rank));
}

export function axisOf(node: OnnxNode, axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) throw onnxError(node, `axis ${axis} of a value of rank ${rank}`);
  return axis < 0 ? axis + rank : axis;
}

const FOLDS: Readonly<Record<string, Fold>> = {
  Constant: (ctx) => constant(ctx),
  Identity: (ctx, inputs) => need(ctx, inputs, 0),
  Shape(ctx, inputs) {
    return foldShape(ctx, need(ctx, inputs, 0).shape);
  },
  Cast(ctx, inputs) {
    const { data, shape } = need(ctx, inputs, 0);
    const to = ctx.attrs.integer("to", 0);
    const type = typeOf(to);
    if (!type) throw onnxError(ctx.node, `attribute to ${to} isn't a supported data type`);
    if (type === "float") return build(ctx, type, shape, (i) => data[i]);
    const whole = type === "boolean" ? (v: number) => v === 0 ? 0 : 1 : Math.trunc;
    return build(ctx, type, shape, (i) => number(data[i], whole));
  },
  ConstantOfShape(ctx, inputs) {
    const shape = sizes(ctx, need(ctx, inputs, 0));
    const tensor = ctx.attrs.tensor("value");
    const value = tensor && decode(tensor, ctx.node.outputs[0]);
    if (value && value.data.length !== 1) throw onnxError(ctx.node, "attribute value holds more than one number");
    return build(ctx, value?.type ?? "float", shape, () => value?.data[0] ?? 0);
  },
  Gather(ctx, inputs) {
    const [x, at] = [need(ctx, inputs, 0), need(ctx, inputs, 1)];
    const axis = axisOf(ctx.node, ctx.attrs.integer("axis", 0), x.shape.length);
    const size = x.shape[axis];
    const indices = integersOf(ctx.node, at).map((i) => i < 0 ? i + size : i);
    if (indices.some((i) => i < 0 || i >= size)) throw onnxError(ctx.node, `an index is outside of axis ${axis}`);
    const inner = product(x.shape.slice(axis + 1));
    const shape = [...x.shape.slice(0, axis), ...at.shape, ...x.shape.slice(axis + 1)];
    return build(ctx, x.type, shape, (i) => {
      const place = Math.floor(i / inner);
      const outer = Math.floor(place / indices.length);
      return x.data[(outer * size + indices[place % indices.length]) * inner + i % inner];
    });
  },
  Unsqueeze(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const given = ctx.opset < 13 ? ctx.attrs.integers("axes") : inputs[1] && integersOf(ctx.node, inputs[1]);
    if (!given || given.length > 8) throw onnxError(ctx.node, "axes are missing, or more than 8");
    const rank = x.shape.length + given.length;
    const axes = given.map((axis) => axisOf(ctx.node, axis, rank));
    const rest = [...x.shape];
    return { ...x, shape: Array.from({ length: rank }, (_, axis) => axes.includes(axis) ? 1 : rest.shift() ?? 1) };
  },
  Squeeze(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const axes = axesOf(ctx, inputs[1], x.shape.length, 13);
    const shape = x.shape.filter((d, axis) => axes ? !axes.includes(axis) : d !== 1);
    return reshaped(ctx, x, shape);
  },
  Reshape(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    ctx.attrs.only("allowzero", 0);
    const wanted = integersOf(ctx.node, need(ctx, inputs, 1)).map((d, axis) => d === 0 ? x.shape[axis] ?? 0 : d);
    const known = product(wanted.filter((d) => d !== -1));
    return reshaped(ctx, x, wanted.map((d) => d === -1 ? x.data.length / known : d));
  },
  Flatten(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const axis = axisOf(ctx.node, ctx.attrs.integer("axis", 1), x.shape.length + 1);
    return reshaped(ctx, x, [product(x.shape.slice(0, axis)), product(x.shape.slice(axis))]);
  },
  Transpose(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const perm = ctx.attrs.integers("perm") ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
    if (perm.toSorted((a, b) => a - b).join() !== x.shape.map((_, axis) => axis).join()) {
      throw onnxError(ctx.node, `attribute perm [${perm}] isn't an order of ${x.shape.length} axes`);
    }
    const steps = stridesOf(x.shape);
    return strided(ctx, x, perm.map((axis) => x.shape[axis]), perm.map((axis) => steps[axis]));
  },
  Slice(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const [starts, ends] = [1, 2].map((i) => integersOf(ctx.node, need(ctx, inputs, i)));
    const axes = inputs[3] ? integersOf(ctx.node, inputs[3]) : starts.map((_, i) => i);
    const steps = inputs[4] ? integersOf(ctx.node, inputs[4]) : starts.map(() => 1);
    const [shape, along] = [[...x.shape], stridesOf(x.shape)];
    let offset = 0;
    axes.forEach((given, i) => {
      const axis = axisOf(ctx.node, given, x.shape.length);
      const [size, step] = [x.shape[axis], steps[i]];
      if (!(step > 0 || step < 0)) throw onnxError(ctx.node, `step ${step} isn't supported`);
      const clamp = (v: number, least: number, most: number) => Math.min(Math.max(v < 0 ? v + size : v, least), most);
      const start = step > 0 ? clamp(starts[i], 0, size) : clamp(starts[i], 0, size - 1);
      const end = step > 0 ? clamp(ends[i], 0, size) : clamp(ends[i], -1, size - 1);
      shape[axis] = Math.max(0, Math.ceil((end - start) / step));
      offset += start * along[axis];
      along[axis] *= step;
    });
    return strided(ctx, x, shape, along, offset);
  },
  Concat(ctx, inputs) {
    const all = inputs.map((_, i) => need(ctx, inputs, i));
    const [first] = all;
    const axis = axisOf(ctx.node, ctx.attrs.integer("axis", 0), first.shape.length);
    const elsewhere = (shape: readonly number[]) => shape.map((d, i) => i === axis ? 0 : d).join();
    if (all.some(({ shape }) => elsewhere(shape) !== elsewhere(first.shape))) {
      throw onnxError(ctx.node, `its constants differ outside of axis ${axis}`);
    }
    const inner = product(first.shape.slice(axis + 1));
    const total = all.reduce((sum, { shape }) => sum + shape[axis], 0);
    // For each place along the axis: whose it is, and where it stands there.
    spend(ctx, total);
    const owners = all.flatMap((x) => Array.from({ length: x.shape[axis] }, (_, at) => ({ x, at })));
    return build(ctx, first.type, first.shape.map((d, i) => i === axis ? total : d), (i) => {
      const place = Math.floor(i / inner);
      const { x, at } = owners[place % total];
      return x.data[(Math.floor(place / total) * x.shape[axis] + at) * inner + i % inner];
    });
  },
  Expand(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const shape = broadcastShape(ctx, x.shape, sizes(ctx, need(ctx, inputs, 1)));
    return strided(ctx, x, shape, broadcastStrides(x.shape, shape));
  },
  Range(ctx, inputs) {
    const [start, limit, step] = [0, 1, 2].map((i) => integersOf(ctx.node, need(ctx, inputs, i))[0]);
    const count = Math.max(0, Math.ceil((limit - start) / step));
    if (!Number.isFinite(count)) throw onnxError(ctx.node, `no range from ${start} to ${limit} by ${step}`);
    return build(ctx, "integer", [count], (i) => start + i * step);
  },
  Where(ctx, inputs) {
    const [condition, a, b] = [0, 1, 2].map((i) => need(ctx, inputs, i));
    const shape = [condition, a, b].map((x) => x.shape).reduce((x, y) => broadcastShape(ctx, x, y));
    const [c, yes, no] = [condition, a, b].map((x) => strided(ctx, x, shape, broadcastStrides(x.shape, shape)));
    return build(ctx, a.type, shape, (i) => c.data[i] === 0 ? no.data[i] : yes.data[i]);
  },
  Add: binary((a, b) => a === 0 ? b : b === 0 ? a : number(a, (x) => number(b, (y) => x + y))),
  Sub: binary((a, b) => b === 0 ? a : number(a, (x) => number(b, (y) => x - y))),
  Mul: binary((a, b) => a === 1 ? b : b === 1 ? a : number(a, (x) => number(b, (y) => x * y))),
  Div: binary((a, b, type) => {
    if (b === 1) return a;
    return number(a, (x) => number(b, (y) => type === "integer" ? Math.trunc(x / y) : x / y));
  }),
  Equal: binary((a, b) => a === b ? 1 : noSize(a) || noSize(b) || (a !== "N" && b !== "N") ? 0 : symbolic(), "boolean"),
  Neg: unary((x) => -x),
  Sqrt: unary(Math.sqrt),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
};

function constant({ attrs, node }: FoldContext): Made {
  const tensor = attrs.tensor("value");
  if (tensor) return decode(tensor, node.outputs[0]);
  const floats = attrs.floats("value_floats");
  if (floats) return { type: "float", shape: [floats.length], data: Float32Array.from(floats) };
  const integers = attrs.integers("value_ints");
  if (integers) return { type: "integer", shape: [integers.length], data: integers };
  const float = attrs.float("value_float", NaN);
  if (!Number.isNaN(float)) return { type: "float", shape: [], data: [float] };
  const integer = attrs.integer("value_int", NaN);
  if (!Number.isNaN(integer)) return { type: "integer", shape: [], data: [integer] };
  attrs.finish();
  throw onnxError(node, "it has no value");
}

function binary(op: (a: Dim, b: Dim, type: Constant["type"]) => Dim, type?: Constant["type"]): Fold {
  return (ctx, inputs) => {
    const [a, b] = [need(ctx, inputs, 0), need(ctx, inputs, 1)];
    const shape = broadcastShape(ctx, a.shape, b.shape);
    const [x, y] = [a, b].map((input) => strided(ctx, input, shape, broadcastStrides(input.shape, shape)));
    return build(ctx, type ?? a.type, shape, (i) => op(x.data[i], y.data[i], a.type));
  };
}

function unary(op: (x: number) => number): Fold {
  return (ctx, inputs) => {
    const { type, shape, data } = need(ctx, inputs, 0);
    return build(ctx, type, shape, (i) => number(data[i], op));
  };
}

/** Thrown where a number is asked for and the batch stands; `build` says in which node. */
class SymbolicBatch extends Error {}

function symbolic(): never {
  throw new SymbolicBatch();
}

function number(value: Dim, op: (x: number) => Dim): Dim {
  return value === "N" ? symbolic() : op(value);
}

/** No dimension is zero or less. */
function noSize(value: Dim): boolean {
  return value !== "N" && value < 1;
}

function build(ctx: FoldContext, type: Constant["type"], shape: readonly number[], at: (i: number) => Dim): Made {
  const count = product(shape);
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
function strided(
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

function reshaped(ctx: FoldContext, x: Made, shape: readonly number[]): Made {
  if (product(shape) !== x.data.length || !shape.every((d) => Number.isInteger(d) && d >= 0)) {
    throw onnxError(ctx.node, `can't give [${x.shape}] the shape [${shape}]`);
  }
  return { ...x, shape };
}

function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => product(shape.slice(axis + 1)));
}

function broadcastShape(ctx: FoldContext, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [x, y] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    if (x !== y && x !== 1 && y !== 1) throw onnxError(ctx.node, `[${a}] and [${b}] don't fit together`);
    return x === 1 ? y : x;
  });
}

function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(from);
  return to.map((_, axis) => {
    const at = axis - to.length + from.length;
    return at < 0 || from[at] === 1 ? 0 : own[at];
  });
}

function sizes(ctx: FoldContext, constant: Constant): readonly number[] {
  const list = integersOf(ctx.node, constant);
  if (list.length > 8 || list.some((d) => d < 0)) throw onnxError(ctx.node, `[${list.slice(0, 9)}] is no shape`);
  return list;
}

function need(ctx: FoldContext, inputs: readonly (Constant | undefined)[], i: number): Constant {
  const constant = inputs[i];
  if (!constant) throw onnxError(ctx.node, `input ${i} is missing`);
  return constant;
}

function product(shape: readonly number[]): number {
  return shape.reduce((size, d) => size * d, 1);
}

function spend({ budget, node }: FoldContext, numbers: number): void {
  if (!(numbers <= budget.left)) {
    throw onnxError(node, `it makes ${numbers} numbers from constants, far more than the file holds`);
  }
  budget.left -= numbers;
}
