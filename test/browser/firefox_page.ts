/**
 * The phone page in Firefox, another engine than Chromium's in everything: its own WebGPU, whose compiler is naga, and its
 * own workers. It is driven by Puppeteer over WebDriver BiDi: Playwright drives builds of its own, and its BiDi asks
 * Firefox for commands that it lacks.
 */
import puppeteer, { type Page } from "puppeteer-core";
import { findFirefox } from "../../scripts/firefox.ts";

/** What Firefox keeps off where it isn't sure of the graphics driver; see docs/phone.md. */
const WEBGPU = {
  "dom.webgpu.enabled": true,
  "gfx.webgpu.ignore-blocklist": true,
  "dom.webgpu.workers.enabled": true,
};
/** A busy machine takes half a minute to start it. */
const PATIENCE_MS = 120_000;

export interface FirefoxPage {
  readonly page: Page;
  /** What nobody caught on the page. */
  readonly errors: string[];
  /** Waits until `found`, which is run in the page, gives something else than false, null, 0 or "". */
  until<T, A>(found: (argument: A) => T, argument: A): Promise<NonNullable<T>>;
  close(): Promise<void>;
}

/** Opens an empty page as large as a phone's. */
export async function openFirefox({ webgpu }: { readonly webgpu: boolean }): Promise<FirefoxPage> {
  const executablePath = await findFirefox();
  if (!executablePath) throw new Error("no Firefox found: `deno run -A scripts/setup.ts --browser` installs one");
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath,
    headless: true,
    timeout: PATIENCE_MS,
    protocolTimeout: PATIENCE_MS,
    extraPrefsFirefox: webgpu ? WEBGPU : {},
    defaultViewport: { width: 360, height: 740 },
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push((error as Error).message));
  return {
    page,
    errors,
    async until(found, argument) {
      for (const started = performance.now();;) {
        const value = await page.evaluate(found as never, argument);
        if (value) return value;
        if (performance.now() - started > PATIENCE_MS) {
          throw new Error(`the page says nothing of the kind: ${await page.evaluate(() => document.body.innerText)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    close: () => browser.close(),
  };
}
