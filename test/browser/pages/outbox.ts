/** Runs in the page: the outbox, with a server that answers as it is told to. Gives what the page would show, step by step. */
import type { DeviceRecord } from "../../../src/report/devices/record.ts";
import { createOutbox } from "../../../src/web/outbox.ts";

const record = (session: string, rows = 0): DeviceRecord => ({
  version: 1,
  tool: "secateur 0.0.0",
  session,
  name: "phone",
  started: "2026-01-01T00:00:00.000Z",
  runtime: { userAgent: "test", cores: 1, isolated: true },
  backend: "webgpu",
  complete: true,
  protocol: { mode: "burst", seconds: 1, batches: [1] },
  layers: [],
  kernels: [],
  incidents: [],
  rows: Array.from({ length: rows }, (_, i) => ({
    network: `net ${i}`,
    variant: "dense",
    batch: 1,
    params: 1,
    macs: 1,
    status: "measured",
  })),
});

export interface Shown {
  readonly shown: readonly string[];
  /** What the server has taken, as session and number of rows. */
  readonly taken: readonly string[];
  readonly authorization: string | null;
}

export default async function outbox(): Promise<Shown> {
  const shown: string[] = [], taken: string[] = [];
  let authorization: string | null = null;
  let respond: () => Response = () => new Response();
  const { fetch } = globalThis;
  globalThis.fetch = (_, init) => {
    const response = respond();
    authorization = new Headers(init?.headers).get("authorization");
    const { session, rows } = JSON.parse(String(init?.body)) as DeviceRecord;
    if (response.ok && response.headers.get("content-type") === "application/json") {
      taken.push(`${session} ${rows.length}`);
    }
    return Promise.resolve(response);
  };
  const base = new URL(location.href);
  const away = () => {
    throw new TypeError("Failed to fetch");
  };
  const says = (status: number, body: unknown) => () => Response.json(body, { status });
  const takes = says(200, { file: "runs/devices/phone.json" });

  const first = createOutbox(base, "secret");
  const show = (name: string) => {
    const { delivery: { value } } = first;
    const more = value.state === "waiting" || value.state === "refused"
      ? `: ${value.reason}`
      : value.state === "sent"
      ? `: ${value.file}`
      : "";
    shown.push(`${name}: ${value.state}${more}`);
  };
  respond = away;
  await first.put(record("one", 1));
  show("away");
  await first.put(record("one", 2));
  respond = says(401, { error: "the token is another one" });
  await first.flush();
  show("restarted");
  respond = () => new Response("<h1>Welcome to our hotel</h1>", { headers: { "content-type": "text/html" } });
  await first.flush();
  show("hotel");
  respond = says(500, { error: "the disk is full" });
  await first.flush();
  show("full");
  respond = takes;
  await first.flush();
  show("back");
  respond = says(422, { error: "the record: rows is missing" });
  await first.put(record("two"));
  show("wrong");

  // What waits when the page is closed goes from the next one, by itself.
  respond = away;
  await first.put(record("three", 3));
  respond = takes;
  createOutbox(base, "secret");
  for (let i = 0; i < 50 && taken.length < 2; i++) await new Promise((resolve) => setTimeout(resolve, 100));
  dispatchEvent(new Event("online"));
  await new Promise((resolve) => setTimeout(resolve, 1500));

  const without = createOutbox(base, undefined);
  await without.put(record("four"));
  shown.push(`no token: ${without.delivery.value.state}`);
  globalThis.fetch = fetch;
  return { shown, taken, authorization };
}
