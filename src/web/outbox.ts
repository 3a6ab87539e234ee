/**
 * Records on their way to the server: kept in this browser until it has confirmed them, whatever happens to the network,
 * the server or the page meanwhile.
 */
import { signal } from "@preact/signals";
import type { DeviceRecord } from "../report/devices/record.ts";
import { openWaiting, sameRecord } from "./waiting.ts";

export type Delivery =
  /** A page of static files has nobody to send to. */
  | { readonly state: "no server" }
  | { readonly state: "sending" }
  | { readonly state: "sent"; readonly file: string }
  | { readonly state: "waiting"; readonly reason: string }
  /** For good: sending it again would change nothing. */
  | { readonly state: "refused"; readonly reason: string };

export interface Outbox {
  /** Of the record that was put in last. */
  readonly delivery: { readonly value: Delivery };
  /** Keeps the record, in place of what the same session put in before, and sends it as soon as that goes. */
  put(record: DeviceRecord): Promise<void>;
  /** Tries everything that waits, now. */
  flush(): Promise<void>;
}

/** Between two posts: a session tells more often than a server wants to hear. */
const PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** A server that is there answers sooner. */
const PATIENCE_MS = 15_000;
/** What a server may yet take: it is away, busy, or restarted with another token. */
const PASSING = new Set([401, 408, 421, 429]);

/** @param token from the page's link; without it nothing is ever sent */
export function createOutbox(base: URL, token: string | undefined): Outbox {
  const waiting = openWaiting("secateur-outbox");
  const delivery = signal<Delivery>(
    token === undefined ? { state: "no server" } : { state: "waiting", reason: "nothing yet" },
  );
  let newest: DeviceRecord | undefined;
  let pause = PAUSE_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let sending: Promise<void> | undefined;

  const tell = (record: DeviceRecord, found: Delivery) => {
    if (newest && record.session !== newest.session) return;
    // What was told meanwhile is still on its way.
    if (newest && found.state === "sent" && !sameRecord(record, newest)) return;
    delivery.value = found;
  };

  /** False where it should be tried again later. */
  async function send(record: DeviceRecord): Promise<boolean> {
    let response: Response;
    try {
      response = await fetch(new URL("api/devices", base), {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(record),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
    } catch {
      tell(record, { state: "waiting", reason: "the server doesn't answer" });
      return false;
    }
    const { ok, status } = response;
    const said = await response.json().catch(() => undefined) as { file?: unknown; error?: unknown } | null | undefined;
    const { file, error } = said ?? {};
    // Only Secateur's own words count: a hotel's network answers everything with its own page.
    const kept = ok && typeof file === "string";
    const refused = typeof error === "string" && status >= 400 && status < 500 && !PASSING.has(status);
    if (!kept && !refused) {
      const foreign = `something else than Secateur answers, with ${status}`;
      tell(record, { state: "waiting", reason: typeof error === "string" ? error : foreign });
      return false;
    }
    await waiting.remove(record);
    tell(record, kept ? { state: "sent", file } : { state: "refused", reason: String(error) });
    return true;
  }

  async function sendAll(): Promise<void> {
    for (const record of await waiting.all()) {
      if (!await send(record)) {
        pause = Math.min(LONGEST_PAUSE_MS, 2 * pause);
        return schedule();
      }
      pause = PAUSE_MS;
    }
    if ((await waiting.all()).length > 0) schedule();
  }

  function schedule(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      void flush();
    }, pause);
  }

  function flush(): Promise<void> {
    if (token === undefined) return Promise.resolve();
    return sending ??= sendAll().finally(() => sending = undefined);
  }

  if (token !== undefined) {
    addEventListener("online", () => void flush());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void flush());
    schedule();
  }

  return {
    delivery,
    async put(record) {
      newest = record;
      if (token === undefined) return;
      delivery.value = { state: "sending" };
      await waiting.put(record);
      if (record.complete) {
        pause = PAUSE_MS;
        await flush();
      }
      schedule();
    },
    flush,
  };
}
