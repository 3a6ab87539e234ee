/** What the page's own server has beside the page. A page of static files has none, which is no error. */
import { UserError } from "../../errors.ts";
import type { ListedRun } from "../../report/listed_run.ts";

export interface Server {
  /** None where there is no server; where it is away, those that it last told of. */
  runs(): Promise<readonly ListedRun[]>;
  runFile(run: string, file: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** @param token from the link's fragment; without it a page has no server to ask */
export function createServer(base: URL, token: string | undefined): Server {
  const headers = { authorization: `Bearer ${token}` };
  let told: readonly ListedRun[] = [];
  return {
    async runs() {
      if (token === undefined) return [];
      try {
        const response = await fetch(new URL("api/runs", base), { headers });
        if (response.ok) told = await response.json();
      } catch { /* it may come back */ }
      return told;
    },
    runFile: (run, file) =>
      fetchBytes(new URL(`api/runs/${encodeURIComponent(run)}/${encodeURIComponent(file)}`, base), { headers }),
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
