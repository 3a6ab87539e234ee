/** What the graph's room knows of one operator, and how a family of operators states it. */

import type { ConvShape } from "../../../kernels/conv/shape.ts";
import type { AttentionShape } from "../../../kernels/attention/attention.ts";
import type { NormActivation } from "../../../kernels/norm/batch_norm.ts";
import type { AffineActivation } from "../../../kernels/pointwise/channel_affine.ts";
import type { Tape } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { SliceRange } from "../attrs.ts";
import type { LayerShape } from "../layer.ts";
import type { Array64 } from "../reference/array.ts";
import type { Attrs, Node, ParamRole, Shape } from "../types.ts";

/** One operator. Every method reads and checks the node's attributes, and throws a UserError that names the node. */
export interface Op {
  /** What it reads, by position. */
  readonly inputs: readonly Input[];
  /** The attributes that it knows; others are refused. */
  readonly attributes: readonly string[];
  /** The attributes that hold lists of indices: they count as stored. */
  readonly indices: readonly string[];
  readonly inference: Inference;
  /** Absent: it knows its inputs' axes by their places, and needs them there. */
  readonly axes?: AxisOrder;
  /** Of a norm: along which axis it has a γ and β for each place. */
  readonly normAxis?: 1 | -1;
  /** Of an operator of two operands: the positions in which it is affine where the other operand is a parameter. */
  readonly affineIn?: readonly number[];
  /** The shape of its output, of the shapes of all its inputs, parameters included. */
  shape(node: Node, inputs: readonly Shape[]): Shape;
  /** Multiply-adds for one sample. */
  macs(inputs: readonly Shape[], output: Shape): number;
  /** Its output in float64, as a plain loop that shares nothing with the device's code. */
  reference(node: Node, inputs: readonly Array64[], mode: "eval" | "train"): Array64;
  /** Records its output on the device, and on a tape how its inputs' gradients follow from the output's. */
  execute(context: OpContext, node: Node, inputs: readonly Tensor[]): Tensor;
}

/**
 * How an operator takes to inputs whose axes stand in another order.
 *
 * - "permutes": all that it does is to move axes; axis i of its output is axis `perm[i]` of its input. Undefined where it does more
 * - "flattens": it makes a row of each sample, in the order of its axes
 * - "follows": it computes the same in another order, in which axis i of its inputs and of its output stands as axis `perm[i]`
 */
export type AxisOrder =
  | { readonly kind: "permutes"; perm(node: Node, x: Shape): readonly number[] | undefined }
  | { readonly kind: "flattens" }
  | { readonly kind: "follows"; reordered(node: Node, x: Shape, perm: readonly number[]): Reordered | undefined };

/** What a node becomes whose inputs' axes stand in another order, and the places of its output's axes. */
export interface Reordered {
  readonly attrs: Attrs;
  readonly perm: readonly number[];
}

/** It does the same along all axes. */
export const ANY_ORDER: AxisOrder = { kind: "follows", reordered: ({ attrs }, _, perm) => ({ attrs, perm }) };

/** It works along axis 1, wherever the others stand. */
export const FIRST_AXIS: AxisOrder = {
  kind: "follows",
  reordered: ({ attrs }, _, perm) => perm[1] === 1 ? { attrs, perm } : undefined,
};

/** One position among a node's inputs. */
export interface Input {
  readonly takes: "activation" | "parameter" | "either";
  /** Of the parameter that may stand there. */
  readonly roles: readonly ParamRole[];
  /** "optional" ones stand at the end and may be left out; "many": any number from 1 on. */
  readonly count: "one" | "optional" | "many";
}

export interface OpContext {
  readonly tape: Tape;
  /** Of dropout; default 0. */
  readonly seed?: number;
  /** Training step, which dropout draws anew for; default 0. */
  readonly step?: number;
  /** Of all batch norms' running statistics, in place of their own. */
  readonly momentum?: number;
  /** λ of every Mix, in 0…1; default 1. */
  readonly mix?: number;
  /** What a batch norm's kernels do with its output; default "none". */
  readonly activation?: NormActivation;
  /** What a batch norm's kernels add to its output before that; default nothing. */
  readonly residual?: Tensor;
}

/**
 * What an operator is to a plan for inference:
 *
 * - "identity": gives its input on; the plan leaves it out
 * - "view": its input in another shape; nothing is launched
 * - "layer": its weight is its second input; bias, sum and activation after it run in its kernels
 * - "channel affine": γ · (x − μ) / √(σ² + ε) + β per channel, which a layer before it takes into its weight
 * - "channel table": adds a table [C, …], which a factor per channel is multiplied into
 * - "sum": of two values, which the layer that made one of them takes into its kernels
 * - "product": of two values; a layer takes a factor per channel that follows it into its weight
 * - "activation": a function of each number; `fused` says which one the kernels of layers and batch norms do as well, and
 *   `chained` which one the kernel does that runs what follows a layer (fuse.ts)
 * - "slice": what `ranges` keep of each axis
 * - "attention": of heads, which its kernels also find, and put, within other values (heads.ts)
 * - "regions": a convolution with a weight for each region of its output; it runs as it does in training
 * - "kernel": it runs as it does in training
 */
export type Inference =
  | { readonly kind: "identity" | "view" | "sum" | "product" | "channel table" | "kernel" }
  | { readonly kind: "slice"; ranges(node: Node, x: Shape): readonly (SliceRange | null)[] }
  | {
    readonly kind: "attention";
    /** What its kernels compute, of the shapes of q and k. */
    attention(node: Node, q: readonly number[], k: readonly number[]): AttentionShape;
  }
  | { readonly kind: "channel affine"; affine(node: Node, parameters: readonly Float64Array[]): Affine }
  | {
    readonly kind: "activation";
    fused(node: Node): Exclude<NormActivation, "none"> | undefined;
    chained(node: Node): Exclude<AffineActivation, "none"> | undefined;
  }
  | {
    readonly kind: "regions";
    /** The convolution of any region, of its input's and its weight's shapes, and the region of each row and column. */
    regional(node: Node, x: readonly number[], weight: readonly number[]): RegionalConv;
  }
  | LayerInference;

/** A convolution whose weight depends on where an output pixel lies. */
export interface RegionalConv {
  readonly conv: ConvShape;
  readonly rows: readonly number[];
  readonly cols: readonly number[];
}

/** y = scale · (x − centre) + shift, per channel. */
export interface Affine {
  readonly scale: Float64Array;
  readonly centre: Float64Array;
  readonly shift: Float64Array;
}

export interface LayerInference {
  readonly kind: "layer";
  /** Outputs are the first axis of a weight [F, …], or the last one of a matrix [K, F]. */
  readonly filters: "first" | "last";
  /** What its kernels compute, of its input's and its weight's shapes. */
  layer(node: Node, x: readonly number[], weight: readonly number[]): LayerProblem;
}

/** A layer's sizes without what is fused into it. */
export type LayerProblem = LayerShape extends infer L ? L extends unknown ? Omit<L, "epilogue"> : never : never;

/** The attributes of an operator: their names, and the function that reads and checks them all. */
export interface Attributes<A> {
  readonly names: readonly string[];
  read(node: Node, inputs: readonly Shape[]): A;
}

/** An operator as its family states it: attributes come read and checked. */
export interface Definition<A> {
  readonly inputs: readonly Input[];
  readonly attributes: Attributes<A>;
  /** Default: none. */
  readonly indices?: readonly string[];
  readonly inference: Inference;
  readonly axes?: AxisOrder;
  readonly normAxis?: 1 | -1;
  readonly affineIn?: readonly number[];
  shape(inputs: readonly Shape[], attributes: NoInfer<A>, node: Node): Shape;
  /** Multiply-adds for one sample, or NO_MACS. */
  macs(inputs: readonly Shape[], output: Shape): number;
  /** @param shape of the output, whose batch is a number */
  reference(
    inputs: readonly Array64[],
    attributes: NoInfer<A>,
    shape: readonly number[],
    mode: "eval" | "train",
  ): Array64;
  execute(context: OpContext, inputs: readonly Tensor[], attributes: NoInfer<A>, node: Node): Tensor;
}

export function operator<A>(definition: Definition<A>): Op {
  const { inputs, attributes, inference, axes, normAxis, affineIn, indices = [], macs } = definition;
  return {
    inputs,
    attributes: attributes.names,
    indices,
    inference,
    ...axes && { axes },
    ...normAxis && { normAxis },
    ...affineIn && { affineIn },
    macs,
    shape: (node, shapes) => definition.shape(shapes, attributes.read(node, shapes), node),
    reference(node, values, mode) {
      const shapes = values.map(({ shape }) => shape);
      const read = attributes.read(node, shapes);
      // Of inputs without a symbolic batch.
      const shape = definition.shape(shapes, read, node) as readonly number[];
      return definition.reference(values, read, shape, mode);
    },
    execute(context, node, tensors) {
      const read = attributes.read(node, tensors.map(({ shape }) => shape));
      return definition.execute(context, tensors, read, node);
    },
  };
}

export const activation: Input = { takes: "activation", roles: [], count: "one" };

export function parameter(...roles: ParamRole[]): Input {
  return { takes: "parameter", roles, count: "one" };
}

/** An activation, or a parameter of one of these roles. */
export function either(...roles: ParamRole[]): Input {
  return { takes: "either", roles, count: "one" };
}

export function optional(input: Input): Input {
  return { ...input, count: "optional" };
}

/** It multiplies no weights. */
export const NO_MACS = () => 0;

export const NO_ATTRIBUTES: Attributes<undefined> = { names: [], read: () => undefined };

/** The fewest and the most inputs of an operator, parameters included. */
export function arity({ inputs }: Op): { readonly least: number; readonly most: number } {
  return {
    least: inputs.filter(({ count }) => count !== "optional").length,
    most: inputs.some(({ count }) => count === "many") ? Infinity : inputs.length,
  };
}

/** What the operator takes at this position. */
export function inputAt({ inputs }: Op, position: number): Input {
  return inputs[Math.min(position, inputs.length - 1)];
}
