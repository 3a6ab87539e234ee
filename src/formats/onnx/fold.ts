/**
 * Folding of what an exporter computes with constants and shapes: sizes for a Reshape, pads, permuted weights, and whatever
 * depends on parameters alone (fold_numbers.ts). The batch stays symbolic: "N" may be passed on, multiplied by numbers, divided
 * by their factors, and compared with what no size can be, nothing else.
 */
import { onnxError } from "./attributes.ts";
import { ARITHMETIC_FOLDS } from "./fold-arithmetic.ts";
import { LAYOUT_FOLDS } from "./fold-layout.ts";
import { foldByReference, NUMBER_FOLDS } from "./fold_numbers.ts";
import { type Fold, type FoldContext, type Made, need } from "./folding.ts";
import type { Size } from "./sizes.ts";
import { type Constant, decode } from "./tensors.ts";

const FOLDS: Readonly<Record<string, Fold>> = {
  Constant: (ctx) => constant(ctx),
  Identity: (ctx, inputs) => need(ctx, inputs, 0),
  Shape(ctx, inputs) {
    return foldShape(ctx, need(ctx, inputs, 0).shape);
  },
  ...LAYOUT_FOLDS,
  ...ARITHMETIC_FOLDS,
  ...NUMBER_FOLDS,
};

/** The values of a node whose inputs are all constants; undefined where its operator isn't one that can be folded. */
export function foldConstants(
  ctx: FoldContext,
  inputs: readonly (Constant | undefined)[],
): readonly Constant[] | undefined {
  const { node } = ctx;
  if (!Object.hasOwn(FOLDS, node.op)) {
    const made = foldByReference(ctx, inputs);
    return made && [{ name: node.outputs[0], ...made }];
  }
  const made = [FOLDS[node.op](ctx, inputs)].flat();
  ctx.attrs.finish();
  const moved = Object.hasOwn(LAYOUT_FOLDS, node.op) && made.length === 1 ? inputs[0]?.name : undefined;
  return made.map((value, i) => ({ name: moved ?? node.outputs[i], ...value }));
}

/** The value of a Shape node, of an activation too. */
export function foldShape({ attrs, node }: FoldContext, shape: readonly Size[]): Constant {
  const from = (at: number) => at < 0 ? Math.max(0, at + shape.length) : at;
  const data = shape.slice(from(attrs.integer("start", 0)), from(attrs.integer("end", shape.length)));
  attrs.finish();
  return { name: node.outputs[0], type: "integer", shape: [data.length], data };
}

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
