/** Records that wait for the server, in IndexedDB; in memory where the browser keeps nothing for this page. */
import { type DBSchema, openDB } from "idb";
import type { DeviceRecord } from "../report/devices/record.ts";

interface Box extends DBSchema {
  records: { key: string; value: DeviceRecord };
}

/** By session. */
export interface Waiting {
  put(record: DeviceRecord): Promise<void>;
  all(): Promise<readonly DeviceRecord[]>;
  /** Unless a newer state of the same session has come meanwhile. */
  remove(record: DeviceRecord): Promise<void>;
}

export function openWaiting(name: string): Waiting {
  const memory = new Map<string, DeviceRecord>();
  const opened = openDB<Box>(name, 1, {
    upgrade: (db) => void db.createObjectStore("records", { keyPath: "session" }),
  }).catch(() => undefined);
  return {
    async put(record) {
      try {
        const database = await opened;
        if (!database) throw new Error("no database");
        await database.put("records", record);
        memory.delete(record.session);
      } catch {
        // Also where it has no room left: as long as the page is open, the record is safe here.
        memory.set(record.session, record);
      }
    },
    async all() {
      const kept = await (await opened)?.getAll("records") ?? [];
      return [...kept.filter(({ session }) => !memory.has(session)), ...memory.values()];
    },
    async remove(record) {
      const held = memory.get(record.session);
      if (held && sameRecord(held, record)) memory.delete(record.session);
      const transaction = (await opened)?.transaction("records", "readwrite");
      if (!transaction) return;
      const kept = await transaction.store.get(record.session);
      if (kept && sameRecord(kept, record)) await transaction.store.delete(record.session);
      await transaction.done;
    },
  };
}

export function sameRecord(a: DeviceRecord, b: DeviceRecord): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
