/** `runs/devices/<device>.json`, version 1: one timing session on one device, as the server keeps it. */
import type {
  DeviceInfo,
  Incident,
  KernelTime,
  LayerTime,
  Protocol,
  Roof,
  Row,
  SelfTest,
} from "../../measure/session/types.ts";

/** How the rows were computed: by our kernels, or, without WebGPU, by gpu.js on what the browser has. */
export type Backend = "webgpu" | "gpu.js webgl2" | "gpu.js cpu" | "webassembly";

export interface DeviceRecord {
  readonly version: 1;
  /** "secateur 0.1.0". */
  readonly tool: string;
  /** Drawn once per session: a record that is sent twice is kept once. */
  readonly session: string;
  /** As the person who ran it calls the device, or as the browser does: letters, digits, dots, dashes; the file's name. */
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly runtime: {
    readonly userAgent: string;
    /** Logical cores, as the runtime tells. */
    readonly cores: number;
    /** Cross-origin isolated: the wall clock is finer then. */
    readonly isolated: boolean;
  };
  readonly backend: Backend;
  /** Why it wasn't WebGPU. */
  readonly reason?: string;
  readonly protocol: Protocol;
  /** False while it runs and where it was stopped. */
  readonly complete: boolean;
  readonly device?: DeviceInfo;
  readonly selfTest?: SelfTest;
  readonly roof?: Roof;
  readonly rows: readonly Row[];
  readonly layers: readonly LayerTime[];
  readonly kernels: readonly KernelTime[];
  readonly incidents: readonly Incident[];
  /** Latency tables built on this device, by model: see measure/latency. */
  readonly tables?: readonly LatencyTable[];
}

/** Latency of each layer shape of a model at some widths: what a budget in ms is computed from. */
export interface LatencyTable {
  readonly model: string;
  readonly batch: number;
  /** Launches that belong to no layer with weights (pooling, sums, softmax), and what a run costs beside its layers. */
  readonly restMs: number;
  readonly layers: readonly LatencyLayer[];
}

/** One layer: its time over a grid of input and output channels, everything else as in the model. */
export interface LatencyLayer {
  readonly layer: string;
  readonly op: string;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** `medianMs[i][o]`: at `inputs[i]` and `outputs[o]` channels. */
  readonly medianMs: readonly (readonly number[])[];
}
