/** The record that is shown, posted and kept, before a session's events are folded into it. Pure. */
import type { Backend, DeviceRecord } from "../../report/devices/record.ts";

export interface Beginning {
  readonly tool: string;
  readonly session: string;
  readonly name: string;
  readonly started: Date;
  readonly runtime: DeviceRecord["runtime"];
  readonly backend: Backend;
  readonly reason?: string;
  readonly protocol: DeviceRecord["protocol"];
}

export function beginRecord({ started, ...given }: Beginning): DeviceRecord {
  return {
    version: 1,
    ...given,
    started: started.toISOString(),
    complete: false,
    rows: [],
    layers: [],
    kernels: [],
    incidents: [],
  };
}
