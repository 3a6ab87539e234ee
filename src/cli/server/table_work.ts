/** Has a network's latency table built by the phones that open the page: each layer shape is timed in two sessions at least. */
import { formedNetworks } from "../../depth/forms/form_cost.ts";
import { askedTable } from "../../measure/latency/asked_table.ts";
import { beginRecord, type DeviceRecord, sessionName, withTable } from "../../report/devices/record.ts";
import { memoryStore } from "../../store/memory.ts";
import { askPhones, timed } from "../../sweep/phones/ask_phones.ts";
import type { PhoneSession } from "../../sweep/phones/desk.ts";
import { createPhoneWorker } from "../../sweep/phones/phone_worker.ts";
import { timingResults } from "../../sweep/phones/timing_results.ts";
import { memoryQueue } from "../../sweep/queue/memory.ts";
import type { NamedNetwork } from "../networks.ts";
import type { PhoneWork } from "./phone_work.ts";

export interface TableWork {
  readonly work: PhoneWork;
  /** Gives the record of the device that came, with the table, once all is timed. */
  build(signal: AbortSignal): Promise<DeviceRecord>;
}

/** As in runs with one image at a time: what a camera asks for. */
const BATCH = 1;
/** A phone takes about half a second for each, twice. */
const MOST_POINTS = 120;

/** @throws UserError where the network has no layer */
export async function tableWork(
  { name, model: { graph } }: NamedNetwork,
  { tool, warn }: { readonly tool: string; readonly warn: (text: string) => void },
): Promise<TableWork> {
  const { jobs, table } = await askedTable({ graph }, {
    name,
    batch: BATCH,
    also: formedNetworks(graph),
    mostPoints: MOST_POINTS,
  });
  const queue = memoryQueue();
  const results = timingResults(memoryStore(), "times");
  const worker = createPhoneWorker({ queue, results, name: "server", warn });
  const { desk, now } = worker;
  let done = 0, ended = false;
  return {
    work: { desk, now, offer: () => ({ what: `the latency table of ${name}`, done, total: jobs.length, ended }) },
    async build(signal) {
      const working = new AbortController();
      const running = worker.run(AbortSignal.any([signal, working.signal]));
      try {
        const progress = (count: number) => done = count;
        const told = await askPhones(jobs.map((job) => ({ job })), { queue, results, signal, progress });
        const built = table((job) => timed(told, job));
        return withTable({ ...recordOf(desk.state(now()).device!, tool), complete: true }, built);
      } finally {
        ended = true;
        desk.end();
        working.abort();
        await running;
      }
    },
  };
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
