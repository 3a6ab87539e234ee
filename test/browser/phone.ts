/** The phone page as its users meet it: served by the real server, in Chromium with a phone's window and touch. */
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { findChromium } from "../../scripts/chromium.ts";
import { bundlePage, type PageFiles } from "../../src/cli/page/bundle.ts";
import { createHandler } from "../../src/cli/server/handler.ts";
import { listen } from "../../src/cli/server/listen.ts";
import type { PhoneWork } from "../../src/cli/server/phone_work.ts";
import type { ServedNetwork } from "../../src/cli/server/served_networks.ts";
import type { DeviceRecord } from "../../src/report/devices/record.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];
const WEBGPU = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--enable-unsafe-swiftshader",
];
/** WebGL2 in software, and no WebGPU. Drawing the page itself with it would take as long again as everything else. */
const WEBGL = [
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--disable-features=WebGPU",
  "--disable-gpu-compositing",
];

const TOKEN = "abcdefghijklmnopqrstuv";
const RUNS = "runs";

export interface PhoneServer {
  /** With the token. */
  readonly link: string;
  readonly address: string;
  readonly store: Store;
  readonly token: string;
  /** As the terminal would be told. */
  readonly records: DeviceRecord[];
  readonly refused: string[];
  /** As Ctrl-C does; `start` goes on at the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

let files: Promise<PageFiles> | undefined;
/** The bundle, made once for all tests. */
export const pageFiles = () => files ??= bundlePage("secateur 0.0.0");

export interface ServedPage {
  /** Default: the page as it is. */
  readonly files?: PageFiles;
  /** Networks that the server offers; default: none. */
  readonly networks?: readonly ServedNetwork[];
  /** What phones may work for; default: nothing. */
  readonly work?: PhoneWork;
}

export async function servePage({ files, networks, work }: ServedPage = {}): Promise<PhoneServer> {
  const store = memoryStore();
  const records: DeviceRecord[] = [];
  const refused: string[] = [];
  const handler = createHandler({
    files: files ?? await pageFiles(),
    store,
    runs: RUNS,
    networks,
    work,
    token: TOKEN,
    hosts: new Set(["localhost", "127.0.0.1"]),
    tool: "secateur 0.0.0",
    onRecord: (record) => records.push(record),
    onRefusal: (_from, status, reason) => refused.push(`${status} ${reason}`),
    onFault: (error) => console.error(error),
  });
  let port = 0;
  let running: { readonly finished: Promise<void>; readonly controller: AbortController };
  const start = async () => {
    const controller = new AbortController();
    const opened = await listen({ hostname: "127.0.0.1", port, handler, signal: controller.signal });
    port = opened.port;
    running = { finished: opened.finished, controller };
  };
  await start();
  const address = `http://127.0.0.1:${port}/`;
  return {
    link: `${address}#t=${TOKEN}`,
    address,
    store,
    token: TOKEN,
    records,
    refused,
    start,
    async stop() {
      running.controller.abort();
      await running.finished;
    },
  };
}

export interface Phone {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the page wrote on its console as errors, and what nobody caught. */
  readonly errors: string[];
  close(): Promise<void>;
}

export interface PhoneOptions {
  readonly webgpu?: boolean;
  readonly dark?: boolean;
}

/** Opens an empty page. */
export async function openPhone({ webgpu = true, dark = false }: PhoneOptions = {}): Promise<Phone> {
  const executablePath = await findChromium();
  if (!executablePath) throw new Error("no Chromium found: `deno run -A scripts/setup.ts --browser` installs one");
  const browser: Browser = await chromium.launch({ executablePath, args: [...FLAGS, ...webgpu ? WEBGPU : WEBGL] });
  const context = await browser.newContext({
    viewport: { width: 360, height: 740 },
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
    colorScheme: dark ? "dark" : "light",
    acceptDownloads: true,
  });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  return { page, context, errors, close: () => browser.close() };
}
