/** What the page's own server has beside the page. A page of static files has none, which is no error. */
import { UserError } from "../../errors.ts";
import type { ListedNetwork } from "../../report/listed_network.ts";
import type { WorkOffer } from "../../sweep/phones/offer.ts";
import type { ListedRun } from "../../report/listed_run.ts";

export interface Server {
  /** Files that it was started with; as with runs, those that it last told of where it is away. */
  networks(): Promise<readonly ListedNetwork[]>;
  networkFile(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** None where there is no server; where it is away, those that it last told of. */
  runs(): Promise<readonly ListedRun[]>;
  runFile(run: string, file: string): Promise<Uint8Array<ArrayBuffer>>;
  /** What phones may work for; undefined where there is nothing, or the server is away. */
  workOffer(): Promise<WorkOffer | undefined>;
}

/** @param token from the link's fragment; without it a page has no server to ask */
export function createServer(base: URL, token: string | undefined): Server {
  const headers = { authorization: `Bearer ${token}` };
  const file = (...parts: readonly string[]) =>
    fetchBytes(new URL(`api/${parts.map(encodeURIComponent).join("/")}`, base), { headers });

  function listed<T>(what: string): () => Promise<readonly T[]> {
    let told: readonly T[] = [];
    return async () => {
      if (token === undefined) return [];
      try {
        const response = await fetch(new URL(`api/${what}`, base), { headers });
        if (response.ok) told = await response.json();
      } catch { /* it may come back */ }
      return told;
    };
  }

  return {
    networks: listed("networks"),
    networkFile: (name) => file("networks", name),
    runs: listed("runs"),
    runFile: (run, name) => file("runs", run, name),
    async workOffer() {
      if (token === undefined) return undefined;
      const response = await fetch(new URL("api/work", base), { headers }).catch(() => undefined);
      return response?.ok ? await response.json() ?? undefined : undefined;
    },
  };
}

/** Throws UserError where the address doesn't answer with the file. */
export async function fetchBytes(url: URL, init?: RequestInit): Promise<Uint8Array<ArrayBuffer>> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch {
    throw new UserError(`could not reach ${url.host} for ${url.pathname}: is its server running, on the same network?`);
  }
  if (!response.ok) throw new UserError(`${url.pathname}: ${url.host} answers ${response.status}: reload the page`);
  return new Uint8Array(await response.arrayBuffer());
}
