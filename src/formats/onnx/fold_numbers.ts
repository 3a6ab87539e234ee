/**
 * Folding of what a network computes of its parameters alone, such as standardised weights or the scales of frozen norms:
 * in float64, rounded once when it becomes a parameter.
 */
import { referenceForward } from "../../graph/reference/forward.ts";
import { reduceMaxReference, reduceMeanReference, reduceSumReference } from "../../graph/reference/reduction.ts";
import { erf } from "../../graph/reference/pointwise.ts";
import { opOf } from "../../graph/ops/ops.ts";
import { inferShapes } from "../../graph/infer.ts";
import type { Model, Shape } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { attributesOf, integerAttribute } from "./attributes.ts";
import { building } from "./building.ts";
import { axesOf, build, type Fold, type FoldContext, type Made, need, number, spend, spendWork } from "./folding.ts";
import { OPERATORS } from "./operators.ts";
import type { Constant } from "./tensors.ts";
import { DATA_TYPE, type OnnxNode } from "./types.ts";

/** Functions of each number, whole ones too; those of floats that a graph may hold are folded by the reference. */
const FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  Neg: (x) => -x,
  Abs: Math.abs,
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Exp: Math.exp,
  Log: Math.log,
  Erf: erf,
  Sign: Math.sign,
  Floor: Math.floor,
  Ceil: Math.ceil,
  /** Halves go to the even neighbour. */
  Round(x) {
    const near = Math.round(x);
    return near - x === 0.5 && near % 2 !== 0 ? near - 1 : near;
  },
};

/** A reduction that the reference knows, of a function of each number, and what is made of its results. */
interface Reduction {
  readonly of?: (x: number) => number;
  readonly reduce: typeof reduceSumReference;
  readonly then?: (y: number) => number;
}

const negative = (x: number) => -x;
const square = (x: number) => x * x;

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  ReduceSum: { reduce: reduceSumReference },
  ReduceMean: { reduce: reduceMeanReference },
  ReduceMax: { reduce: reduceMaxReference },
  ReduceMin: { of: negative, reduce: reduceMaxReference, then: negative },
  ReduceL1: { of: Math.abs, reduce: reduceSumReference },
  ReduceL2: { of: square, reduce: reduceSumReference, then: Math.sqrt },
  ReduceSumSquare: { of: square, reduce: reduceSumReference },
};

export const NUMBER_FOLDS: Readonly<Record<string, Fold>> = {
  ...mapValues(FUNCTIONS, (f): Fold => (ctx, inputs) => {
    const { type, shape, data } = need(ctx, inputs, 0);
    return build(ctx, type, shape, (i) => number(data[i], f));
  }),
  ...mapValues(REDUCTIONS, (reduction): Fold => (ctx, inputs) => reduced(ctx, inputs, reduction)),
};

/** Over any axes, or all where none are given. */
function reduced(
  ctx: FoldContext,
  inputs: readonly (Constant | undefined)[],
  { of = (x) => x, reduce, then = (y) => y }: Reduction,
): Made {
  const { type, shape, data } = need(ctx, inputs, 0);
  const given = axesOf(ctx, inputs[1], shape.length);
  const nothing = ctx.attrs.integer("noop_with_empty_axes", 0) !== 0;
  const keeps = ctx.attrs.integer("keepdims", 1) !== 0;
  const axes = given?.length || nothing ? given ?? [] : shape.map((_, axis) => axis);
  const left = shape.map((d, axis) => axes.includes(axis) ? 1 : d);
  const x = build(ctx, "float", shape, (i) => number(data[i], of)).data as Float64Array;
  const y = reduce([{ shape, data: x }], { axes }, left).data;
  const whole = type === "float" ? (v: number) => v : Math.trunc;
  const made = keeps ? left : shape.filter((_, axis) => !axes.includes(axis));
  return build(ctx, type, made, (i) => whole(then(y[i])));
}

/** Operators whose first axis is a batch by what they are. */
const BATCHED: readonly string[] = [
  "Conv",
  "ConvTranspose",
  "Gemm",
  "BatchNormalization",
  "GroupNormalization",
  "InstanceNormalization",
  "MaxPool",
  "AveragePool",
  "GlobalAveragePool",
  "GlobalMaxPool",
  "Resize",
  "DepthToSpace",
  "PRelu",
];

/**
 * By the operator's own import, with the first constant in the place of an activation, and the float64 reference. Undefined
 * where there is no such operator, or the constant isn't one of floats.
 */
export function foldByReference(ctx: FoldContext, inputs: readonly (Constant | undefined)[]): Made | undefined {
  const [x] = inputs;
  if (!Object.hasOwn(OPERATORS, ctx.node.op) || x?.type !== "float") return undefined;
  const ones = BATCHED.includes(ctx.node.op) ? 0 : Math.max(1, 2 - x.shape.length);
  const shape = [...new Array<number>(ones).fill(1), ...x.shape];
  const { node, name, model } = ofActivation(ctx, inputs, shape);
  const output = node.outputs[0];
  const shapes = inferShapes(model.graph);
  const concrete = (of: Shape) => of.map((d) => d === "N" ? shape[0] : d);
  for (const { op, name, inputs: read, outputs: [made] } of model.graph.nodes) {
    spend(ctx, elements(concrete(shapes.get(made)!)));
    const known = read.map((value) => shapes.get(value) ?? model.graph.params[value].shape);
    spendWork(ctx, shape[0] * opOf({ op, name }).macs(known, shapes.get(made)!));
  }
  const given = { shape, data: Float64Array.from(x.data as ArrayLike<number>) };
  // A norm of weights by their own statistics is written as one in training, which before opset 14 more outputs said.
  const isTrained = node.outputs.length > 1 ||
    node.attributes.some((attribute) => attribute.name === "training_mode" && attribute.value === 1);
  const mode = node.op === "BatchNormalization" && isTrained ? "train" : "eval";
  const made = referenceForward(model, { [name]: given }, { mode }).get(output)!;
  return { type: "float", shape: made.shape.slice(ones), data: made.data };
}

/** The node as a network of its own whose input is the first constant. */
function ofActivation(
  ctx: FoldContext,
  inputs: readonly (Constant | undefined)[],
  shape: readonly number[],
): { readonly node: OnnxNode; readonly name: string; readonly model: Model } {
  const name = ctx.node.inputs[0];
  const node = fromTheEnd(ctx, inputs[0]!.shape.length);
  const others = node.inputs.flatMap((input, i): [string, Constant][] =>
    input === name || !inputs[i] ? [] : [[input, inputs[i]]]
  );
  const input = { name, dataType: DATA_TYPE.float, shape: ["N", ...shape.slice(1)] };
  const made = building([input], new Map(others), [node]);
  const attrs = attributesOf(node);
  OPERATORS[node.op](made.call(node, attrs, ctx.opset, undefined));
  attrs.finish();
  return { node, name, model: made.model("constants", [node.outputs[0]]) };
}

/** Axes counted from the end mean the same behind more axes of size 1 in front. */
function fromTheEnd({ node, opset }: FoldContext, rank: number): OnnxNode {
  const back = (axis: number) => axis < 0 ? axis : axis - rank;
  const attributes = node.attributes.map((attribute) => {
    if (attribute.kind === "int" && attribute.name === "axis") return { ...attribute, value: back(attribute.value) };
    if (attribute.kind === "ints" && attribute.name === "axes") {
      return { ...attribute, value: attribute.value.map(back) };
    }
    return attribute;
  });
  const isMissing = node.op === "Softmax" && opset < 13 && !attributes.some(({ name }) => name === "axis");
  return { ...node, attributes: isMissing ? [...attributes, integerAttribute("axis", back(1))] : attributes };
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, to: (value: A) => B): Readonly<Record<string, B>> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, to(value)]));
}
