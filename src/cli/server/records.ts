/**
 * Devices' records in runs/devices/: one file for each device. A session that posts again replaces what it posted before,
 * unless that holds more: posts may overtake each other. Another session of a device of the same name gets a file of its own.
 */
import type { DeviceRecord } from "../../report/devices/record.ts";
import { readDeviceRecord } from "../../report/devices/schema.ts";
import { UserError } from "../../errors.ts";
import { joinPath } from "../../store/path.ts";
import type { Store } from "../../store/types.ts";

export interface Kept {
  readonly file: string;
  /** What this session posted before. */
  readonly before?: DeviceRecord;
  /** False where that holds more and stays. */
  readonly written: boolean;
}

/** Keeps records one after the other, so that two that come at once don't choose one name. */
export function createRecords(store: Store, runs: string): (record: DeviceRecord) => Promise<Kept> {
  const folder = joinPath(runs, "devices");
  let last: Promise<unknown> = Promise.resolve();
  return (record) => {
    const turn = last.then(() => keep(store, folder, record));
    last = turn.catch(() => {});
    return turn;
  };
}

async function keep(store: Store, folder: string, record: DeviceRecord): Promise<Kept> {
  for (let n = 1;; n++) {
    const file = joinPath(folder, `${record.name}${n > 1 ? `-${n}` : ""}.json`);
    const bytes = await store.read(file);
    const before = bytes && readRecord(bytes, file);
    if (bytes && before?.session !== record.session) continue;
    if (before && holdsMore(before, record)) return { file, before, written: false };
    await store.write(file, new TextEncoder().encode(JSON.stringify(record, null, 2) + "\n"));
    return { file, before, written: true };
  }
}

/** Whether a record of a session has something that another one of it lacks: a session only ever adds. */
function holdsMore(one: DeviceRecord, other: DeviceRecord): boolean {
  const lists = ({ rows, layers, kernels, incidents, tables = [] }: DeviceRecord) => [
    rows.length,
    layers.length,
    kernels.length,
    incidents.length,
    tables.length,
  ];
  const than = lists(other);
  return (one.complete && !other.complete) || lists(one).some((length, i) => length > than[i]);
}

/** Undefined for a file that is something else: it isn't ours to replace. */
function readRecord(bytes: Uint8Array, file: string): DeviceRecord | undefined {
  try {
    return readDeviceRecord(bytes, file);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
