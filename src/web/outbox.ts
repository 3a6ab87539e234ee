/**
 * Records on their way to the server: kept in this browser until it has confirmed them, whatever happens to the network,
 * the server or the page meanwhile.
 */
import { signal } from "@preact/signals";
import { type DBSchema, openDB } from "idb";
import type { DeviceRecord } from "../report/devices/record.ts";

export type Delivery =
  /** A page of static files has nobody to send to. */
  | { readonly state: "no server" }
  | { readonly state: "sending" }
  | { readonly state: "sent"; readonly file: string }
  | { readonly state: "waiting"; readonly reason: string }
  /** For good: sending it again would change nothing. */
  | { readonly state: "refused"; readonly reason: string };

interface Box extends DBSchema {
  records: { key: string; value: DeviceRecord };
}

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
/** What a server may yet take: it is away, busy, or restarted with another token. */
const PASSING = new Set([401, 408, 421, 429]);

/** @param token from the page's link; without it nothing is ever sent */
export function createOutbox(base: URL, token: string | undefined): Outbox {
  const database = openDB<Box>("secateur-outbox", 1, {
    upgrade: (db) => void db.createObjectStore("records", { keyPath: "session" }),
  });
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
    if (newest && found.state === "sent" && !same(record, newest)) return;
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
      });
    } catch {
      tell(record, { state: "waiting", reason: "the server doesn't answer" });
      return false;
    }
    const said = await response.json().catch(() => ({})) as { file?: string; error?: string };
    if (!response.ok) {
      const reason = said.error ?? `the server answers ${response.status}`;
      const passing = PASSING.has(response.status) || response.status >= 500;
      tell(record, { state: passing ? "waiting" : "refused", reason });
      if (passing) return false;
    } else tell(record, { state: "sent", file: said.file ?? "" });
    await forget(record);
    return true;
  }

  /** Unless a newer state of the same session has come meanwhile. */
  async function forget(record: DeviceRecord): Promise<void> {
    const transaction = (await database).transaction("records", "readwrite");
    const kept = await transaction.store.get(record.session);
    if (kept && same(kept, record)) await transaction.store.delete(record.session);
    await transaction.done;
  }

  async function sendAll(): Promise<void> {
    for (const record of await (await database).getAll("records")) {
      if (!await send(record)) {
        pause = Math.min(LONGEST_PAUSE_MS, 2 * pause);
        return schedule();
      }
      pause = PAUSE_MS;
    }
    if (await (await database).count("records") > 0) schedule();
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
      await (await database).put("records", record);
      if (record.complete) {
        pause = PAUSE_MS;
        await flush();
      }
      schedule();
    },
    flush,
  };
}

function same(a: DeviceRecord, b: DeviceRecord): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
