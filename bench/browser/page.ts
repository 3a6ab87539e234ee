/**
 * A page of a headless Chromium that runs TypeScript files of this repository: the browser tests and every benchmark in
 * the browser go through it.
 *
 *     const page = await openPage({ adapter: "any" });
 *     const answer = await page.call<Answer>(`${import.meta.dirname}/entry.ts`, { any: "JSON" });
 *     await page.close();
 *
 * `entry.ts` exports a default function of one JSON-able argument, whose (awaited) result comes back as JSON. It is
 * bundled once per page and stays loaded between calls, so what a module keeps in a variable (a device, prepared
 * contestants) is there at the next call. Packages are found from the entry's own folder upward; files that a package
 * fetches at run time (WebAssembly) are served with `files`. The configuration that runs this must have
 * `playwright-core` and `esbuild` in its import map.
 */
import * as esbuild from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { findChromium } from "../../scripts/chromium.ts";
import { textImports } from "../../src/cli/page/text_imports.ts";

/** On a secure origin, so that it has WebGPU. */
export interface BrowserPage {
  /** Of the browser, e.g. "156.0.7391.0". */
  readonly version: string;
  /** Calls the default export of `entry` (a TypeScript file, bundled without any polyfill) with a JSON-able argument. */
  call<T>(entry: string, argument?: unknown): Promise<T>;
  /** Navigates to any address, such as a file's, to look at it. */
  readonly page: Page;
  close(): Promise<void>;
}

export interface PageOptions {
  /** "software": SwiftShader, the same everywhere. "any": the machine's own adapter, SwiftShader where it has none. */
  readonly adapter: "software" | "any";
  /** URL path -> file, served beside the bundles; they come with the type that their names end in. */
  readonly files?: Readonly<Record<string, string>>;
  /** "isolated" gives the page SharedArrayBuffer, which threads of WebAssembly need. Default "plain". */
  readonly origin?: "plain" | "isolated";
  /** Takes what the page writes on its console, and the errors that nobody caught. */
  readonly onConsole?: (kind: string, text: string) => void;
}

/** WebGPU where it isn't on by default, and none of the background traffic that a fresh profile starts. */
const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];
const SOFTWARE = ["--use-webgpu-adapter=swiftshader", "--use-vulkan=swiftshader", "--enable-unsafe-swiftshader"];
const ISOLATION = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript",
  mjs: "text/javascript",
  wasm: "application/wasm",
  json: "application/json",
};

/** Starts a browser and opens a page in it. Throws when no Chromium is installed. */
export async function openPage(options: PageOptions): Promise<BrowserPage> {
  const executablePath = await findChromium();
  if (!executablePath) throw new Error("no Chromium found: `deno run -A scripts/setup.ts --browser` installs one");
  const scripts = new Map<string, string>();
  const server = serve(scripts, options);
  const address = `http://127.0.0.1:${server.addr.port}/`;
  const open = async (flags: readonly string[]) => {
    const browser = await chromium.launch({ executablePath, args: [...flags] });
    const page = await browser.newPage();
    await page.goto(address);
    return { browser, page };
  };
  let { browser, page } = await open(options.adapter === "software" ? [...FLAGS, ...SOFTWARE] : FLAGS);
  if (options.adapter === "any" && !await hasAdapter(page)) {
    await browser.close();
    ({ browser, page } = await open([...FLAGS, ...SOFTWARE]));
  }
  const { onConsole } = options;
  if (onConsole) {
    page.on("console", (message) => onConsole(message.type(), message.text()));
    page.on("pageerror", (error) => onConsole("error", error.message));
  }
  return {
    version: browser.version(),
    page,
    call: (entry, argument) => call(page, scripts, entry, argument),
    close: () => close(browser, server),
  };
}

/** The browser bundle of a TypeScript file: shaders as text, packages from node_modules, nothing of Deno or Node. */
export async function bundle(entry: string): Promise<string> {
  const result = await esbuild.build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    loader: { ".wgsl": "text" },
    plugins: [textImports],
    logLevel: "silent",
  });
  return result.outputFiles[0].text;
}

async function call<T>(page: Page, scripts: Map<string, string>, entry: string, argument: unknown): Promise<T> {
  const path = `/bundle/${encodeURIComponent(entry)}.js`;
  if (!scripts.has(path)) scripts.set(path, await bundle(entry));
  // A string, not a function: the code runs in the page, and nothing here may rewrite its import().
  const json = JSON.stringify(argument ?? null);
  return await page.evaluate(`import(${JSON.stringify(path)}).then((module) => module.default(${json}))`) as T;
}

async function hasAdapter(page: Page): Promise<boolean> {
  return await page.evaluate("navigator.gpu?.requestAdapter().then((adapter) => adapter !== null)") === true;
}

function serve(
  scripts: ReadonlyMap<string, string>,
  { files = {}, origin = "plain" }: PageOptions,
): Deno.HttpServer<Deno.NetAddr> {
  const shared = origin === "isolated" ? ISOLATION : {};
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const path = new URL(request.url).pathname;
    const headers = (type: string) => ({ headers: { ...shared, "content-type": type } });
    const script = scripts.get(path);
    if (script !== undefined) return new Response(script, headers(TYPES.js));
    if (Object.hasOwn(files, path)) {
      const type = TYPES[path.split(".").at(-1)!] ?? "application/octet-stream";
      return new Response(await Deno.readFile(files[path]), headers(type));
    }
    if (path === "/") return new Response("<!doctype html><title>Secateur</title>", headers("text/html"));
    return new Response("not found", { status: 404 });
  });
}

async function close(browser: Browser, server: Deno.HttpServer): Promise<void> {
  await browser.close();
  await server.shutdown();
  await esbuild.stop();
}
