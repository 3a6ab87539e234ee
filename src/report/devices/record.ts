/** `runs/devices/<device>.json`, version 1: one timing session on one device, as the server keeps it. */
import type { LatencyTable } from "../../measure/latency/types.ts";
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

/** How the rows were computed: by our kernels, or, without WebGPU, by gpu.js on what the browser has or by a product in WebAssembly. */
export type Backend = "webgpu" | "gpu.js webgl2" | "gpu.js webasm" | "gpu.js cpu" | "webassembly";

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
  /** Latency tables built on this device, one for each model and batch size. */
  readonly tables?: readonly LatencyTable[];
}
