/** A session's events, folded into the record that is shown, posted and kept. Pure. */
import type { Row, SessionEvent } from "../../measure/session/types.ts";
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

export function withEvent(record: DeviceRecord, event: SessionEvent): DeviceRecord {
  switch (event.kind) {
    case "device":
      return { ...record, device: event.device };
    case "self-test":
      return { ...record, selfTest: event.selfTest };
    case "roof":
      return { ...record, roof: event.roof };
    case "row":
      return { ...record, rows: withRow(record.rows, event.row) };
    case "layers":
      return { ...record, layers: [...record.layers, ...event.layers] };
    case "kernel":
      return { ...record, kernels: [...record.kernels, event.kernel] };
    case "incident":
      return { ...record, incidents: [...record.incidents, event.incident] };
    case "progress":
      return record;
  }
}

/** A later row of the same network, variant and batch takes the earlier one's place. */
function withRow(rows: readonly Row[], row: Row): Row[] {
  const same = ({ network, variant, batch }: Row) =>
    network === row.network && variant === row.variant && batch === row.batch;
  return rows.some(same) ? rows.map((old) => same(old) ? row : old) : [...rows, row];
}
