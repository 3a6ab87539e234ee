/**
 * These types say what a timing session is asked to measure, what it tells while it goes, and what it finds. They are
 * plain data (which crosses workers and is kept as JSON): times are in ms, sizes in bytes, fractions in 0…1.
 */

import type { Avoided } from "../../gpu/known_faults.ts";

/**
 * "burst" takes short samples from rest. "sustained" runs on and on, because a phone that is warm ranks networks
 * otherwise.
 */
export type Mode = "burst" | "sustained";

/** Says how a session times. */
export interface Protocol {
  /** It times with rests, or without. */
  readonly mode: Mode;
  /**
   * So many seconds are spent on the samples of each network and batch size, all of its variants and their rests
   * together.
   */
  readonly seconds: number;
  /** Each network has a row for each of these. */
  readonly batches: readonly number[];
  /** What plans keep weights and activations in, on devices that offer f16; by default it is "f32". */
  readonly storage?: "f32" | "f16";
}

/**
 * This says whether a network is one before or after pruning; either may be missing (one's own file has only one form).
 */
export type Variant = "dense" | "pruned";

/**
 * A "failed" row has no number; `reason` says why. The number of a "retried" one is of the second try, after the device
 * was lost.
 */
export type RowStatus = "measured" | "retried" | "failed";

/** This is one network at one batch size. A later row of the same network, variant and batch takes its place. */
export interface Row {
  /** This is the network's name. */
  readonly network: string;
  /** This says which form of the network it is. */
  readonly variant: Variant;
  /** A run has so many samples. */
  readonly batch: number;
  /** So many numbers are stored. */
  readonly params: number;
  /** One image takes so many multiply-adds. */
  readonly macs: number;
  /** It gets this share of its test images right, in 0…1, where that was known before. */
  readonly accuracy?: number;
  /** This says how it was come by. */
  readonly status: RowStatus;
  /** This says why it failed or is doubtful. */
  readonly reason?: string;
  /**
   * Compiling the plan and its first run on a fresh device take so long, shaders included as far as the browser doesn't
   * keep them.
   */
  readonly coldMs?: number;
  /** This is the median of one run of the whole batch; it is missing where the clock can't tell. */
  readonly medianMs?: number;
  /** This is the median absolute deviation from the median. */
  readonly madMs?: number;
  /** So many samples were taken. */
  readonly samples?: number;
  /** It kept its numbers in f16, and its outputs then differ by this share of the largest from those in f32. */
  readonly halfMaxRel?: number;
  /** They were measured with this clock. */
  readonly clock?: string;
  /** This is the clock's smallest step. */
  readonly quantumMs?: number;
  /** This is the median of the last fifth of the samples / that of the first: above 1 the device has become slower. */
  readonly drift?: number;
  /** The page was hidden meanwhile, or the clock hardly resolves it: the row is shown, and kept out of comparisons. */
  readonly doubt?: string;
}

/** This is one step of the inference plan, summed over its launches. */
export interface LayerTime {
  /** This is the network's name. */
  readonly network: string;
  /** This says which form of the network it is. */
  readonly variant: Variant;
  /** A run has so many samples. */
  readonly batch: number;
  /** This is the node's name. */
  readonly layer: string;
  /** This is its operator. */
  readonly op: string;
  /** One image takes so many multiply-adds. */
  readonly macs: number;
  /** This is the median of one run. */
  readonly medianMs: number;
  /**
   * It is the share of a whole run, measured in turns with the steps: what they add up to more or less than 1 is caches
   * and gaps.
   */
  readonly ofWhole: number;
  /** The whole batch moves at least so many bytes; earlier records, and those without WebGPU, lack this and the next two. */
  readonly bytes?: number;
  /** It is so many dispatches. */
  readonly dispatches?: number;
  /** A dispatch that does nothing took so long, measured in turns with the steps. */
  readonly launchMs?: number;
}

/** This is one kernel on one shape. */
export interface KernelTime {
  /** The kernel is one of these. */
  readonly family: "gemm" | "conv" | "block-sparse";
  /** It is such as "512×512×512" or "32×16×32×32 → 16, 3×3". */
  readonly shape: string;
  /** This share of the blocks is stored; 1 is the dense kernel. */
  readonly density: number;
  /** This is the median of one run. */
  readonly medianMs: number;
  /** This is the median absolute deviation from the median. */
  readonly madMs: number;
  /** So many samples were taken. */
  readonly samples: number;
  /** The kernel does so many 10⁹ operations per second. */
  readonly gflops: number;
  /** It does so many operations for each byte that it must move. */
  readonly intensity: number;
  /** It reaches this share of the roof that it meets at its intensity, 0…1. */
  readonly ofRoof: number;
}

/** This is the most that was seen of the device. */
export interface Roof {
  /** These are 10⁹ floating-point operations per second. */
  readonly gflops: number;
  /** These are 10⁹ bytes per second to and from memory. */
  readonly gbps: number;
}

/** Says what a self-test checks. */
export type CheckName =
  | "repeat"
  | "reduction"
  | "workgroup memory"
  | "radix select"
  | "f16"
  | "f16 products"
  | "subgroups"
  | "dynamic offsets"
  | "float64";

/** This is one check of a self-test; it is "absent" where the device doesn't offer what is checked. */
export interface SelfCheck {
  /** This was checked. */
  readonly name: CheckName;
  /** It is "absent" where the device lacks the feature. */
  readonly outcome: "passed" | "failed" | "absent";
  /** This says what was found and what was expected, or what is used instead. */
  readonly detail: string;
}

/** This is what the checks allow: how the device is opened for measuring. */
export interface SafePath {
  /** It is as `GpuOptions` has it. */
  readonly dynamicOffsets: boolean;
  /** It is as `GpuOptions` has it. */
  readonly workgroupMemory: boolean;
  /** This says whether 16-bit floats are used. */
  readonly f16: boolean;
  /** Plans in f16 multiply in f16, because that was faster here. It is told only where plans are in f16. */
  readonly halfProducts?: boolean;
  /** This says whether subgroups are used. */
  readonly subgroups: boolean;
}

/** This is what a self-test found. */
export interface SelfTest {
  /** They ran one after another. */
  readonly checks: readonly SelfCheck[];
  /** It leads around what failed, and around what is known to be wrong on such devices. */
  readonly path: SafePath;
  /** These parts aren't used, though the device offers them; earlier records don't say. */
  readonly avoided?: readonly Avoided[];
  /** It is false where even the safe path computes wrong numbers: nothing that is measured means anything. */
  readonly trusted: boolean;
}

/** This is the device that a session ran on. */
export interface DeviceInfo {
  /** It is as `AdapterInfo` has it. */
  readonly vendor: string;
  /** It is as `AdapterInfo` has it. */
  readonly architecture: string;
  /** It is as `AdapterInfo` has it. */
  readonly description: string;
  /** It is true for a software adapter, which is kept out of comparisons unless asked for. */
  readonly fallback: boolean;
  /** They are in WebGPU's own names. */
  readonly features: readonly string[];
  /** They are in WebGPU's own names and units. */
  readonly limits: Readonly<Record<string, number>>;
}

/**
 * This is what happened meanwhile; `atMs` counts from the session's start. "left out" says that the roof, kernels or
 * layers were, and why. "backend changed" says, without WebGPU, why one way to compute gave way to the next one.
 */
export interface Incident {
  /** So many ms have gone since the session began. */
  readonly atMs: number;
  /** This says what sort of thing happened. */
  readonly kind:
    | "hidden"
    | "visible"
    | "device lost"
    | "device reopened"
    | "backend changed"
    | "slower"
    | "left out"
    | "stopped";
  /** It says so in a sentence. */
  readonly text: string;
}

/** This is what a session tells, in the order in which it happens; the record is made of these and of nothing else. */
export type SessionEvent =
  | { readonly kind: "device"; readonly device: DeviceInfo }
  | { readonly kind: "self-test"; readonly selfTest: SelfTest }
  | { readonly kind: "roof"; readonly roof: Roof }
  | { readonly kind: "row"; readonly row: Row }
  | { readonly kind: "layers"; readonly layers: readonly LayerTime[] }
  | { readonly kind: "kernel"; readonly kernel: KernelTime }
  | { readonly kind: "incident"; readonly incident: Incident }
  | {
    readonly kind: "progress";
    /** So many measurements are made. */
    readonly done: number;
    readonly total: number;
    /** This is being measured. */
    readonly text: string;
    /** It will take about so many seconds until all is done, where whoever measures can tell. */
    readonly secondsLeft?: number;
  };
