/** Has a network's latency table built by the phones that open the page, for as long as the server is there. */
import type { DeviceRecord } from "../../report/devices/record.ts";
import { askTable, phoneTable } from "../../sweep/phones/ask_table.ts";
import { ENDLESS, livePhone } from "../../sweep/phones/live_phone.ts";
import type { NamedNetwork } from "../networks.ts";
import type { PhoneWork } from "./phone_work.ts";

export interface TableWork {
  readonly work: PhoneWork;
  /** Gives the record of the device that came, with the table, once all is timed. */
  build(signal: AbortSignal): Promise<DeviceRecord>;
}

/** @throws UserError where the network has no layer */
export async function tableWork(
  { name, model: { graph } }: NamedNetwork,
  { tool, warn }: { readonly tool: string; readonly warn: (text: string) => void },
): Promise<TableWork> {
  const asked = await phoneTable(name, graph);
  const what = `the latency table of ${name}`;
  const phone = livePhone({ what, warn, patience: ENDLESS });
  const { work } = phone;
  return {
    // What it will take is known before it begins.
    work: { ...work, offer: () => ({ ...work.offer(), total: asked.jobs.length }) },
    async build(signal) {
      try {
        return await askTable(phone, asked, { tool, signal });
      } finally {
        await phone.end();
      }
    },
  };
}
