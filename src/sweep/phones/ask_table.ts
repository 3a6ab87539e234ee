/** A network's latency table by phones: each layer shape is timed in two sessions at least. */
import { formedNetworks } from "../../depth/forms/form_cost.ts";
import type { Graph } from "../../graph/types.ts";
import { type AskedTable, askedTable } from "../../measure/latency/asked_table.ts";
import { beginRecord, type DeviceRecord, sessionName, withTable } from "../../report/devices/record.ts";
import { timed } from "./ask_phones.ts";
import type { PhoneSession } from "./desk.ts";
import type { AskedTimes, LivePhone } from "./live_phone.ts";

/** As in runs with one image at a time: what a camera asks for. */
export const BATCH = 1;
/** A phone takes about half a second for each, twice. */
const MOST_POINTS = 120;

/**
 * What a table of the network, and of what its blocks may become, takes.
 * @throws UserError where the network has no layer
 */
export async function phoneTable(name: string, graph: Graph): Promise<AskedTable> {
  return await askedTable({ graph }, { name, batch: BATCH, also: formedNetworks(graph), mostPoints: MOST_POINTS });
}

/** Gives the record of the device that came, with the table, once all is timed. */
export async function askTable(
  phone: LivePhone,
  { jobs, table }: AskedTable,
  { tool, ...asked }: AskedTimes & { readonly tool: string },
): Promise<DeviceRecord> {
  const told = await phone.times(jobs.map((job) => ({ job })), asked);
  const built = table((job) => timed(told, job));
  const { desk, now } = phone.work;
  return withTable({ ...recordOf(desk.state(now()).device!, tool), complete: true }, built);
}

function recordOf({ name, adapter }: PhoneSession, tool: string): DeviceRecord {
  const record = beginRecord({
    tool,
    session: sessionName(),
    name,
    runtime: { userAgent: "", cores: 1, isolated: true },
    backend: "webgpu",
    protocol: { mode: "burst", seconds: 1, batches: [BATCH] },
  });
  return { ...record, device: { ...adapter, features: [], limits: {} } };
}
