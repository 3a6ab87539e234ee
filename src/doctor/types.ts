/**
 * What was measured of a network on one device, dense and as it is now. It is plain data: times in ms, sizes in bytes,
 * fractions in 0…1. All that the doctor says rests on these numbers.
 */
import type { Roof } from "../measure/session/types.ts";
import type { Timeline } from "../measure/timelines.ts";

export interface Checkup {
  /** It was measured on this adapter. */
  readonly adapter: string;
  /** True where the adapter computes on the CPU. */
  readonly software: boolean;
  /** Times were taken with this clock. */
  readonly clock: string;
  /** The most that was seen of the device; it is missing where it wasn't measured. */
  readonly roof?: Roof;
  /** For each batch size, smallest first. */
  readonly batches: readonly BatchTimes[];
  /** Times of the network at other widths. */
  readonly widths: readonly WidthTimes[];
  /** Why widths are missing, or some of them are; one sentence each. */
  readonly widthsLeftOut: readonly string[];
  /** What the network loses without groups of one layer; it is missing where there were no labelled images. */
  readonly losses?: Losses;
  /** Why there are no losses. */
  readonly noLosses?: string;
  /** Layers, or coupled layers, and why their groups are still there. */
  readonly stayed: readonly StayedGroups[];
}

/** These are the times at one batch size, all measured in turns. */
export interface BatchTimes {
  readonly batch: number;
  /** A dispatch that does nothing takes so long. */
  readonly launchMs: number;
  /** Before pruning; it is missing where only one network is known. */
  readonly dense?: Timeline;
  readonly now: Timeline;
}

/** How long all layers take together that change with the number of one layer's groups, at several numbers of them. */
export interface WidthTimes {
  /** The layer, or the first of several that are coupled. */
  readonly name: string;
  /** All layers whose filters these are. */
  readonly layers: readonly string[];
  readonly batch: number;
  /** So many groups there are now; `times` has an entry for it. */
  readonly groups: number;
  /** By rising number of groups. */
  readonly times: readonly WidthTime[];
}

export interface WidthTime {
  readonly groups: number;
  readonly medianMs: number;
  readonly madMs: number;
}

/** What a network loses without some groups of one layer, nothing being trained after that. */
export interface Losses {
  /** So many labelled images were looked at. */
  readonly images: number;
  /** Of the network as it is, a fraction. */
  readonly accuracy: number;
  readonly layers: readonly {
    readonly name: string;
    readonly points: readonly { readonly keep: number; readonly accuracy: number }[];
  }[];
}

/** Groups of one layer, or of layers that are coupled, that are still there. */
export interface StayedGroups {
  readonly name: string;
  readonly layers: readonly string[];
  /** So many there were before pruning, where that is known. */
  readonly before?: number;
  /** So many there are now. */
  readonly now: number;
  /** Reasons, each with how many groups it holds for. */
  readonly reasons: readonly StayReason[];
}

/** "blocked": an operator. "excluded": the constraints leave the layer out. "protected": kept in any case. "asked": a fraction that
 * the recipe names. "dear": it didn't fit into what the budget left over. "worth": its score against the threshold. */
export type StayKind = "blocked" | "excluded" | "protected" | "asked" | "dear" | "worth" | "within";

export interface StayReason {
  readonly kind: StayKind;
  readonly groups: number;
  /** It says so in a clause. */
  readonly why: string;
}
