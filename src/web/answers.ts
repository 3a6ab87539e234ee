/** The worker's side of the calls in messages.ts: each is handed to its handler, whose events and end are posted. */
import { UserError } from "../errors.ts";
import type { Visibility } from "../measure/session/visibility.ts";
import type { CallEvent, CallName, Calls, FromWorker, ToWorker } from "./messages.ts";

export interface Call<N extends CallName> {
  readonly request: Calls[N]["request"];
  readonly signal: AbortSignal;
  readonly tell: (event: CallEvent) => void;
}

export type Handlers = { readonly [N in CallName]: (call: Call<N>) => Promise<Calls[N]["answer"]> };

/** Takes what the page posts. */
export function answerCalls(
  handlers: Handlers,
  visibility: Visibility,
  post: (message: FromWorker) => void,
): (message: ToWorker) => void {
  const stops = new Map<number, AbortController>();

  async function answer<N extends CallName>(id: number, call: N, request: Calls[N]["request"]): Promise<void> {
    const controller = new AbortController();
    stops.set(id, controller);
    try {
      const handler = handlers[call] as (call: Call<N>) => Promise<Calls[N]["answer"]>;
      const found = await handler({ request, signal: controller.signal, tell: (event) => post({ id, event }) });
      post({ id, answer: found });
    } catch (error) {
      const known = error instanceof UserError;
      // What was stopped may well end in an error: whoever stopped it knows why.
      const stopped = !known && controller.signal.aborted;
      const message = stopped ? "stopped" : error instanceof Error ? error.message : String(error);
      post({ id, error: { message, internal: !known && !stopped } });
    } finally {
      stops.delete(id);
    }
  }

  return (message) => {
    if ("visibility" in message) visibility.set(message.visibility);
    else if ("stop" in message) stops.get(message.id)?.abort();
    else void answer(message.id, message.call, message.request);
  };
}
