/** A sweep's page while the sweep goes on, and the reports of its trials: for whoever knows the link, and to look at only. */
import { markup } from "../../report/markup.ts";
import { renderPage } from "../../report/page.ts";
import { UserError } from "../../errors.ts";
import type { Store } from "../../store/types.ts";
import { readReport, SWEEP_REPORT, trialFolder } from "../../sweep/report.ts";
import { drawSweepPage } from "../draw_sweep_page.ts";
import { allow, answerRefusal, partsOf, type Told } from "./answers.ts";
import type { ListenOptions } from "./listen.ts";
import { Refusal } from "./refusal.ts";

export interface SweepHandlerOptions extends Told {
  readonly store: Store;
  /** The sweep's folder. */
  readonly dir: string;
  /** The first part of all paths: a secret, since every program of this machine may come to its ports. */
  readonly token: string;
  /** How often a page asks for changes; default 2 s. */
  readonly followMs?: number;
  /** Told that a page has been sent. */
  readonly onPage: (state: { readonly ended: boolean }) => void;
}

/** Names by which a browser of this machine, or at the end of a tunnel, comes: others are of pages that play with name servers. */
const HOSTS = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** For `listen`. */
export function createSweepHandler(options: SweepHandlerOptions): ListenOptions["handler"] {
  const { store, dir, token, followMs = 2000, onPage } = options;
  const page = pageOf(store, dir, followMs);

  async function answer(request: Request | undefined): Promise<Response> {
    if (!request) throw new Refusal(400, "the Host header or the address isn't well-formed");
    const { pathname, hostname } = new URL(request.url);
    if (!HOSTS.has(hostname)) throw new Refusal(421, `this server isn't ${hostname}: use the address that it printed`);
    const [first, ...rest] = partsOf(pathname);
    if (first !== token) throw new Refusal(404, "there is no such page: use the link that the sweep printed");
    allow(request, "GET", "HEAD");
    const [name, id, file, ...more] = rest;
    if (name === "" && rest.length === 1) {
      const { html, tag, ended } = await page();
      onPage({ ended });
      if (request.headers.get("if-none-match") === tag) {
        return new Response(null, { status: 304, headers: { etag: tag } });
      }
      return answerPage(request, new TextEncoder().encode(html), { etag: tag });
    }
    const isReport = name === "trials" && /^\d+$/.test(id) && file === "report.html" && more.length === 0;
    const path = `${trialFolder(dir, id)}/report.html`;
    const found = isReport ? await store.read(path, { within: dir }) : undefined;
    if (!found) throw new Refusal(404, "there is no such page");
    return answerPage(request, found, {});
  }

  return (request, from) => answer(request).catch((error) => answerRefusal(error, from, options));
}

interface Drawn {
  readonly html: string;
  readonly tag: string;
  readonly ended: boolean;
}

/** Draws the page where the report isn't what it was. */
function pageOf(store: Store, dir: string, followMs: number): () => Promise<Drawn> {
  let last: { readonly text: string; readonly drawn: Promise<Drawn> } | undefined;
  return async () => {
    const text = new TextDecoder().decode(await store.read(`${dir}/${SWEEP_REPORT}`));
    if (text === "") return NOTHING_YET;
    if (last?.text !== text) last = { text, drawn: draw(store, dir, followMs) };
    try {
      return await last.drawn;
    } catch (error) {
      last = undefined;
      throw error;
    }
  };
}

async function draw(store: Store, dir: string, followMs: number): Promise<Drawn> {
  const report = await readReport(store, dir);
  if (!report) throw new UserError(`${dir}: the sweep's report is gone`);
  const html = await drawSweepPage(store, report, dir, followMs);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(html)));
  return { html, tag: `"${hash.slice(0, 12).toHex()}"`, ended: report.ended };
}

const NOTHING_YET: Drawn = {
  html: renderPage({
    title: "Sweep",
    styles: [],
    body: markup`<main>
<h1>Sweep</h1>
<p>The sweep is being prepared: its trials come in a moment.</p>
</main>
`,
    refreshSeconds: 2,
  }),
  tag: '"nothing yet"',
  ended: false,
};

/** Its own head says what a page may load. */
function answerPage(request: Request, bytes: Uint8Array<ArrayBuffer>, headers: Record<string, string>): Response {
  return new Response(request.method === "HEAD" ? null : bytes, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "content-security-policy": "frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      ...headers,
    },
  });
}
