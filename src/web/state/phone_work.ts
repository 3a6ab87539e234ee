/** Working for a sweep: what the server has to be timed, and this device's part of it. */
import { signal } from "@preact/signals";
import type { WorkOffer } from "../../sweep/phones/offer.ts";
import type { WorkEvent, WorkResult } from "../messages.ts";
import { engine, fail, name, running, showProgress, whileRunning } from "./app.ts";
import { cleanName } from "./device_name.ts";

export const offer = signal<WorkOffer | undefined>(undefined);
/** What this device has done so far. */
export const worked = signal<WorkResult | undefined>(undefined);

/** Between two looks at how far the work is. */
const LOOK_MS = 2000;

/** Asks the server what there is to work for. */
export async function lookForWork(): Promise<void> {
  offer.value = await engine().call("workOffer", {}).catch(fail) ?? undefined;
}

export async function work(): Promise<void> {
  if (running.value || !offer.value) return;
  let counted = 0, text = "opening the device";
  const show = () => {
    const { done = 0, total = 1 } = offer.value ?? {};
    showProgress({ done, total, text: `${text}; ${counted} ${counted === 1 ? "time" : "times"} from here` });
  };
  const looking = setInterval(() => void lookForWork(), LOOK_MS);
  try {
    await whileRunning(async (signal) => {
      worked.value = await engine().call("work", { name: cleanName(name.value) }, {
        signal,
        onEvents(events) {
          for (const event of events as readonly WorkEvent[]) {
            counted = event.counted ?? counted;
            text = event.text;
          }
          if (!signal.aborted) show();
        },
      });
    });
  } finally {
    clearInterval(looking);
    await lookForWork();
  }
}
