/** What depth pruning speaks of: blocks of a network, the forms that they can take, and genes that choose one for each. */
import type { Graph, Model, Rewrite } from "../graph/types.ts";

/** What a block is built like. */
export type BlockKind =
  /** Two convolutions and a shortcut (ResNet-18 and -34, CIFAR ResNets; the fused blocks of EfficientNetV2). */
  | "basic"
  /** 1×1, 3×3 and 1×1 convolutions and a shortcut (ResNet-50). */
  | "bottleneck"
  /** 1×1, depthwise and 1×1 convolutions, with a shortcut or without (MobileNetV2 and V3). */
  | "inverted"
  /** Depthwise convolution, norm, two 1×1 convolutions and a shortcut (ConvNeXt). */
  | "convnext"
  /** Attention and an MLP, each with its norm and its shortcut. */
  | "transformer"
  /** Norm, two linear layers and a shortcut: the second half of a transformer's block, where that half stands alone. */
  | "mlp"
  /** Two convolutions in a row, with an activation between them and no shortcut (VGG). */
  | "convolutions"
  /** Parallel convolutions, norms and shortcuts that are added up (RepVGG, DBB, MobileOne). */
  | "branches";

/**
 * Nodes between one value and another. Nobody outside reads what is made inside but for `output`. A rewrite of a block keeps
 * the names of both values, so that it is found again in the graph that has been rewritten.
 */
export interface Block {
  /** What it is built like. */
  readonly kind: BlockKind;
  /** What tables and messages call it, unique in a network: what the names of its nodes begin with. */
  readonly name: string;
  /** Names of its nodes, in order of execution. */
  readonly nodes: readonly string[];
  /** The value that it reads. */
  readonly input: string;
  /** The value that it makes, an activation at its end included. */
  readonly output: string;
}

/** Something that looks like a block and can't become one layer. */
export interface RefusedBlock extends Pick<Block, "kind" | "name"> {
  /** Why, as a clause: "its squeeze-excite gate depends on the whole image". */
  readonly reason: string;
}

/** What a network has of them, in order of execution. */
export interface Blocks {
  /** Those that can take a form. */
  readonly blocks: readonly Block[];
  /** What looks like one and is none. */
  readonly refused: readonly RefusedBlock[];
}

/** The forms that a block can take instead of itself. Not every one fits every kind of block. */
export type FormName =
  /** Activations inside become identities and norms batch norms; an activation and a batch norm follow the sum. */
  | "identity"
  /** One linear layer of its merged shape, fitted to what the block computes. */
  | "linear"
  /** Of two convolutions the first becomes an identity, so that what is left stays 3×3. */
  | "second"
  /** Of two convolutions the second becomes an identity. */
  | "first"
  /** Of a transformer's block: attention stays, its norm becomes a batch norm; the MLP takes the identity form. */
  | "attention"
  /** Nothing is left but the shortcut. */
  | "skip";

/** Kinds of which a block isn't linear as it stands. */
export const PRUNABLE_KINDS = [
  "basic",
  "bottleneck",
  "inverted",
  "convnext",
  "transformer",
  "mlp",
  "convolutions",
] as const satisfies readonly BlockKind[];

/** One form, as its own file states it. */
export interface Form {
  /** As genes and recipes name it. */
  readonly name: FormName;
  /** One line for lists and help texts. */
  readonly summary: string;
  /** Whether it is of several layers, which merging makes fewer; the others are one layer, or none, as they begin. */
  readonly merges: boolean;
  /** What it is for. */
  readonly kinds: readonly BlockKind[];
  /** Why a block of such a kind can't take it, as a clause; undefined where it can. */
  refuses(graph: Graph, block: Block): string | undefined;
  /**
   * The network with the block mixed with its form: every place where they differ is a Mix of what the block has there and
   * what the form has. With λ = 0 it is the network as it was, with λ = 1 the form. New parameters have the values that the
   * form begins with.
   */
  mixed(model: Model, block: Block): Rewrite;
}

/** A block that stays, with this fraction of the channels that only it knows. */
export type Width = `width ${number}`;

/** What becomes of one block; "keep" is nothing. */
export type Choice = "keep" | FormName | Width;

/**
 * How a merged block keeps its border exact where values inside it are padded with zeros. "exact": kernels or biases of their own for
 * regions at the border. "move": before training all padding moves to its first layer, so that one kernel is exact.
 */
export type Border = "exact" | "move";

/** What becomes of each block, in the order of the network's blocks. */
export type Gene = readonly Choice[];
