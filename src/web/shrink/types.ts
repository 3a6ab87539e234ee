/** What shrinking a network on the page is asked for and what it tells: plain data, between the page and its worker. */
import type { Cost } from "../../graph/cost.ts";

/** "width": layers keep fewer filters, and what reads them is fitted anew. "depth": blocks become one linear layer each. */
export type WayName = "width" | "depth";

/** How pixels become what the network takes: see `PIXELS`. "file": as the network's own file says. */
export type PixelName = "measured" | "imagenet" | "unit" | "symmetric" | "file";

/** A network that was read from a file. */
export interface GivenNetwork {
  readonly title: string;
  /** Of images: channels, height, width. */
  readonly input: readonly [number, number, number];
  readonly cost: Cost;
  /** What can be made smaller in each way, or why nothing can, as a clause. */
  readonly ways: Readonly<Record<WayName, { readonly parts: number } | { readonly refused: string }>>;
  /** The ways to prepare pixels that are known for it, the likeliest one first. */
  readonly pixels: readonly PixelName[];
  readonly notes: readonly string[];
}

/** Images that were read for it. */
export interface GivenImages {
  /** That layers are fitted on, and that outputs are compared on in the end, which nothing was fitted on. */
  readonly fitted: number;
  readonly judged: number;
  readonly notes: readonly string[];
}

/** A part of the network, a layer or a block, and what would be left of it. */
export interface PredictedPart {
  readonly name: string;
  readonly before: Cost;
  readonly after: Cost;
  /** Of a layer: the filters that stay. */
  readonly filters?: { readonly kept: number; readonly of: number };
  /** Of a block: whether a linear layer stands for it, and how well one would (LinearScore.r2). */
  readonly linear?: { readonly replaced: boolean; readonly r2: number };
}

/** What is left of a network when a fraction of its multiply-adds is to go. */
export interface Prediction {
  readonly before: Cost;
  readonly after: Cost;
  readonly parts: readonly PredictedPart[];
  /** How far outputs will be off, by what the layers lose one by one, in parts of how much they vary (outputLoss). */
  readonly loss?: number;
}

/** A smaller network that has been made. */
export interface ShrunkNetwork {
  /** By which the page's other calls know it and the one it was made of. */
  readonly id: string;
  readonly before: Cost;
  readonly after: Cost;
  readonly fileBytes: { readonly before: number; readonly after: number };
  /** That the file computes what the pruned network of the old shapes does: max|Δ| / max|y|, over so many inputs. */
  readonly proof: { readonly maxRel: number; readonly inputs: number };
  /** Beside the network given, on images that nothing was fitted on. */
  readonly judged: {
    readonly images: number;
    /** How far outputs are off, in parts of how much they vary. */
    readonly loss: number;
    /** The fraction of images whose largest output is still the same; undefined where there is only one. */
    readonly agreement?: number;
  };
  readonly notes: readonly string[];
  readonly seconds: number;
}
