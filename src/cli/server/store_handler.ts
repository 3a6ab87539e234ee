/**
 * A sweep's store over HTTP, for workers that can't see its folder: `files/<SHA-256>` to get (also from a byte on) and to put, and
 * `results/<job id>`. Nothing is kept whose content isn't what its name says.
 */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { UserError } from "../../errors.ts";
import { parseWith } from "../../report/schema.ts";
import { describeStoreError, LARGEST_BYTES, replaceFile, writeAll } from "../../store/deno.ts";
import { normalisePath } from "../../store/path.ts";
import { contentPath, type JobResult, type KeptResults } from "../../sweep/results.ts";
import { allow, answerRefusal, json, partsOf, requireToken, type Told } from "./answers.ts";
import { readBody } from "./body.ts";
import { headersOf } from "./headers.ts";
import type { ListenOptions } from "./listen.ts";
import { Refusal } from "./refusal.ts";

export interface StoreHandlerOptions extends Told {
  /** The store's folder. */
  readonly root: string;
  readonly results: KeptResults;
  /** Whoever doesn't show it gets nothing. */
  readonly token: string;
  /** Of a file; default 2³². */
  readonly mostBytes?: number;
}

const SHA256 = /^[0-9a-f]{64}$/;

/** For `listen`, with long bodies. */
export function createStoreHandler(options: StoreHandlerOptions): ListenOptions["handler"] {
  const { root, results, token, mostBytes = LARGEST_BYTES } = options;

  async function answer(request: Request | undefined): Promise<Response> {
    if (!request) throw new Refusal(400, "the Host header or the address isn't well-formed");
    if (request.headers.has("origin")) throw new Refusal(403, "pages may ask nothing here");
    requireToken(
      request,
      token,
      "the token is missing or wrong: give the worker in SECATEUR_STORE_TOKEN what the sweep's machine has",
    );
    const [kind, name, ...rest] = partsOf(new URL(request.url).pathname);
    const isKnown = (kind === "files" || kind === "results") && SHA256.test(name) && rest.length === 0;
    if (!isKnown) throw new Refusal(404, "expected files/ or results/ and 64 hexadecimal digits");
    allow(request, "GET", "HEAD", "PUT");
    if (kind === "files") {
      const path = normalisePath(contentPath(root, name));
      return request.method === "PUT" ? await keep(request, path, name, mostBytes) : await send(request, path, name);
    }
    if (request.method === "PUT") {
      return json({ difference: await results.write(resultOf(parsed(await readBody(request)), name)) ?? null });
    }
    const found = await results.read(name);
    if (!found) throw new Refusal(404, "no such result");
    return json(found);
  }

  return (request, from) => answer(request).catch((error) => answerRefusal(error, from, options));
}

/** A machine without room, whatever the way in which its system says so. */
const NO_ROOM = /no space left|quota/;

/** Takes in a content as it comes, and gives it its place once its hash is known. */
async function keep(request: Request, path: string, sha256: string, mostBytes: number): Promise<Response> {
  const tooLarge = () => new Refusal(413, `the file is larger than the ${mostBytes} bytes that a store takes`);
  if (Number(request.headers.get("content-length") ?? 0) > mostBytes) throw tooLarge();
  let refused: Refusal | undefined;
  try {
    await replaceFile(path, async (handle) => {
      const hash = createHash("sha256");
      let length = 0;
      const reader = request.body?.getReader();
      for (;;) {
        const read = await reader?.read().catch(() => {
          throw refused = new Refusal(400, "the connection broke off: send it again");
        });
        if (!read || read.done) break;
        length += read.value.length;
        if (length > mostBytes) throw refused = tooLarge();
        hash.update(read.value);
        await writeAll(handle, read.value);
      }
      const found = hash.digest("hex");
      if (found !== sha256) {
        throw refused = new Refusal(422, `${length} bytes with SHA-256 ${found} came for ${sha256}: send it again`);
      }
    });
  } catch (error) {
    if (refused) throw refused;
    const described = describeStoreError(error, "write", path);
    throw NO_ROOM.test(described.message) ? new Refusal(507, described.message) : described;
  }
  return new Response(null, { status: 201, headers: headersOf("") });
}

async function send(request: Request, path: string, sha256: string): Promise<Response> {
  const opened = await Deno.open(path).catch((error) => {
    throw error instanceof Deno.errors.NotFound
      ? new Refusal(404, "no such file")
      : describeStoreError(error, "read", path);
  });
  try {
    const { size } = await opened.stat();
    const headers = {
      ...headersOf(""),
      "content-type": "application/octet-stream",
      "cache-control": "no-store",
      "accept-ranges": "bytes",
      etag: `"${sha256}"`,
    };
    const asked = rangeOf(request.headers.get("range"), size);
    if (asked === "beyond") {
      throw new Refusal(416, `the file has ${size} bytes`, { "content-range": `bytes */${size}` });
    }
    const { from, to } = asked ?? { from: 0, to: size };
    const part = {
      "content-length": String(to - from),
      ...asked && { "content-range": `bytes ${from}-${to - 1}/${size}` },
    };
    const status = asked ? 206 : 200;
    if (request.method === "HEAD") {
      opened.close();
      return new Response(null, { status, headers: { ...headers, ...part } });
    }
    await opened.seek(from, Deno.SeekMode.Start);
    return new Response(bytesOf(opened, to - from), { status, headers: { ...headers, ...part } });
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** One range of bytes, `to` not included; undefined where none is asked for, or in a way that may be answered with the whole. */
export function rangeOf(
  header: string | null,
  size: number,
): { readonly from: number; readonly to: number } | "beyond" | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? "");
  if (!match) return undefined;
  const from = Number(match[1]);
  if (from >= size) return "beyond";
  const to = match[2] === "" ? size : Math.min(Number(match[2]) + 1, size);
  return to > from ? { from, to } : undefined;
}

const CHUNK_BYTES = 262_144;

/** So many bytes of an open file, which is closed behind them. */
function bytesOf(file: Deno.FsFile, bytes: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = bytes;
  return new ReadableStream({
    async pull(controller) {
      try {
        if (left > 0) {
          const chunk = new Uint8Array(Math.min(left, CHUNK_BYTES));
          const read = await file.read(chunk);
          if (read === null) throw new Error("the file has become shorter");
          left -= read;
          controller.enqueue(chunk.subarray(0, read));
        }
        if (left > 0) return;
        controller.close();
        file.close();
      } catch (error) {
        file.close();
        controller.error(error);
      }
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 });
}

function parsed(posted: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(posted));
  } catch {
    throw new Refusal(400, "what was sent isn't JSON");
  }
}

/** Files by the names that they get in a trial's folder: none may lead out of it. */
const NAME = /^(?!\.{0,2}(\/|$))[^\\:\p{Cc}/]+(\/(?!\.{0,2}(\/|$))[^\\:\p{Cc}/]+)*$/u;

const resultSchema = v.looseObject({
  version: v.literal(1, "1"),
  id: v.string("a text"),
  bits: v.string("a text"),
  metrics: v.record(v.string("a text"), v.unknown(), "a map of metrics"),
  spread: v.record(v.string("a text"), v.unknown(), "a map of metrics"),
  files: v.record(
    v.pipe(v.string("a file's name"), v.regex(NAME, "a file's name")),
    v.pipe(v.string("a SHA-256"), v.regex(SHA256, "a SHA-256")),
    "a map of files",
  ),
});

function resultOf(posted: unknown, id: string): JobResult {
  try {
    const result = parseWith(resultSchema, posted, "the result", "give worker and sweep the same Secateur");
    if (result.id !== id) throw new Refusal(422, `the result is of ${result.id}, expected ${id}`);
    return posted as JobResult;
  } catch (error) {
    throw error instanceof UserError ? new Refusal(422, error.message) : error;
  }
}
