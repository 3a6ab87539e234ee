/** Calls to a worker as promises; what it tells meanwhile goes to `onEvent`, gathered for each frame so that the page stays free. */
import type { CallEvent, CallName, Calls, FromWorker, ToWorker } from "./messages.ts";

export interface Options {
  readonly onEvents?: (events: readonly CallEvent[]) => void;
  readonly signal?: AbortSignal;
  /** Handed over instead of copied. */
  readonly transfer?: readonly Transferable[];
}

export interface Client {
  call<N extends CallName>(call: N, request: Calls[N]["request"], options?: Options): Promise<Calls[N]["answer"]>;
  tellVisibility(state: "visible" | "hidden"): void;
}

/** A failure as the worker tells it. */
export class CallError extends Error {
  override readonly name = "CallError";
  /** @param internal it is our fault, not the file's or the device's */
  constructor(message: string, readonly internal: boolean) {
    super(message);
  }
}

interface Pending {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
  readonly onEvents: ((events: readonly CallEvent[]) => void) | undefined;
  readonly events: CallEvent[];
}

export function createClient(worker: Worker): Client {
  const pending = new Map<number, Pending>();
  let next = 1;
  let scheduled = false;
  const send = (message: ToWorker, transfer: readonly Transferable[] = []) =>
    worker.postMessage(message, [...transfer]);

  const deliver = () => {
    scheduled = false;
    for (const { events, onEvents } of pending.values()) if (events.length > 0) onEvents?.(events.splice(0));
  };
  /** Frames stop while the page is hidden, and a run's end must not wait for one. */
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    if (document.visibilityState === "visible") requestAnimationFrame(deliver);
    else setTimeout(deliver, 100);
  };

  worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
    const call = pending.get(data.id);
    if (!call) return;
    if ("event" in data) {
      call.events.push(data.event);
      return schedule();
    }
    if (call.events.length > 0) call.onEvents?.(call.events.splice(0));
    pending.delete(data.id);
    if ("error" in data) call.reject(new CallError(data.error.message, data.error.internal));
    else call.resolve(data.answer as never);
  });
  worker.addEventListener("error", (event) => {
    for (const { reject } of pending.values()) {
      reject(new CallError(`the page's worker failed: ${event.message || "it could not be loaded"}`, true));
    }
    pending.clear();
  });

  return {
    call(call, request, { onEvents, signal, transfer } = {}) {
      const id = next++;
      return new Promise((resolve, reject) => {
        pending.set(id, { resolve, reject, onEvents, events: [] });
        signal?.addEventListener("abort", () => send({ id, stop: true }), { once: true });
        send({ id, call, request } as ToWorker, transfer);
      });
    },
    tellVisibility: (visibility) => send({ visibility }),
  };
}
