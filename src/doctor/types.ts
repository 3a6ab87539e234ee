/**
 * What was measured of a network on one device, dense and as it is now. It is plain data: times in ms, sizes in bytes,
 * fractions in 0…1. All that the doctor says rests on these numbers.
 */
import type { Roof } from "../measure/session/types.ts";
import type { Timeline } from "../measure/timelines.ts";
import type { StayReason } from "../prune/explain.ts";

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
  /** Why nothing can be told of what pruning on would take. */
  readonly noNext?: string;
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
  /** This is the least of all samples. */
  readonly ms: number;
  /** The next sample above it is so much longer. */
  readonly scatterMs: number;
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
  /** It is the first layer's name. */
  readonly name: string;
  /** All layers whose filters these are. */
  readonly layers: readonly string[];
  /** So many there were before pruning, where that is known. */
  readonly before?: number;
  /** So many there are now. */
  readonly now: number;
  /** What the run's recipe asked of them, in a clause. */
  readonly asked?: string;
  /** Why none of them can go: an operator, or what they are tied to. */
  readonly blocked?: string;
  /** Where they could go: what would become of them if the network were pruned on. */
  readonly next?: NextPruning;
}

/** What pruning on, to `target` of its cost by `criterion`, would take of a layer, and why it would leave the others. */
export interface NextPruning {
  /** It is such as "half of its multiply-adds". */
  readonly target: string;
  readonly criterion: string;
  readonly rule: string;
  /** So many groups would go. */
  readonly go: number;
  /** The highest worth that goes; it is missing where nothing has to. */
  readonly threshold?: number;
  /** Of those that stay. */
  readonly reasons: readonly {
    readonly reason: StayReason;
    readonly groups: number;
    /** The lowest worth among them. */
    readonly lowest?: number;
  }[];
}
