/**
 * A store that another machine serves over HTTP (`sweep --store-at`). Contents are known by their SHA-256, which is looked at
 * after every download; one that broke off is gone on with from the byte where it did.
 */
import { UserError } from "../../errors.ts";
import { sha256 } from "../../formats/sha256.ts";
import { LARGEST_BYTES } from "../../store/deno.ts";
import type { Difference, JobResult, Results } from "../results.ts";

export interface RemoteOptions {
  readonly token: string;
  /** A server that was lost, or busy, for so long is given up. Default a minute; 0 asks once. */
  readonly patienceMs?: number;
  /** A transfer of which nothing moved for so long has broken off; default 30 s. */
  readonly idleMs?: number;
  /** Before the second attempt; twice as long before each further one, up to five seconds. */
  readonly retryMs?: number;
}

const LONGEST_RETRY_MS = 5_000;
const CHUNK_BYTES = 262_144;

/**
 * @param address "http://host:port" or "https://host:port"
 * @throws UserError for one that isn't; all its methods throw it where the server refuses, or doesn't answer for too long
 */
export function openRemoteResults(address: string, options: RemoteOptions): Results {
  const remote = new Remote(address, options);
  return {
    async read(id) {
      const response = await remote.ask(`results/${id}`);
      return response && remote.parsed<JobResult>(response);
    },
    async write(result) {
      const body = new TextEncoder().encode(JSON.stringify(result));
      const response = await remote.ask(`results/${result.id}`, { method: "PUT", body });
      return response && remote.parsed<{ difference: Difference | null }>(response).difference || undefined;
    },
    async put(bytes) {
      const hash = await sha256(bytes);
      const there = await remote.ask(`files/${hash}`, { method: "HEAD" });
      if (there?.length !== bytes.length) await remote.ask(`files/${hash}`, { method: "PUT", body: bytes });
      return hash;
    },
    async get(hash) {
      // What was damaged on its way comes whole the second time; what is damaged where it lies, never.
      for (let time = 0; time < 2; time++) {
        const found = await remote.ask(`files/${hash}`);
        if (!found) return undefined;
        if (await sha256(found.bytes) === hash) return found.bytes;
      }
    },
  };
}

interface Asked {
  readonly method: "GET" | "HEAD" | "PUT";
  readonly body?: Uint8Array<ArrayBuffer>;
}

interface Answer {
  /** As the server says; of HEAD alone it isn't that of `bytes`. */
  readonly length: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** An attempt that may go well the next time. */
class BrokenOff extends Error {}

class Remote {
  readonly #base: string;
  readonly #options: Required<RemoteOptions>;

  constructor(address: string, { patienceMs = 60_000, idleMs = 30_000, retryMs = 250, token }: RemoteOptions) {
    const url = URL.parse(address);
    const isPlain = url && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search + url.hash === "";
    if (!isPlain) throw new UserError("--store: expected a folder, or an address such as http://127.0.0.1:8600");
    if (url.username + url.password !== "") {
      throw new UserError("--store: leave the token out of the address and give it in SECATEUR_STORE_TOKEN");
    }
    this.#base = url.origin;
    this.#options = { token, patienceMs, idleMs, retryMs };
  }

  /** Undefined for what there isn't. */
  async ask(path: string, asked: Asked = { method: "GET" }): Promise<Answer | undefined> {
    const { patienceMs, retryMs } = this.#options;
    const got: Download = { bytes: new Uint8Array(), length: 0 };
    let lostAt: number | undefined;
    for (let attempt = 0;; attempt++) {
      const before = got.length;
      try {
        return await this.#attempt(path, asked, got);
      } catch (error) {
        if (!(error instanceof BrokenOff)) throw error;
        if (got.length > before) [lostAt, attempt] = [undefined, 0];
        lostAt ??= performance.now();
        if (performance.now() - lostAt >= patienceMs) {
          throw new UserError(
            `${this.#base}: the store can't be used: ${error.message}; try again once the sweep runs there with --store-at`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, Math.min(retryMs * 2 ** attempt, LONGEST_RETRY_MS)));
      }
    }
  }

  async #attempt(path: string, { method, body }: Asked, got: Download): Promise<Answer | undefined> {
    const { token, idleMs } = this.#options;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const moved = () => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(new BrokenOff(`nothing moved for ${idleMs / 1000} s`)), idleMs);
    };
    moved();
    try {
      const response = await fetch(`${this.#base}/${path}`, {
        method,
        signal: abort.signal,
        redirect: "error",
        headers: {
          authorization: `Bearer ${token}`,
          "accept-encoding": "identity",
          ...got.length > 0 && { range: `bytes=${got.length}-` },
        },
        ...body && { body: inChunks(body, moved) },
      });
      if (!response.ok) return await this.#refused(response, got);
      const length = Number(response.headers.get("content-length") ?? 0);
      if (method === "HEAD") return { length, bytes: got.bytes };
      return await take(response, length, got, moved);
    } catch (error) {
      throw abort.signal.aborted ? abort.signal.reason : this.#explained(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws UserError for what would be refused again */
  async #refused(response: Response, got: Download): Promise<undefined> {
    const { status } = response;
    const said = await response.json().then(({ error }) => String(error), () => `HTTP status ${status}`);
    if (status === 404) return undefined;
    // Of a file that isn't what it was all is asked for.
    if (status === 416) got.length = 0;
    if (status === 422 && !got.refused) got.refused = true;
    else if (REFUSES.includes(status)) throw new UserError(`${this.#base}: ${said}`);
    throw new BrokenOff(said);
  }

  #explained(error: unknown): unknown {
    if (error instanceof BrokenOff || error instanceof UserError || !(error instanceof Error)) return error;
    const text = [error.message, (error.cause as Error | undefined)?.message].join(" ");
    if (/certificate|UnknownIssuer|InvalidContentType|corrupt message/i.test(text)) {
      return new UserError(
        `${this.#base}: no connection by TLS: give the file of the certificate's authority in DENO_CERT, or correct --store`,
      );
    }
    if (/are blocked/.test(text)) {
      return new UserError(
        `${this.#base}: no client asks this port, which is kept for something else: choose another one`,
      );
    }
    if (/connection refused/i.test(text)) return new BrokenOff("nothing listens there");
    if (/dns|lookup/i.test(text)) return new BrokenOff("there is no such host");
    return new BrokenOff("the connection broke off");
  }

  parsed<T>({ bytes }: Answer): T {
    try {
      return JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw new UserError(`${this.#base}: isn't the store of a sweep: correct --store`);
    }
  }
}

/** What has come so far, over all attempts. */
interface Download {
  /** As long as the whole. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of it that are there. */
  length: number;
  /** Whether what was sent has been refused once: it may have been damaged on its way. */
  refused?: boolean;
}

/** Wrong token, wrong method, too large, no result, no room. */
const REFUSES = [401, 403, 405, 413, 422, 507];

async function take(response: Response, length: number, got: Download, moved: () => void): Promise<Answer> {
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  const goesOn = response.status === 206 && range !== null && Number(range[1]) === got.length &&
    Number(range[2]) === got.bytes.length;
  if (!goesOn) {
    if (response.status === 206 || length > LARGEST_BYTES) throw new BrokenOff("it answers with something else");
    Object.assign(got, { bytes: new Uint8Array(length), length: 0 });
  }
  for await (const chunk of response.body ?? []) {
    if (got.length + chunk.length > got.bytes.length) throw new BrokenOff("it sends more than it said");
    got.bytes.set(chunk, got.length);
    got.length += chunk.length;
    moved();
  }
  if (got.length < got.bytes.length) throw new BrokenOff("the connection broke off");
  return { length: got.length, bytes: got.bytes };
}

/** Tells of each part that was taken for sending. */
function inChunks(bytes: Uint8Array<ArrayBuffer>, moved: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
  let done = 0;
  return new ReadableStream({
    pull(controller) {
      moved();
      if (done < bytes.length) controller.enqueue(bytes.subarray(done, done += CHUNK_BYTES));
      else controller.close();
    },
  }, { highWaterMark: 0 });
}
