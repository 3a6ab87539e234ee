/** Calls to the page's real worker, as the page makes them, from a test: what it tells and what it answers. */
import type { Page } from "playwright-core";
import type { CallName, Calls, FromWorker } from "../../src/web/messages.ts";

export interface Answered<N extends CallName> {
  readonly answer?: Calls[N]["answer"];
  readonly error?: { readonly message: string; readonly internal: boolean };
  readonly events: readonly Record<string, unknown>[];
}

export interface WorkerCalls {
  /** @param stopAfter stops the call when it has told so many events */
  call<N extends CallName>(call: N, request: Calls[N]["request"], stopAfter?: number): Promise<Answered<N>>;
}

/** Starts the worker in `page`, which must lie at a file of the server without a script of its own. */
export async function startWorker(page: Page, token: string): Promise<WorkerCalls> {
  await page.evaluate((token) => {
    const worker = new Worker(`/app/engine.js#t=${token}`, { type: "module" });
    const calls = new Map<number, (message: FromWorker) => void>();
    worker.onmessage = ({ data }) => calls.get(data.id)?.(data);
    let next = 1;
    const call = (call: string, request: unknown, stopAfter: number) =>
      new Promise((resolve, reject) => {
        const id = next++;
        const events: unknown[] = [];
        worker.onerror = (event) => reject(new Error(event.message));
        calls.set(id, (message) => {
          if ("event" in message) {
            if (events.push(message.event) === stopAfter) worker.postMessage({ id, stop: true });
          } else if ("error" in message) resolve({ error: message.error, events });
          else resolve({ answer: message.answer, events });
        });
        worker.postMessage({ id, call, request });
      });
    Object.assign(globalThis, { call });
  }, token);
  return {
    call<N extends CallName>(call: N, request: Calls[N]["request"], stopAfter = 0) {
      // Bytes cross to the page as a list.
      const bytes = "bytes" in request ? [...request.bytes as Uint8Array] : undefined;
      const rest: Record<string, unknown> = { ...request, bytes: undefined };
      return page.evaluate(
        ({ call, rest, bytes, stopAfter }) =>
          (globalThis as unknown as { call: (...given: unknown[]) => Promise<Answered<N>> })
            .call(call, bytes ? { ...rest as object, bytes: Uint8Array.from(bytes) } : rest, stopAfter),
        { call, rest: rest as unknown, bytes, stopAfter },
      );
    },
  };
}
