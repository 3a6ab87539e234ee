/** `sweep --store-at`: the store over HTTP, for workers on machines that don't see its folder. */
import { InvalidArgumentError } from "commander";
import { UsageError } from "../errors.ts";
import { joinPath } from "../store/path.ts";
import { openResults } from "../sweep/results.ts";
import { visible } from "../visible.ts";
import type { Io } from "./io.ts";

export interface StoreAddress {
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/;

/** "8600", "127.0.0.1:8600", "[::1]:8600" */
export function storeAddress(text: string): StoreAddress {
  const [, host = "127.0.0.1", digits = ""] = /^(?:(\[[\da-f:.]+\]|[\w.-]+):)?(\d{1,5})$/i.exec(text) ?? [];
  const port = digits === "" ? NaN : Number(digits);
  if (!(port <= 65_535)) throw new InvalidArgumentError("Expected a port, or host:port, such as 127.0.0.1:8600");
  return { hostname: host.replace(/^\[|\]$/g, ""), port };
}

/** As a command line has it. */
export function addressText({ hostname, port }: StoreAddress): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

export interface ServeStoreOptions {
  readonly at: StoreAddress;
  /** Files of a certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
  /** The store's folder. */
  readonly root: string;
  readonly note: (text: string) => void;
}

/** @throws UsageError for what may not be served in that way */
export function checkStoreAt(
  { at, cert, key }: Pick<ServeStoreOptions, "cert" | "key"> & { readonly at: StoreAddress | undefined },
): void {
  if ((cert === undefined) !== (key === undefined)) throw new UsageError("--cert and --key belong together: give both");
  if (at === undefined && cert !== undefined) {
    throw new UsageError("--cert and --key are for --store-at: give it as well");
  }
  if (at === undefined || cert !== undefined || LOOPBACK.test(at.hostname)) return;
  throw new UsageError(
    `--store-at ${at.hostname}: without encryption others of the network could read the token: give --cert and --key, or ` +
      "127.0.0.1 and let workers come through an SSH tunnel",
  );
}

/** Serves until it is disposed of. */
export async function serveStore(io: Io, options: ServeStoreOptions): Promise<AsyncDisposable> {
  const [{ listen }, { createStoreHandler }, { createTurns }, { givenToken, STORE_TOKEN }] = await Promise.all([
    import("./server/listen.ts"),
    import("./server/store_handler.ts"),
    import("./server/rate.ts"),
    import("../sweep/deno/open_store.ts"),
  ]);
  const { at: { hostname, port: asked }, cert, key, root, note } = options;
  const given = givenToken();
  const { token, told } = given === undefined ? await ownToken(io) : { token: given, told: `the same ${STORE_TOKEN}` };
  const certificate = cert === undefined
    ? undefined
    : await (await import("./server/certificate.ts")).givenCertificate(io.store, cert, key!);
  const stop = new AbortController();
  const toTell = createTurns(60_000, 100);
  const tell = (from: string, text: string) => {
    if (!stop.signal.aborted && toTell(from)) io.err(visible(text));
  };
  const { port, finished } = await listen({
    hostname,
    port: asked,
    option: "--store-at",
    certificate,
    bodies: "long",
    signal: stop.signal,
    handler: createStoreHandler({
      root,
      results: openResults(io.store, root),
      token,
      onRefusal: (from, status, reason) => tell(`${from} ${status}`, `store: refused ${from}: ${status}, ${reason}`),
      onFault: (error) => tell("fault", `store: internal error while answering: ${error}`),
    }),
  });
  const shown = `${certificate ? "https" : "http"}://${addressText({ hostname, port })}`;
  note(`the store is served at ${shown}; workers give ${told}`);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await finished;
    },
  };
}

async function ownToken({ store }: Io): Promise<{ readonly token: string; readonly told: string }> {
  const [{ keptToken }, { serverFolder }, { STORE_TOKEN }] = await Promise.all([
    import("./server/token.ts"),
    import("./server/server_folder.ts"),
    import("../sweep/deno/open_store.ts"),
  ]);
  const where = joinPath(serverFolder(), "store-token");
  return { token: await keptToken(store, where), told: `what is in ${where} as ${STORE_TOKEN}` };
}
