/** The page of a sweep that goes on, from its server: it follows the sweep, and what was chosen, sorted and focused stays so. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { listen } from "../../src/cli/server/listen.ts";
import { createSweepHandler } from "../../src/cli/server/sweep_handler.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { SweepReport } from "../../src/sweep/report.ts";
import { sampleReport } from "../sweep/front_sample.ts";
import { AXE_SCRIPT, seriousFindings } from "./axe_findings.ts";
import { openPhone } from "./phone.ts";

const test = suite("the page of a sweep that goes on");
const shots = Deno.env.get("PAGE_SHOTS");
const TOKEN = "abcdefghijklmnopqrstuv";

test("it follows the sweep, tells when its server is gone, takes it up again, and ends with the sweep", async () => {
  const store = memoryStore();
  const whole = sampleReport();
  const write = (count: number, more: Partial<SweepReport> = {}) => {
    const report = { ...whole, ended: false, trials: whole.trials.slice(0, count), ...more };
    return store.write("s/sweep.json", new TextEncoder().encode(JSON.stringify(report)));
  };
  const ends: boolean[] = [];
  const faults: unknown[] = [];
  const serve = async (port: number) => {
    const stop = new AbortController();
    const listening = await listen({
      hostname: "127.0.0.1",
      port,
      signal: stop.signal,
      handler: createSweepHandler({
        store,
        dir: "s",
        token: TOKEN,
        followMs: 100,
        onPage: ({ ended }) => ends.push(ended),
        onRefusal() {},
        onFault: (error) => faults.push(error),
      }),
    });
    return {
      port: listening.port,
      async stop() {
        stop.abort();
        await listening.finished;
      },
    };
  };
  let server = await serve(0);
  const { port } = server;
  const address = `http://localhost:${port}/${TOKEN}/`;
  const phone = await openPhone({ webgpu: false });
  const { page } = phone;
  try {
    await page.goto(address);
    assert.match(await page.locator("main").innerText(), /its trials come in a moment/);
    await write(30);
    await store.write("s/sweep.yaml", new TextEncoder().encode("name: digits\n"));
    await store.write("s/trials/00003/report.html", new TextEncoder().encode("<!doctype html><title>a trial</title>"));
    await page.goto(address);
    const rows = page.locator("#trials tbody tr");
    assert.is(await rows.count(), 30);
    await page.getByRole("checkbox", { name: "choose 00003" }).check();
    await page.getByRole("button", { name: "trial", exact: true }).click();
    await page.getByText("The sweep's file").click();
    await page.getByRole("button", { name: "trial", exact: true }).focus();
    await write(36);
    await rows.nth(35).waitFor({ state: "attached" });
    assert.is(await rows.first().getAttribute("id"), "trial-00001", "sorted as before");
    assert.is(await page.getByRole("checkbox", { name: "choose 00003" }).isChecked(), true);
    assert.is(await page.locator("#chosen thead a").getAttribute("href"), "trials/00003/report.html");
    assert.is(await page.evaluate("document.activeElement.textContent"), "trial", "the focus stays");
    assert.is(await page.locator("main details").getAttribute("open"), "", "what was opened stays open");
    if (shots) {
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 740 });
        await page.screenshot({ path: `${shots}/live-${width}.png` });
        assert.is(await page.evaluate("document.scrollingElement.scrollWidth"), width);
      }
    }
    await server.stop();
    const lost = page.locator("#lost");
    await lost.waitFor({ state: "visible" });
    assert.match(await lost.innerText(), /server doesn't answer/);
    if (shots) await page.screenshot({ path: `${shots}/live-lost.png` });
    server = await serve(port);
    await lost.waitFor({ state: "hidden" });
    await write(36, { ended: true });
    await page.locator("header:not([data-follow])").waitFor({ state: "attached" });
    assert.is(ends.at(-1), true);
    const answers = await Promise.all([
      `${address}trials/00003/report.html`,
      `${address}trials/00004/report.html`,
      `${address}trials/..%2f..%2fsweep.json/report.html`,
      `http://localhost:${port}/`,
      `http://localhost:${port}/another-token/`,
    ].map(async (url) => {
      const response = await fetch(url);
      await response.body?.cancel();
      return response.status;
    }));
    assert.equal(answers, [200, 404, 404, 404, 404]);
    // The page forbids scripts that aren't its own, and looking at it takes one.
    const html = (await (await fetch(address)).text()).replace("Content-Security-Policy", "x-none");
    await page.goto("about:blank");
    await page.setContent(html);
    await page.addScriptTag({ content: AXE_SCRIPT });
    await page.evaluate(
      "document.getElementById('lost').hidden = false; document.getElementById('lost').textContent = 'away'",
    );
    assert.equal(await seriousFindings(page), []);
    assert.equal(faults, []);
  } finally {
    await phone.close();
    await server.stop();
  }
});

test.run();
