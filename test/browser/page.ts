import * as esbuild from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { findChromium } from "../../scripts/chromium.ts";

/** A page of a headless Chromium, on a secure origin, so that it has WebGPU. */
export interface TestPage {
  /** Calls the default export of `entry` (a TypeScript file, bundled without any polyfill) with a JSON-able argument. */
  call<T>(entry: string, argument?: unknown): Promise<T>;
  close(): Promise<void>;
}

/** WebGPU on SwiftShader, and none of the background traffic that a fresh profile starts. */
const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--enable-unsafe-swiftshader",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** Starts a browser and opens a page in it. Throws when no Chromium is installed. */
export async function openPage(): Promise<TestPage> {
  const executablePath = await findChromium();
  if (!executablePath) throw new Error("no Chromium found: run `deno task test`, whose set-up installs it");
  const bundles = new Map<string, string>();
  const server = serve(bundles);
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.addr.port}/`);
  return {
    call: (entry, argument) => call(page, bundles, entry, argument),
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

/** `import text from "./x" with { type: "text" }` for any file, as Deno has it. */
const textImports: esbuild.Plugin = {
  name: "text imports",
  setup(build) {
    build.onLoad(
      { filter: /.*/ },
      async ({ path, with: attributes }) =>
        attributes.type === "text" ? { contents: await Deno.readTextFile(path), loader: "text" } : undefined,
    );
  },
};

async function call<T>(page: Page, bundles: Map<string, string>, entry: string, argument: unknown): Promise<T> {
  const path = `/bundle-${bundles.size}.js`;
  bundles.set(path, await bundle(entry));
  // A string, not a function: the code runs in the page, and nothing here may rewrite its import().
  const json = JSON.stringify(argument ?? null);
  return await page.evaluate(`import(${JSON.stringify(path)}).then((module) => module.default(${json}))`) as T;
}

function serve(bundles: ReadonlyMap<string, string>): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const script = bundles.get(new URL(request.url).pathname);
    return script === undefined
      ? new Response("<!doctype html><title>test</title>", { headers: { "content-type": "text/html" } })
      : new Response(script, { headers: { "content-type": "text/javascript" } });
  });
}

async function close(browser: Browser, server: Deno.HttpServer): Promise<void> {
  await browser.close();
  await server.shutdown();
  await esbuild.stop();
}
