/** Building a latency table: which, and what becomes of it. */
import { signal } from "@preact/signals";
import type { LatencyTable } from "../../measure/latency/types.ts";
import { engine, mode, networks, newRecord, progress, record, running, shared, whileRunning } from "./app.ts";

export const network = signal("digits");
export const batch = signal(1);

/** Adds the table to this device's record, or to a new one. */
export async function buildTable(): Promise<void> {
  if (running.value || !networks.value.some(({ id }) => id === network.value)) return;
  if (!record.value || shared.value) {
    record.value = newRecord({ mode: mode.value, seconds: 1, batches: [batch.value] });
  }
  await whileRunning(async (signal) => {
    try {
      const table = await engine().call("buildTable", { network: network.value, batch: batch.value }, {
        signal,
        onEvents: (events) => {
          const last = events.at(-1);
          if (last && "kind" in last && last.kind === "progress") progress.value = last;
        },
      });
      record.value = { ...record.value!, complete: true, tables: withTable(record.value!.tables ?? [], table) };
    } catch (error) {
      // A table that was stopped is no table, and no fault.
      if (!signal.aborted) throw error;
    }
  });
}

/** A later table of the same model and batch size takes the earlier one's place. Pure. */
export function withTable(tables: readonly LatencyTable[], table: LatencyTable): readonly LatencyTable[] {
  return [...tables.filter(({ model, batch }) => model !== table.model || batch !== table.batch), table];
}
