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
/** Sizes along the axes, of which the first may be the batch. */
export type Shape = readonly Dim[];

/**
 * ONNX operators we execute, and our own (ColumnConv, RegionConv, BorderBias, Mix, Attention), each with a lowering to standard ones. Each
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

/** A number, a word or a list, as ONNX has them. */
export type Attr = number | string | readonly number[];
/** By ONNX's names. */
export type Attrs = Readonly<Record<string, Attr>>;

/** One operator at work on named values. */
export interface Node {
  /** Unique in the graph. */
  readonly name: string;
  /** What it does. */
  readonly op: OpName;
  /** Names of activations and parameters, in ONNX's order. */
  readonly inputs: readonly string[];
  /** Names of what it makes. */
  readonly outputs: readonly string[];
  /** The operator's attributes; one that is missing has ONNX's default. */
  readonly attrs: Attrs;
}

/** What a parameter does in its node. "table": numbers that are joined or added as they are, such as a class token. */
export type ParamRole = "weight" | "bias" | "gamma" | "beta" | "slope" | "mean" | "variance" | "table";

/**
 * How a parameter starts: "he" is He et al.'s normal over the fan-out (σ = √(2 / (F/group · KH · KW))), `normal` a σ
 * around 0, `constant` the same number everywhere.
 */
export type Init = "he" | { readonly normal: number } | { readonly constant: number };

/** `mean` and `variance` are running statistics: stored, counted as parameters, never given a gradient. */
export interface ParamSpec {
  /** Sizes along the axes. */
  readonly shape: readonly number[];
  /** What it does in its node. */
  readonly role: ParamRole;
  /** Where it doesn't follow from the role and the reader (initialise.ts). */
  readonly init?: Init;
}

/** A network without its numbers. */
export interface Graph {
  /** What messages call it. */
  readonly name: string;
  /** Activations that it is given. */
  readonly inputs: readonly { readonly name: string; readonly shape: Shape }[];
  /** Names of the values that it gives. */
  readonly outputs: readonly string[];
  /** In an order in which they can run. */
  readonly nodes: readonly Node[];
  /** By name. */
  readonly params: Readonly<Record<string, ParamSpec>>;
}

/** A contiguous float32 array on the host, row-major. */
export interface HostTensor {
  /** Sizes along the axes; [] is a scalar. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** Numbers by the names of their parameters. */
export type Params = ReadonlyMap<string, HostTensor>;

/** A network: its graph, and a tensor for each of the graph's parameters. */
export interface Model {
  /** What is computed. */
  readonly graph: Graph;
  /** With which numbers. */
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
  /** Name of the parameter in the network before. */
  readonly source: string;
  /** For each axis the indices that were kept; null for all of them. */
  readonly keep: readonly (readonly number[] | null)[];
}

/** Computed from several parameters: none of its numbers is one of theirs, and none can be put back. */
export interface MergedOrigin {
  /** Names of parameters in the network before. */
  readonly sources: readonly string[];
  /** By which formula, as a message tells it: "conv2 ∘ bn1 ∘ conv1". */
  readonly how: string;
}

/** New parameter name -> origin. A parameter that comes from no other, such as a table of biases, has no entry. */
export type IndexMap = ReadonlyMap<string, Origin>;

/** What every rewrite returns. */
export interface Rewrite {
  /** The new network. */
  readonly model: Model;
  /** Where each of its parameters comes from. */
  readonly map: IndexMap;
}
