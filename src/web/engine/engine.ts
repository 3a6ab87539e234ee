/** Answers the page's calls. Work on the device goes one after the other, so that nothing is timed while something else computes. */
import { UserError } from "../../errors.ts";
import { measureSession } from "../../measure/session/session.ts";
import { createVisibility } from "../../measure/session/visibility.ts";
import type { Store } from "../../store/types.ts";
import type { SessionEvent } from "../../measure/session/types.ts";
import type { CallName, Calls, FromWorker, ToWorker, TrainEvent } from "../messages.ts";
import { createCatalogue, forSession } from "./catalogue.ts";
import { createClassifier } from "./classify.ts";
import { createDevice } from "./device.ts";
import { fileNetwork } from "./file.ts";
import { createServer } from "./server.ts";
import { createTraining } from "./train.ts";

export interface EngineOptions {
  /** Where the page lies: models/, data/ and api/ are beside it. */
  readonly base: URL;
  readonly token: string | undefined;
  readonly store: Store;
  /** "secateur 0.1.0". */
  readonly tool: string;
  readonly post: (message: FromWorker) => void;
}

interface Call<N extends CallName> {
  readonly request: Calls[N]["request"];
  readonly signal: AbortSignal;
  readonly tell: (event: SessionEvent | TrainEvent) => void;
}

type Handlers = { readonly [N in CallName]: (call: Call<N>) => Promise<Calls[N]["answer"]> };

/** Takes what the page posts. */
export function createEngine({ base, token, store, tool, post }: EngineOptions): (message: ToWorker) => void {
  const device = createDevice();
  const visibility = createVisibility();
  const catalogue = createCatalogue(base, createServer(base, token));
  const training = createTraining(base, store, tool);
  const classify = createClassifier(base, device);
  const stops = new Map<number, AbortController>();

  let last: Promise<unknown> = Promise.resolve();
  /** After whatever was asked for before. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work, work);
    last = turn.catch(() => {});
    return turn;
  };

  const handlers: Handlers = {
    networks: () => catalogue.list(),
    async addFile({ request: { name, bytes } }) {
      const network = await fileNetwork(name, bytes);
      catalogue.add(network);
      return network.entry;
    },
    measure: ({ request, signal, tell }) =>
      inTurn(async () => {
        device.close();
        const { networks: ids, batches, mode, seconds, detail } = request;
        const networks = await Promise.all(ids.map((id) => catalogue.network(id)));
        return await measureSession({
          networks: networks.flatMap(forSession),
          protocol: { mode, seconds, batches },
          detail: detail ? "full" : "rows",
          visibility,
          signal,
          onEvent: tell,
        });
      }),
    classify: ({ request: { pixels } }) => inTurn(() => classify(pixels)),
    train: ({ request: { resume }, signal, tell }) =>
      inTurn(() => {
        device.close();
        return training.run({ resume, signal, onEvent: tell });
      }),
    trainState: () => training.state(),
    trainFile: async ({ request: { name } }) => ({ bytes: await training.file(name) }),
    buildTable: () => Promise.reject(new UserError("latency tables can't be built here yet")),
  };

  async function answer<N extends CallName>(id: number, call: N, request: Calls[N]["request"]): Promise<void> {
    const controller = new AbortController();
    stops.set(id, controller);
    try {
      const handler = handlers[call] as (call: Call<N>) => Promise<Calls[N]["answer"]>;
      const found = await handler({ request, signal: controller.signal, tell: (event) => post({ id, event }) });
      post({ id, answer: found });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      post({ id, error: { message, internal: !(error instanceof UserError) } });
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
