import { UserError } from "../errors.ts";
import { contentSha256 } from "./sha256.ts";

export interface Progress {
  /** The address that is being downloaded. */
  readonly url: string;
  readonly receivedBytes: number;
  /** Unknown where the server doesn't tell. */
  readonly totalBytes?: number;
}

export interface Download {
  readonly url: string;
  /** Path of the file to write; its folder is made. */
  readonly to: string;
  /** SHA-256 of the contents, unpacked if they are gzip. */
  readonly sha256: string;
  readonly onProgress?: (progress: Progress) => void;
  /** Give up when nothing arrives for so long; default 30,000. */
  readonly stallMs?: number;
}

/**
 * Downloads into a temporary file, checks it and only then gives it its name: `to` is never half-written. Returns `to`.
 * Throws UserError saying what to do: unreachable, refused, cut off, stalled, wrong checksum, folder not writable.
 */
export async function download(job: Download): Promise<string> {
  const folder = job.to.slice(0, job.to.lastIndexOf("/"));
  const partial = await makePartial(folder);
  try {
    await receive(job, partial);
    const found = await contentSha256(await Deno.readFile(partial), job.url);
    if (found !== job.sha256) {
      throw new UserError(
        `${job.url}: found contents with SHA-256 ${found}, expected ${job.sha256}: the download was damaged or the ` +
          `file has changed; try again, or ${byHand(job)}`,
      );
    }
    await Deno.rename(partial, job.to);
    return job.to;
  } catch (error) {
    await Deno.remove(partial).catch(() => {});
    throw error instanceof UserError ? error : notWritable(folder, error);
  }
}

async function receive({ url, to, onProgress, stallMs = 30_000 }: Download, partial: string): Promise<void> {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const awaitMore = () => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(new Error(`nothing arrived for ${stallMs / 1000} s`)), stallMs);
  };
  const failed = (what: string) =>
    new UserError(`${url}: ${what}, expected the file: check the network and try again, or ${byHand({ url, to })}`);

  using file = await Deno.open(partial, { write: true });
  let receivedBytes = 0;
  try {
    awaitMore();
    const response = await fetch(url, { signal: abort.signal }).catch((error) => {
      throw failed(`could not be reached (${reason(error)})`);
    });
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw failed(`the server answered ${response.status} ${response.statusText}`.trimEnd());
    }
    const length = Number(response.headers.get("content-length"));
    const totalBytes = length > 0 ? length : undefined;
    onProgress?.({ url, receivedBytes, totalBytes });
    const reader = response.body.getReader();
    while (true) {
      const { done, value } = await reader.read().catch((error) => {
        throw failed(`broke off after ${receivedBytes} bytes (${reason(error)})`);
      });
      if (done) break;
      awaitMore();
      for (let at = 0; at < value.length;) at += await file.write(value.subarray(at));
      receivedBytes += value.length;
      onProgress?.({ url, receivedBytes, totalBytes });
    }
  } finally {
    clearTimeout(timer);
  }
}

async function makePartial(folder: string): Promise<string> {
  try {
    await Deno.mkdir(folder, { recursive: true });
    return await Deno.makeTempFile({ dir: folder, prefix: ".download-" });
  } catch (error) {
    throw notWritable(folder, error);
  }
}

function notWritable(folder: string, error: unknown): UserError {
  return new UserError(
    `${folder}: could not be written (${reason(error)}), expected a folder for downloads: free or allow it, ` +
      `set SECATEUR_CACHE to another, or give the data's own folder with --data-dir`,
  );
}

function byHand({ url, to }: { url: string; to: string }): string {
  return `put ${url.slice(url.lastIndexOf("/") + 1)} into ${to.slice(0, to.lastIndexOf("/"))} by hand, ` +
    `or give the folder that holds the data with --data-dir`;
}

/** The innermost cause: fetch wraps what happened in several layers. */
function reason(error: unknown): string {
  return error instanceof Error ? (error.cause instanceof Error ? reason(error.cause) : error.message) : String(error);
}
