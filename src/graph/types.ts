/**
 * A model as data: a graph of ONNX-style nodes over named values, and a map of named parameters.
 *
 * A value is an activation (graph input or node output) or a parameter; nodes refer to both by name, parameters in the
 * positions that ONNX gives them (`Conv` inputs: x, weight, bias?). Nodes stand in execution order.
 */

import type { ActivationOpName } from "./ops/activation_ops.ts";
import type { ArithmeticOpName } from "./ops/arithmetic_ops.ts";
import type { AttentionOpName } from "./ops/attention_ops.ts";
import type { LayerOpName } from "./ops/layer_ops.ts";
import type { LayoutOpName } from "./ops/layout_ops.ts";
import type { NormOpName } from "./ops/norm_ops.ts";
import type { PoolOpName } from "./ops/pool_ops.ts";

/** One dimension: a number, or "N" for the symbolic batch, which only stands first. */
export type Dim = number | "N";
export type Shape = readonly Dim[];

/**
 * ONNX operators we execute, and our own (ColumnConv, BorderBias, Attention), each with a lowering to standard ones. Each
 * family names its own, beside what they mean (ops/).
 */
export type OpName =
  | LayerOpName
  | NormOpName
  | ActivationOpName
  | ArithmeticOpName
  | PoolOpName
  | AttentionOpName
  | LayoutOpName;

export type Attr = number | string | readonly number[];
export type Attrs = Readonly<Record<string, Attr>>;

export interface Node {
  readonly name: string;
  readonly op: OpName;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: Attrs;
}

export type ParamRole = "weight" | "bias" | "gamma" | "beta" | "slope" | "mean" | "variance" | "table";

/**
 * How a parameter starts: "he" is He et al.'s normal over the fan-out (σ = √(2 / (F/group · KH · KW))), `normal` a σ
 * around 0, `constant` the same number everywhere.
 */
export type Init = "he" | { readonly normal: number } | { readonly constant: number };

/** `mean` and `variance` are running statistics: stored, counted as parameters, never given a gradient. */
export interface ParamSpec {
  readonly shape: readonly number[];
  readonly role: ParamRole;
  /** Where it doesn't follow from the role and the reader (initialise.ts). */
  readonly init?: Init;
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly { readonly name: string; readonly shape: Shape }[];
  readonly outputs: readonly string[];
  readonly nodes: readonly Node[];
  readonly params: Readonly<Record<string, ParamSpec>>;
}

/** A contiguous float32 array on the host, row-major. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

export type Params = ReadonlyMap<string, HostTensor>;

export interface Model {
  readonly graph: Graph;
  readonly params: Params;
}

/** Where a parameter of a rewritten model came from: cut from one source, or merged from several. */
export type Origin = KeptOrigin | MergedOrigin;

/**
 * A source and the kept indices per axis (null: all of them).
 *
 * `keep` may be shorter than the source's rank: its last entry then indexes all trailing axes in one, row-major, so that
 * two entries describe a ColumnConv weight [F,T] taken from a Conv weight [F,C,KH,KW]. `gatherTensor` does the same.
 */
export interface KeptOrigin {
  readonly source: string;
  readonly keep: readonly (readonly number[] | null)[];
}

/** Computed from several parameters: none of its numbers is one of theirs, and none can be put back. */
export interface MergedOrigin {
  readonly sources: readonly string[];
  /** By which formula, as a message tells it: "conv2 ∘ bn1 ∘ conv1". */
  readonly how: string;
}

/** New parameter name -> origin. A parameter that comes from no other, such as a table of biases, has no entry. */
export type IndexMap = ReadonlyMap<string, Origin>;

/** What every rewrite returns. */
export interface Rewrite {
  readonly model: Model;
  readonly map: IndexMap;
}
