/** `report.json`, version 1: stable, fractions in 0…1, times in milliseconds, sizes in bytes. */
import type { HalfFigures, NoHalves } from "../measure/half_figures.ts";

/** The part of the images whose class the network tells, in 0…1. */
export interface Accuracy {
  readonly validation: number;
  readonly test: number;
}

/** How near a network's outputs are to the dense network's on held-out images. No label is looked at. */
export interface Agreement {
  readonly images: number;
  /** The part of them, in 0…1, whose largest output is the same; absent where there is one output alone. */
  readonly sameClass?: number;
  /** Σ‖z′ − z‖² / Σ‖z − z̄‖² over the outputs z of the dense network: 0 is the same, 1 as far off as their mean is. */
  readonly outputLoss: number;
}

/** One network at one moment, told by its accuracy or by its agreement with the dense one. `params` are the numbers physically stored, `nonzero` those that are not 0. */
export interface Point {
  readonly name: string;
  /** Absent where the images have no labels. */
  readonly accuracy?: Accuracy;
  /** There where the accuracy isn't. */
  readonly agreement?: Agreement;
  readonly params: number;
  readonly nonzero: number;
  readonly macs: number;
  readonly bytes: number;
  /** Activations in use at once for one sample (graph/peak_bytes.ts); reports of earlier versions don't have it. */
  readonly peakBytes?: number;
}

export type Variant = "dense" | "masked" | "compact";

export interface Latency {
  readonly variant: Variant;
  readonly batch: number;
  readonly medianMs: number;
  readonly madMs: number;
  readonly samples: number;
  readonly clock: string;
  readonly quantumMs: number;
}

/** How far the final network was from the masked one in the dense shape, over at least one input. */
export interface Proof {
  readonly maxAbs: number;
  /** max |Δ| / max |y| */
  readonly maxRel: number;
  readonly inputs: number;
}

/** Nothing was compared: no agreement is claimed. */
export interface NoProof {
  /** Why not. */
  readonly notProved: string;
}

/** What was to be measured or compared, or made smaller, and could not be: the run went on without it. */
export interface FailedStage {
  /** Index in the recipe's stages. */
  readonly stage: number;
  readonly kind: string;
  readonly reason: string;
}

/**
 * What a merged block has at the border of images: nothing of its own; biases, or kernels and biases, by region; or nothing,
 * since all of its padding was moved to its first layer before training.
 */
export type DepthBorder = "none" | "bias" | "kernel" | "moved";

/** One block of the dense network, and what became of it. */
export interface DepthBlock {
  readonly name: string;
  /** What it is built like. */
  readonly kind: string;
  /** The form that it took, or the width that it has, such as "width 0.5"; "keep" where it stayed. */
  readonly form: string;
  /** R² of its linear replacement, where that was fitted: 1 is perfect, and it can be below 0. */
  readonly score?: number;
  /** How its border stays exact, where it took a form of several layers; absent before these are merged. */
  readonly border?: DepthBorder;
  /** Multiply-adds for one input, in the dense network and in the final one. */
  readonly macs: { readonly before: number; readonly after: number };
  /** Of its steps, timed alone one after the other, at one batch. */
  readonly ms?: { readonly batch: number; readonly before: number; readonly after: number };
}

/** What a search among the forms of blocks looked at. */
export interface DepthSearch {
  /** "exhaustive", "genetic" … */
  readonly method: string;
  /** What makes a candidate better: its accuracy in 0…1, or the sum of its blocks' scores. */
  readonly value: "accuracy" | "score";
  /** What it costs: blocks that stay, or MACs, params or ms of the whole network. */
  readonly cost: "blocks" | "macs" | "params" | "ms";
  /** Each with the form of every block, in the order of the blocks. */
  readonly candidates: readonly { readonly gene: readonly string[]; readonly cost: number; readonly value: number }[];
  /** Indices of the candidates that no other one beats in both, cheapest first. */
  readonly pareto: readonly number[];
  /** Index of the one that the run went on with. */
  readonly chosen: number;
}

/** What depth pruning did; absent where no stage of the run does any. */
export interface DepthRecord {
  /** In order of execution. */
  readonly blocks: readonly DepthBlock[];
  readonly search?: DepthSearch;
  /** How far the merged network was from the one that it was merged from. */
  readonly merge?: Proof;
}

/** What pruning until a floor of accuracy makes less. */
export type UntilCost = "macs" | "params";

/** One network on the way to the smallest that holds a floor of accuracy. */
export interface UntilAttempt {
  /** The fraction of the dense network's cost that was to stay. */
  readonly asked: number;
  /** What the network had; these and its accuracy are absent where the constraints leave more than was asked for. */
  readonly params?: number;
  readonly nonzero?: number;
  readonly macs?: number;
  /** On the validation data, after retraining. */
  readonly accuracy?: number;
  /** Whether it held the floor; where it didn't, the run went on from the network before it. */
  readonly kept: boolean;
}

/** How far one stage pruned until it met its floor. */
export interface UntilRecord {
  /** Index in the recipe's stages. */
  readonly stage: number;
  readonly of: UntilCost;
  /** Validation accuracy that a network has to have. */
  readonly floor: number;
  /** In the order in which they were tried. */
  readonly attempts: readonly UntilAttempt[];
}

/** One of the best networks of a search. Times are of one image, in ms. */
export interface DeviceSearchFinalist {
  /** What it was made by. */
  readonly choices: string;
  /** On held-out images before it was trained on, its norms' statistics measured anew. */
  readonly accuracy: number;
  readonly predictedMs: number;
  /** Expected from what had been measured before this network was. */
  readonly correctedMs: number;
  /** Absent where only a table stood for the device. */
  readonly measuredMs?: number;
  /** Once more, after all others. */
  readonly againMs?: number;
  /** Whether the run trained this one. */
  readonly chosen: boolean;
}

/** What a search for the best network within a time on a device has come to. */
export interface DeviceSearch {
  /** As its owner calls it. */
  readonly device: string;
  /** Whether it timed networks while the search ran, or its latency table stood for it. */
  readonly live: boolean;
  readonly askedMs: number;
  readonly dense: { readonly predictedMs: number; readonly measuredMs: number };
  /** Different networks that were looked at. */
  readonly candidates: number;
  /** Those of them that the device has timed. */
  readonly timed: number;
  /** The best first. */
  readonly finalists: readonly DeviceSearchFinalist[];
  /** Of the network that the run has come to, trained; absent where the device wasn't there any more. */
  readonly finalMs?: number;
}

/** Images in each part of a run's data. */
export interface ImageCounts {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** Test images of one class, and which part of them the baseline and the final network tell right. */
export interface ClassAccuracy {
  readonly name: string;
  readonly images: number;
  readonly before: number;
  readonly after: number;
}

/** Where a run's time went, in seconds on the wall, all processes together that carried it out. */
export interface SpentTime {
  /** Of each stage, with the tuning for it. */
  readonly stages: readonly { readonly kind: string; readonly seconds: number }[];
  /** Of that, what measuring kernels took. */
  readonly tuning: number;
  /** What the doctor took when all stages were over. */
  readonly doctor?: number;
}

/** What each layer takes by itself, before pruning and after, at one batch. */
export interface LayerTimes {
  readonly batch: number;
  /** By their names in the dense network; a layer that is gone, or became part of another one, has no time after. */
  readonly layers: readonly { readonly name: string; readonly beforeMs: number; readonly afterMs?: number }[];
}

export interface Report {
  readonly version: 1;
  readonly tool: string;
  readonly commit: string;
  readonly seed: number;
  readonly command: string;
  readonly adapter: {
    readonly vendor: string;
    readonly description: string;
    readonly fallback: boolean;
    /** What isn't used of WebGPU because of faults that such devices are known for, and why; mostly absent. */
    readonly avoided?: string;
  };
  /** What was pruned, and on which data; these and what follows are absent in reports of earlier versions. */
  readonly network?: string;
  readonly data?: string;
  readonly images?: ImageCounts;
  /** Of the test images; absent where they have no labels. */
  readonly classes?: readonly ClassAccuracy[];
  /** What the run warned of; absent where it had no reason to. */
  readonly warnings?: readonly string[];
  readonly spent?: SpentTime;
  /** Absent where the run measured too little to tell. */
  readonly layerTimes?: LayerTimes;
  readonly baseline: Point;
  readonly stages: readonly Point[];
  /** The last epoch's network; `best` beside it where a stage selected one on validation data. */
  readonly final: Point;
  readonly best?: Point;
  /** By name: as many groups left in each layer, reached in other ways; the recipe says how and how long they are retrained. */
  readonly controls: Readonly<Record<string, Point>>;
  /** baseline / final. */
  readonly compression: { readonly params: number; readonly nonzero: number; readonly macs: number };
  readonly equivalence: Proof | NoProof;
  /** What became of its blocks; absent where no stage prunes depth. */
  readonly depth?: DepthRecord;
  /** The search on a device that found the network's widths; absent where there was none. */
  readonly search?: DeviceSearch;
  /** Of each stage that pruned until a floor of accuracy was met; absent where none did. */
  readonly until?: readonly UntilRecord[];
  /** ‖W−Z‖/‖W‖ before the hard prune. */
  readonly admm: readonly { readonly layer: string; readonly residual: number }[];
  readonly latency: readonly Latency[];
  /** dense / compact, medians. */
  readonly speedup: readonly { readonly batch: number; readonly ratio: number }[];
  readonly requested: Readonly<Record<string, number>>;
  readonly achieved: Readonly<Record<string, number>>;
  /** Name of what was requested and can't be told of the final network -> why not; absent where all can be told. */
  readonly untold?: Readonly<Record<string, string>>;
  /** Layer norms that are over fewer channels than in the dense network: another function by itself; absent where none is. */
  readonly narrowedNorms?: readonly string[];
  /** Stages that failed; absent where none has. */
  readonly failed?: readonly FailedStage[];
  /** What keeping the final network's numbers in f16 changes; absent where no stage asked. */
  readonly f16?: HalfFigures | NoHalves;
  /** Beside the report: the final network, in each format. */
  readonly files?: readonly string[];
}
