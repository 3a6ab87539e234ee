/** Answers the page's requests: its files, the runs that it may time, and the records that it posts. */
import { UserError } from "../../errors.ts";
import type { DeviceRecord } from "../../report/devices/record.ts";
import { parseDeviceRecord } from "../../report/devices/schema.ts";
import type { Store } from "../../store/types.ts";
import { contentType, type PageFiles } from "../page/bundle.ts";
import { allow, answerRefusal, json, partsOf, requireToken, type Told } from "./answers.ts";
import { readBody } from "./body.ts";
import { createFiles } from "./files.ts";
import { headersOf } from "./headers.ts";
import type { ListenOptions } from "./listen.ts";
import { type PhoneWork, phoneWork } from "./phone_work.ts";
import { createRate } from "./rate.ts";
import { createRecords, type Kept } from "./records.ts";
import { Refusal } from "./refusal.ts";
import { listRuns, readRunFile } from "./runs.ts";
import type { ServedNetwork } from "./served_networks.ts";

export interface HandlerOptions extends Told {
  readonly files: PageFiles;
  readonly store: Store;
  /** Folder of the runs, with devices/ in it. */
  readonly runs: string;
  /** Files that pages may time and shrink; default: none. */
  readonly networks?: readonly ServedNetwork[];
  /** What phones may work for; default: nothing. */
  readonly work?: PhoneWork;
  /** Whoever doesn't show it gets the page's files and nothing else. */
  readonly token: string;
  /** Names under which the server may be addressed, "*" for a first part: others come from pages that play with name servers. */
  readonly hosts: ReadonlySet<string>;
  readonly tool: string;
  readonly onRecord: (record: DeviceRecord, kept: Kept) => void;
}

const POSTS_PER_SECOND = 10;
/** A phone that works asks, answers and is heard of: two for each shape, of which it times a few in a second at most. */
const WORK_PER_SECOND = 40;

/** For `listen`. */
export function createHandler(options: HandlerOptions): ListenOptions["handler"] {
  const { store, runs, networks = [], work, token, hosts, tool, onRecord } = options;
  const files = createFiles(options.files);
  const keep = createRecords(store, runs);
  const postRate = limited(POSTS_PER_SECOND), workRate = limited(WORK_PER_SECOND);

  async function answer(request: Request | undefined): Promise<Response> {
    if (!request) throw new Refusal(400, "the Host header or the address isn't well-formed");
    const { pathname, hostname, host } = new URL(request.url);
    const name = hostname.replace(/^\[|\]$/g, "");
    if (!hosts.has(name) && !hosts.has(name.replace(/^[^.]+/, "*"))) {
      throw new Refusal(421, `this server isn't ${hostname}: use the address that it printed`);
    }
    const origin = request.headers.get("origin");
    if (origin !== null && URL.parse(origin)?.host !== host) {
      throw new Refusal(403, `pages of ${origin} may ask nothing here`);
    }
    const parts = partsOf(pathname);
    if (parts[0] !== "api") return await page(request, parts);
    requireToken(
      request,
      token,
      "the link's token is missing or wrong: open the link, or the QR code, that the server printed",
    );
    const [, what, ...rest] = parts;
    if (what === "devices" && rest.length === 0) {
      allow(request, "POST");
      return await post(request);
    }
    if (what === "work" && rest.length === 1) {
      allow(request, "POST");
      workRate();
      return json(phoneWork(work, rest[0], parsed(await readBody(request))));
    }
    allow(request, "GET", "HEAD");
    if (what === "hello" && rest.length === 0) return json({ tool });
    if (what === "work" && rest.length === 0) return json(work?.offer() ?? null);
    if (what === "networks" && rest.length === 0) return json(networks.map(({ listed }) => listed));
    if (what === "networks" && rest.length === 1) {
      const found = networks.find(({ listed }) => listed.name === rest[0]);
      if (!found) throw new Refusal(404, `no network is called "${rest[0]}" here`);
      return binary(found.bytes, ".onnx");
    }
    if (what === "runs" && rest.length === 0) return json(await listRuns(store, runs));
    if (what === "runs" && rest.length === 2) {
      return binary(await readRunFile(store, runs, rest[0], rest[1]), rest[1]);
    }
    throw new Refusal(
      404,
      "expected api/hello, api/networks, api/networks/<name>, api/runs, api/runs/<run>/<file>, api/devices or api/work",
    );
  }

  async function page(request: Request, parts: readonly string[]): Promise<Response> {
    allow(request, "GET", "HEAD");
    const path = parts.join("/") || "index.html";
    const found = await files(path, request);
    if (!found) throw new Refusal(404, "there is no such file");
    return found;
  }

  async function post(request: Request): Promise<Response> {
    postRate();
    const record = recordOf(parsed(await readBody(request)));
    const kept = await keep(record);
    if (kept.written) onRecord(record, kept);
    return json({ file: kept.file });
  }

  return (request, from) => answer(request).catch((error) => answerRefusal(error, from, options));
}

/** Refuses more posts in a second than that. */
function limited(perSecond: number): () => void {
  const rate = createRate(perSecond, 1000);
  return () => {
    const wait = rate();
    if (wait === 0) return;
    throw new Refusal(429, `more than ${perSecond} posts in a second: wait`, {
      "retry-after": String(Math.ceil(wait / 1000)),
    });
  };
}

function parsed(posted: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(posted));
  } catch {
    throw new Refusal(400, "what was posted isn't JSON");
  }
}

function recordOf(content: unknown): DeviceRecord {
  try {
    return parseDeviceRecord(content, "the record");
  } catch (error) {
    throw error instanceof UserError ? new Refusal(422, error.message) : error;
  }
}

function binary(bytes: Uint8Array<ArrayBuffer>, file: string): Response {
  return new Response(bytes, { headers: { ...headersOf(""), "content-type": contentType(file) } });
}
