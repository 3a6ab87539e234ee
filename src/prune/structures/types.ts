/**
 * What may be pruned: a constraint says that at most `keep` of `groups` disjoint groups of numbers stay non-zero
 * (docs/pipeline.md). A group may span several tensors: a filter is its weights, its bias and its BN γ and β, and
 * coupled filters of a residual stream go together.
 */

import type { GroupLayout, GroupPlaces } from "../../../kernels/project/layout.ts";
import type { Layer } from "../rules/layer_view.ts";

/** The kinds of groups that need no further word. */
export type PlainGranularity = "layer" | "qk" | "v" | "filter" | "channel" | "column" | "kernel" | "weight";

/**
 * What a group is, for a weight [F, C, KH, KW] with the GEMM view [F, C·KH·KW]:
 *
 * - layer: all layers of a branch between a stream and the sum that adds to it
 * - qk: dimension j of the queries and keys of a head; v: one of its values
 * - filter, channel, column, kernel, weight: a row; an input channel; a column; one (f, c); one number
 * - block: a tile of block[0] rows × block[1] columns of the GEMM view
 * - block-punched: one tap of all the kernels of block[0] filters × block[1] channels
 * - vector: a row or a column of a kernel
 * - pattern: a 3×3 kernel, of which 4 taps stay, the best of `library` sets; whole kernels may go beside (connectivity)
 * - n:m: of each m weights that follow one another in a row of the GEMM view, n stay
 *
 * Blocks and runs at the end of an axis are smaller where they don't divide it.
 */
export type Structure =
  | { readonly [G in PlainGranularity]: { readonly granularity: G } }[PlainGranularity]
  | { readonly granularity: "block"; readonly block: readonly [number, number] }
  | { readonly granularity: "block-punched"; readonly block: readonly [number, number] }
  | { readonly granularity: "vector"; readonly direction: "row" | "column" }
  | { readonly granularity: "pattern"; readonly library: number }
  | { readonly granularity: "n:m"; readonly n: number; readonly m: number };

/** The kind of a structure. */
export type Granularity = Structure["granularity"];
export type StructureOf<G extends Granularity> = Extract<Structure, { readonly granularity: G }>;

/** One layer's weight; the filters of all layers that are coupled; attention's heads; or whole branches of the network. */
export type Span = "layer" | "coupled layers" | "heads" | "branches";

/** What there is to know about one kind of structure: an entry of `STRUCTURES`. */
export interface StructureKind<S extends Structure> {
  /** What a group is, in one line for lists and help texts. */
  readonly summary: string;
  /** Whether whole rows, channels or columns go, so that tensors shrink; the others leave zeros in place. */
  readonly shrinks: boolean;
  /** Whether its groups are counted off from the tensor's first row and column: a smaller tensor has other groups. */
  readonly counted: boolean;
  /** Whose tensors a group has a part of; who decides which of them can go. */
  readonly spans: Span;
  /** What is wrong with the structure's own settings, given and expected; undefined where nothing is, or it has none. */
  fault?(structure: S): string | undefined;
  /** What a report calls it: "filter", "block 4×4", "vector rows", "pattern of 8", "2:4". */
  label(structure: S): string;
  /** The groups of one layer's weight, which has this shape. */
  layout(structure: S, layer: Layer, shape: readonly number[]): GroupLayout;
  /** Why the layer can't be given this structure as far as its own weight says; undefined if it can. */
  refusal(structure: S, layer: Layer, shape: readonly number[]): string | undefined;
  /** How the groups that stay are chosen, where it isn't the `keep` of the highest score. */
  rule?(structure: S, shape: readonly number[]): Rule;
}

/** How the groups that stay are chosen, where it isn't the `keep` of the highest score. */
export type Rule = RunsRule | PatternRule | EvenRule;

/**
 * Of each of so many runs of equal length as many groups stay, those of the highest scores: keep / runs, rounded down, one at least.
 */
export interface EvenRule {
  /** Tells it from other rules. */
  readonly kind: "even";
  /** How many runs the groups are. */
  readonly runs: number;
}

/** Of each run of m groups in a row of `length`, the n of the highest score stay. */
export interface RunsRule {
  /** Tells it from other rules. */
  readonly kind: "runs";
  /** Weights that stay of a run. */
  readonly n: number;
  /** Weights of a run. */
  readonly m: number;
  /** Weights of a row. */
  readonly length: number;
}

/** The `keep` kernels whose best pattern scores highest stay. A pattern is the bits of its taps; none before they are settled. */
export interface PatternRule {
  /** Tells it from other rules. */
  readonly kind: "pattern";
  /** How many patterns a layer's kernels choose from. */
  readonly library: number;
  /** Bit k stands for tap k. */
  readonly patterns: readonly number[];
}

/** A tensor and where its elements belong. */
export interface Member {
  /** Its name. */
  readonly param: string;
  /** "weight": it counts for what a group is worth. "vector": a bias, γ, β or border table that only goes with the weights. */
  readonly role: "weight" | "vector";
  /** The tensor as [F, C, KK]. */
  readonly layout: GroupLayout;
  /**
   * The layout puts element (f, c, k) into its own group ⌊f/bf⌋·gf + ⌊c/bc⌋·gc + k·gk; this says which group of the constraint
   * that is. In none where it isn't in 0 … groups − 1 (a BN over a concatenation serves several constraints).
   */
  readonly places: GroupPlaces;
}

/** Disjoint groups of numbers, which may span several tensors: what a criterion scores. */
export interface Grouping {
  /** "conv1:filter" */
  readonly name: string;
  /** All tensors that have a part in the groups. */
  readonly members: readonly Member[];
  /** How many groups there are. */
  readonly groups: number;
  /** Of kernels as one of a library's patterns leaves them: its taps, and which of how many it is. Default: whole groups. */
  readonly pattern?: { readonly taps: number; readonly index: number; readonly count: number };
}

/** Groups of which some may go. */
export interface Constraint extends Grouping {
  /** What its groups are. */
  readonly kind: Granularity;
  /** Of filters: weights that read their channels. What reads a pruned filter does nothing any more. */
  readonly readers: readonly Member[];
  /** Groups that stay. */
  readonly keep: number;
  /** Groups that stay in any case. */
  readonly minKeep: number;
  /** What stays is a multiple of so many groups, or all of them. Default 1. */
  readonly multiple?: number;
  /** How those that stay are chosen; default: the highest scores. */
  readonly rule?: Rule;
  /** Of a stream whose norms give way: the layer norms that then are over those of its channels that stay, by name. */
  readonly norms?: readonly string[];
}

/** A structure, where it applies and how much of it stays. */
export type ConstraintOptions = Structure & {
  /** Fraction of the groups that stay, in (0, 1]; n:m has its own. */
  readonly keep: number;
  /**
   * Names of nodes or weights, `*` for any run of characters and `?` for one. Default: every layer that can be pruned this
   * way. A layer that is named in full but can't be pruned is an error, one that a wildcard meets is passed over.
   */
  readonly layers?: readonly string[];
  /** Names that stay as they are, written in the same way: what is coupled to such a layer stays with it. Default: none. */
  readonly exclude?: readonly string[];
  /** Groups that stay in any case; default 1. */
  readonly minKeep?: number;
  /**
   * Of filters: a layer that loses some keeps a multiple of so many, as kernels like their widths; one of fewer stays whole. What a
   * group has of filters, such as a head's, counts. Default 1.
   */
  readonly round?: number;
  /**
   * Of filters: whether channels may go from under a layer norm, which is then over those that stay. The network computes
   * something else afterwards, whatever went. Default false.
   */
  readonly stream?: boolean;
};
