/** Folding of arithmetic, comparisons and what makes constants of sizes. */
import { onnxError } from "./attributes.ts";
import {
  axesOf,
  broadcastShape,
  broadcastStrides,
  build,
  type Fold,
  type FoldContext,
  integersOf,
  type Made,
  need,
  noSize,
  number,
  sizes,
  strided,
  stridesOf,
  symbolic,
} from "./folding.ts";
import { productOf, quotientOf, type Size } from "./sizes.ts";
import { type Constant, decode, typeOf } from "./tensors.ts";

export const ARITHMETIC_FOLDS: Readonly<Record<string, Fold>> = {
  Cast(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const to = ctx.attrs.integer("to", 0);
    ctx.attrs.ignore("saturate", "round_mode");
    const type = typeOf(to);
    if (!type) throw onnxError(ctx.node, `attribute to ${to} isn't a supported data type`);
    return castTo(ctx, x, type);
  },
  CastLike(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    ctx.attrs.ignore("saturate", "round_mode");
    return castTo(ctx, x, inputs[1]?.type ?? "float");
  },
  ConstantOfShape(ctx, inputs) {
    const shape = sizes(ctx, need(ctx, inputs, 0));
    const tensor = ctx.attrs.tensor("value");
    const value = tensor && decode(tensor, ctx.node.outputs[0]);
    if (value && value.data.length !== 1) throw onnxError(ctx.node, "attribute value holds more than one number");
    return build(ctx, value?.type ?? "float", shape, () => value?.data[0] ?? 0);
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
  Mul: binary(times),
  Div: binary((a, b, type) => {
    if (b === 1) return a;
    if (typeof a !== "number" || typeof b !== "number") return quotientOf(a, b) ?? symbolic();
    return number(a, (x) => number(b, (y) => type === "integer" ? Math.trunc(x / y) : x / y));
  }),
  Equal: binary(
    (a, b) => a === b ? 1 : noSize(a) || noSize(b) || (typeof a === "number" && typeof b === "number") ? 0 : symbolic(),
    "boolean",
  ),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  And: comparison((a, b) => a !== 0 && b !== 0),
  Or: comparison((a, b) => a !== 0 || b !== 0),
  Not(ctx, inputs) {
    const { shape, data } = need(ctx, inputs, 0);
    return build(ctx, "boolean", shape, (i) => number(data[i], (x) => x === 0 ? 1 : 0));
  },
  Sum: variadic((a, b) => number(a, (x) => number(b, (y) => x + y))),
  Min: variadic((a, b) => number(a, (x) => number(b, (y) => Math.min(x, y)))),
  Max: variadic((a, b) => number(a, (x) => number(b, (y) => Math.max(x, y)))),
  Pow: binary((a, b) => number(a, (x) => number(b, (y) => x ** y))),
  Mod(ctx, inputs) {
    const truncated = ctx.attrs.integer("fmod", 0) !== 0;
    const modulo = (x: number, y: number) => truncated ? x % y : x - y * Math.floor(x / y);
    return binary((a, b) => number(a, (x) => number(b, (y) => modulo(x, y))))(ctx, inputs);
  },
  /** Of a list, or of all numbers: what sizes are multiplied with. */
  ReduceProd(ctx, inputs) {
    const { type, shape, data } = need(ctx, inputs, 0);
    const axes = axesOf(ctx, inputs[1], shape.length);
    const keeps = ctx.attrs.integer("keepdims", 1) !== 0;
    ctx.attrs.only("noop_with_empty_axes", 0);
    if (axes && new Set(axes).size !== shape.length) {
      throw onnxError(ctx.node, `axes [${axes}] of [${shape}] aren't all`);
    }
    return build(ctx, type, keeps ? shape.map(() => 1) : [], () => Array.from(data).reduce(times, 1));
  },
  /** The places of what isn't 0, an axis in each row; the batch is never 0. */
  NonZero(ctx, inputs) {
    const { shape, data } = need(ctx, inputs, 0);
    const places = Array.from(data).flatMap((value, i) => value === 0 ? [] : [i]);
    const steps = stridesOf(shape);
    return build(ctx, "integer", [shape.length, places.length], (i) => {
      const axis = Math.floor(i / places.length);
      return Math.floor(places[i % places.length] / steps[axis]) % shape[axis];
    });
  },
};

/** Whole numbers stay what they are, the batch too. */
function castTo(ctx: FoldContext, { data, shape, type: before }: Constant, type: Constant["type"]): Made {
  if (type === "float" || (type === "integer" && before === type)) return build(ctx, type, shape, (i) => data[i]);
  const whole = type === "boolean" ? (v: number) => v === 0 ? 0 : 1 : Math.trunc;
  return build(ctx, type, shape, (i) => number(data[i], whole));
}

function times(a: Size, b: Size): Size {
  return productOf(a, b) ?? symbolic();
}

function comparison(holds: (a: number, b: number) => boolean): Fold {
  return binary((a, b) => number(a, (x) => number(b, (y) => holds(x, y) ? 1 : 0)), "boolean");
}

type Operation = (a: Size, b: Size, type: Constant["type"]) => Size;

function binary(op: Operation, type?: Constant["type"]): Fold {
  return (ctx, inputs) => combined(ctx, need(ctx, inputs, 0), need(ctx, inputs, 1), op, type);
}

/** Of any number of operands, one after the other. */
function variadic(op: Operation): Fold {
  return (ctx, inputs) =>
    inputs.slice(1).reduce<Made>((so, _, i) => combined(ctx, so, need(ctx, inputs, i + 1), op), need(ctx, inputs, 0));
}

function combined(ctx: FoldContext, a: Made, b: Made, op: Operation, type: Constant["type"] = a.type): Made {
  const shape = broadcastShape(ctx, a.shape, b.shape);
  const [x, y] = [a, b].map((input) => strided(ctx, input, shape, broadcastStrides(input.shape, shape)));
  return build(ctx, type, shape, (i) => op(x.data[i], y.data[i], a.type));
}
