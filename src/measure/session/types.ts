/**
 * A timing session: what it is asked to measure, what it tells while it goes, and what it finds. Plain data (it crosses
 * workers and is kept as JSON): times in ms, sizes in bytes, fractions in 0…1.
 */

/** "burst": short samples from rest. "sustained": on and on, because a phone that is warm ranks networks otherwise. */
export type Mode = "burst" | "sustained";

/** How a session times. */
export interface Protocol {
  /** With rests, or without. */
  readonly mode: Mode;
  /** Spent on the samples of each network and batch size, all of its variants and their rests together, in seconds. */
  readonly seconds: number;
  /** A row of each network for each. */
  readonly batches: readonly number[];
}

/** A network before and after pruning; either may be missing (one's own file has only one form). */
export type Variant = "dense" | "pruned";

/** "failed": no number; `reason` says why. "retried": its number is of the second try, after the device was lost. */
export type RowStatus = "measured" | "retried" | "failed";

/** One network at one batch size. A later row of the same network, variant and batch takes its place. */
export interface Row {
  /** Its name. */
  readonly network: string;
  /** Which form of it. */
  readonly variant: Variant;
  /** Samples of a run. */
  readonly batch: number;
  /** Numbers stored. */
  readonly params: number;
  /** For one image. */
  readonly macs: number;
  /** How it was come by. */
  readonly status: RowStatus;
  /** Why it failed or is doubtful. */
  readonly reason?: string;
  /** Compiling the plan and its first run on a fresh device, shaders included as far as the browser doesn't keep them. */
  readonly coldMs?: number;
  /** Of one run of the whole batch; missing where the clock can't tell. */
  readonly medianMs?: number;
  /** Median absolute deviation from the median. */
  readonly madMs?: number;
  /** How many there are. */
  readonly samples?: number;
  /** What they were measured with. */
  readonly clock?: string;
  /** The clock's smallest step. */
  readonly quantumMs?: number;
  /** Median of the last fifth of the samples / of the first: above 1 the device has become slower. */
  readonly drift?: number;
  /** The page was hidden meanwhile, or the clock hardly resolves it: shown, and kept out of comparisons. */
  readonly doubt?: string;
}

/** One step of the inference plan, summed over its launches. */
export interface LayerTime {
  /** Its name. */
  readonly network: string;
  /** Which form of it. */
  readonly variant: Variant;
  /** Samples of a run. */
  readonly batch: number;
  /** The node's name. */
  readonly layer: string;
  /** Its operator. */
  readonly op: string;
  /** For one image. */
  readonly macs: number;
  /** Of one run. */
  readonly medianMs: number;
  /** Of a whole run, measured in turns with the steps: what they add up to more or less than 1 is caches and gaps. */
  readonly ofWhole: number;
}

/** One kernel on one shape. */
export interface KernelTime {
  /** Which kernels. */
  readonly family: "gemm" | "conv" | "block-sparse";
  /** "512×512×512", "32×16×32×32 → 16, 3×3". */
  readonly shape: string;
  /** Of the blocks that are stored; 1 is the dense kernel. */
  readonly density: number;
  /** Of one run. */
  readonly medianMs: number;
  /** Median absolute deviation from the median. */
  readonly madMs: number;
  /** How many there are. */
  readonly samples: number;
  /** Of the operations that it does. */
  readonly gflops: number;
  /** Operations for each byte that it must move. */
  readonly intensity: number;
  /** Of the roof that it meets at its intensity, 0…1. */
  readonly ofRoof: number;
}

/** The most that was seen of the device. */
export interface Roof {
  /** 10⁹ floating-point operations per second. */
  readonly gflops: number;
  /** 10⁹ bytes per second to and from memory. */
  readonly gbps: number;
}

/** What a self-test checks. */
export type CheckName = "repeat" | "reduction" | "f16" | "subgroups" | "dynamic offsets" | "float64";

/** "absent": the device doesn't offer it. */
export interface SelfCheck {
  /** What was checked. */
  readonly name: CheckName;
  /** "absent" where the device lacks the feature. */
  readonly outcome: "passed" | "failed" | "absent";
  /** What was found and what was expected, or what is used instead. */
  readonly detail: string;
}

/** What the checks allow: how the device is opened for measuring. */
export interface SafePath {
  /** As `GpuOptions` has it. */
  readonly dynamicOffsets: boolean;
  /** Whether 16-bit floats are used. */
  readonly f16: boolean;
  /** Whether subgroups are used. */
  readonly subgroups: boolean;
}

/** What a self-test found. */
export interface SelfTest {
  /** One after another. */
  readonly checks: readonly SelfCheck[];
  /** Around what failed. */
  readonly path: SafePath;
  /** False where even the safe path computes wrong numbers: nothing that is measured means anything. */
  readonly trusted: boolean;
}

/** The device that a session ran on. */
export interface DeviceInfo {
  /** As `AdapterInfo` has it. */
  readonly vendor: string;
  /** As `AdapterInfo` has it. */
  readonly architecture: string;
  /** As `AdapterInfo` has it. */
  readonly description: string;
  /** A software adapter: kept out of comparisons unless asked for. */
  readonly fallback: boolean;
  /** In WebGPU's own names. */
  readonly features: readonly string[];
  /** In WebGPU's own names and units. */
  readonly limits: Readonly<Record<string, number>>;
}

/** What happened meanwhile; `atMs` counts from the session's start. "left out": roof, kernels or layers, and why. */
export interface Incident {
  /** Since the session began. */
  readonly atMs: number;
  /** What sort of thing happened. */
  readonly kind: "hidden" | "visible" | "device lost" | "device reopened" | "slower" | "left out" | "stopped";
  /** In a sentence. */
  readonly text: string;
}

/** What a session tells, in the order in which it happens; the record is made of these and of nothing else. */
export type SessionEvent =
  | { readonly kind: "device"; readonly device: DeviceInfo }
  | { readonly kind: "self-test"; readonly selfTest: SelfTest }
  | { readonly kind: "roof"; readonly roof: Roof }
  | { readonly kind: "row"; readonly row: Row }
  | { readonly kind: "layers"; readonly layers: readonly LayerTime[] }
  | { readonly kind: "kernel"; readonly kernel: KernelTime }
  | { readonly kind: "incident"; readonly incident: Incident }
  /** `done` of `total` measurements; `text` says what is being measured. */
  | { readonly kind: "progress"; readonly done: number; readonly total: number; readonly text: string };
