/**
 * What pruning has to know of an operator: how the channels that it makes depend on those that it reads.
 *
 * A rule sees a graph whose channels are numbered (groups/channels.ts) and, where it is asked for numbers, the model's
 * parameters. It knows nothing of coupling groups, masks or compaction: those ask the rules.
 */

import type { Graph, Model, Node, Shape } from "../../graph/types.ts";
import type { Emission } from "./emission.ts";
import type { Layer } from "./layer_view.ts";

export interface ChannelNumbers {
  /** Activations in order of execution. */
  readonly values: readonly string[];
  /** How many channels there are. */
  readonly total: number;
  /** The number of a value's channel 0; that of channel j is `base(value) + j`. */
  base(value: string): number;
  /** Channels of a value: the size of its channel axis. */
  width(value: string): number;
  /** The axis of its channels. */
  axis(value: string): number;
  /** Is it an activation? A parameter has no channels of its own. */
  has(value: string): boolean;
}

/** A graph with its channels numbered. */
export interface NumberedGraph {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly channels: ChannelNumbers;
}

/** The same with the values of its parameters. */
export interface NumberedModel extends NumberedGraph {
  readonly model: Model;
}

/** A graph whose channels have no numbers yet: the axes of the values before a node are known, and all shapes. */
export interface PlacedGraph {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly axes: ReadonlyMap<string, number>;
}

/**
 * "tie": both channels stay or both go. "read": the made channel needs the read one, but not the other way round. "spread":
 * the same of the only channel of a value, which all made ones need.
 */
export type LinkKind = "tie" | "read" | "spread";
export type Link = (made: number, read: number, kind: LinkKind) => void;

/** What a channel holds at every position, whatever the input: a number, or one of the two ends of the lattice. */
export type Fact = number | "unknown" | "varying";

/** What constant propagation found out. */
export interface Constants {
  /** The value that a channel (by its number) holds everywhere, undefined when it varies. */
  valueOf(channel: number): number | undefined;
}

export type Rule = LayerRule | LinkedRule;

interface AnyRule {
  /** The axis along which the channels of what the node makes stand. */
  axis(node: Node, placed: PlacedGraph): number;
}

/**
 * It mixes channels by its weights: which channels a filter reads is for the weights to say. The passes over a network see
 * all such operators as a `Layer`.
 */
export interface LayerRule extends AnyRule {
  readonly kind: "layer";
  /** The axis of its input along which its weight reads. */
  readAxis(node: Node, shapes: ReadonlyMap<string, Shape>): number;
  whole(node: Node, numbered: NumberedGraph): string | undefined;
  layer(node: Node, graph: Graph, shapes: ReadonlyMap<string, Shape>): Layer;
  /** What it is where its second operand isn't a parameter. Absent: it always is one. */
  readonly ofActivations?: LinkedRule;
}

/** It passes channels on: each channel that it makes depends on a few that can be named. */
export interface LinkedRule extends AnyRule {
  readonly kind: "linked";
  /** The reason why no channel of this node can go alone, as a clause "which …" or "whose …"; undefined if channels can. */
  whole(node: Node, numbered: NumberedGraph): string | undefined;
  /** Calls `link` for every pair (made, read), by ascending made channel. Not asked where the node is whole. */
  links(node: Node, numbered: NumberedGraph, link: Link): void;
  /** What each made channel holds, by what the read ones do. Not asked where the node is whole. */
  constants(node: Node, numbered: NumberedModel, factOf: (channel: number) => Fact): Fact[];
  /** Of two linked channels: does the made one really depend on the read one? Not asked where the node is whole. */
  needs(node: Node, numbered: NumberedModel, known: Constants): (made: number, read: number) => boolean;
  /** The axis of a parameter along which the made channels stand; null where it is the same for all of them. */
  parameterAxis(node: Node, name: string, numbered: NumberedGraph): number | null;
  /** Must this parameter stay other than 0, even for channels that go? A divisor must. Absent: none must. */
  staysNonzero?(node: Node, name: string): boolean;
  /** Writes the node of a compact network. Not asked where the node is whole, or none of its channels stays. */
  rewrite(node: Node, emission: Emission): void;
  /** Can it take over a number per channel that the layer before it would have added to this value? Absent: never. */
  takesPendingBias?(node: Node, value: string, numbered: NumberedGraph): boolean;
  /** Set if it can do without an input of which no channel stays. Absent: every input that is read keeps a channel. */
  readonly sparesInputs?: true;
}
