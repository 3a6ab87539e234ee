/** `sweep --serve`: the sweep's page on this machine, which follows the sweep. */
import { joinPath } from "../store/path.ts";
import { visible } from "../visible.ts";
import type { Io } from "./io.ts";

export interface ServeSweepOptions {
  /** The sweep's folder. */
  readonly dir: string;
  /** 0: any free one. */
  readonly port: number;
  /** Is told the link. */
  readonly tell: (text: string) => void;
}

/** A page that asked within so long is still open. */
const OPEN_MS = 5_000;
/** A page gets the end of the sweep, and nobody waits longer for it to come for that. */
const END_MS = 5_000;
/** Until an answer has arrived on this machine. */
const ARRIVES_MS = 300;

/** Serves until it is disposed of; pages that are open then see the sweep's end before. */
export async function serveSweep({ store, signal, err }: Io, options: ServeSweepOptions): Promise<AsyncDisposable> {
  const { dir, port: asked, tell } = options;
  const [{ listen }, { createSweepHandler }, { keptToken }, { serverFolder }] = await Promise.all([
    import("./server/listen.ts"),
    import("./server/sweep_handler.ts"),
    import("./server/token.ts"),
    import("./server/server_folder.ts"),
  ]);
  const token = await keptToken(store, joinPath(serverFolder(), "sweep-token"));
  const stop = new AbortController();
  const sentEnd = Promise.withResolvers<void>();
  let lastAsked = -Infinity;
  const { port, finished } = await listen({
    hostname: "127.0.0.1",
    port: asked,
    signal: stop.signal,
    handler: createSweepHandler({
      store,
      dir,
      token,
      onPage({ ended }) {
        lastAsked = performance.now();
        if (ended) sentEnd.resolve();
      },
      onRefusal() {},
      onFault: (error) => err(visible(`internal error while answering: ${error}`)),
    }),
  });
  tell(`the page: http://localhost:${port}/${token}/`);
  return {
    async [Symbol.asyncDispose]() {
      if (!signal.aborted && performance.now() - lastAsked < OPEN_MS) {
        await Promise.race([sentEnd.promise, passed(END_MS)]);
        await passed(ARRIVES_MS);
      }
      stop.abort();
      await finished;
    },
  };
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
