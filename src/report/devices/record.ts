/** `runs/devices/<device>.json`, version 1: one timing session on one device, as the server keeps it. */
import type { LatencyTable } from "../../measure/latency/types.ts";
import { type Findings, NO_FINDINGS } from "../../measure/session/findings.ts";
import type { Protocol } from "../../measure/session/types.ts";

/** How the rows were computed: by our kernels, or, without WebGPU, by gpu.js on what the browser has or by a product in WebAssembly. */
export type Backend = "webgpu" | "gpu.js webgl2" | "gpu.js webasm" | "gpu.js cpu" | "webassembly";

export interface DeviceRecord extends Findings {
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
  /** Latency tables built on this device, one for each model and batch size. */
  readonly tables?: readonly LatencyTable[];
}

/** A record of a session that begins now, before its events are folded into it. */
export function beginRecord(
  given: Omit<DeviceRecord, "version" | "started" | "complete" | keyof Findings>,
  now = new Date(),
): DeviceRecord {
  return { version: 1, ...given, started: now.toISOString(), complete: false, ...NO_FINDINGS };
}

/** A later table of the same model and batch size takes the earlier one's place. */
export function withTable(record: DeviceRecord, table: LatencyTable): DeviceRecord {
  const others = (record.tables ?? []).filter(({ model, batch }) => model !== table.model || batch !== table.batch);
  return { ...record, tables: [...others, table] };
}

/** For `session`: 128 random bits, also on pages that came over an insecure connection. */
export function sessionName(): string {
  return crypto.getRandomValues(new Uint8Array(16)).reduce(
    (text, byte) => text + byte.toString(16).padStart(2, "0"),
    "",
  );
}

/** Where f16 was asked for: what it has changed, of the network that it has changed most. */
export function halfWords({ rows, protocol }: Pick<DeviceRecord, "rows" | "protocol">): string | undefined {
  if (protocol.storage !== "f16") return undefined;
  const found = rows.flatMap(({ halfMaxRel }) => halfMaxRel ?? []);
  if (found.length === 0) return "kept in f32: this device has no f16";
  return `kept in f16: outputs differ by at most ${Math.max(...found).toPrecision(2)} of the largest`;
}
