/** Building a latency table: which, and what becomes of it. */
import { signal } from "@preact/signals";
import { withTable } from "../../report/devices/record.ts";
import { engine, mode, networks, newRecord, record, running, shared, take, whileRunning } from "./app.ts";

export const network = signal("digits");
export const batch = signal(1);

/** Adds the table to this device's record, or to a new one. */
export async function buildTable(): Promise<void> {
  if (running.value || !networks.value.some(({ id }) => id === network.value)) return;
  const fresh = !record.value || shared.value;
  if (fresh) {
    record.value = newRecord({ mode: mode.value, seconds: 1, batches: [batch.value] });
  }
  await whileRunning(async (signal) => {
    try {
      const table = await engine().call("buildTable", { network: network.value, batch: batch.value }, {
        signal,
        onEvents: take,
      });
      const added = withTable(record.value!, table);
      // A record that was there is as complete as its own session was.
      record.value = fresh ? { ...added, complete: true } : added;
    } catch (error) {
      // A table that was stopped is no table, and no fault.
      if (!signal.aborted) throw error;
    }
  });
}
