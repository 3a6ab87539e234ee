/** A browser without WebGPU: why, and the same layers on what there is. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import fc from "fast-check";
import { COLUMNS, createWasmGemm, ROWS } from "../../src/web/fallback/wasm_gemm.ts";
import { diagnose, type Facts } from "../../src/web/fallback/diagnose.ts";
import { proveBackend } from "../../src/web/fallback/proof.ts";
import { wasmBackend } from "../../src/web/fallback/wasm.ts";
import { timeInTurns } from "../../src/web/fallback/timing.ts";
import { layersOf } from "../../src/web/fallback/work.ts";
import type { Backend } from "../../src/web/fallback/backend.ts";
import type { DeviceRecord } from "../../src/report/devices/record.ts";
import { NO_FINDINGS, withEvent } from "../../src/measure/session/findings.ts";
import type { SessionEvent } from "../../src/measure/session/types.ts";
import type { FromWorker } from "../../src/web/messages.ts";
import { zooPair } from "../../src/prune/methods/uniform.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { openPhone, type Phone, type PhoneServer, servePage } from "./phone.ts";

const test = suite("without WebGPU");
/** Software WebGL2 on a busy machine is slow; nothing here is a measurement. */
const PATIENCE_MS = 120_000;
let server: PhoneServer;
let phone: Phone;
test.before(async () => {
  server = await servePage();
  phone = await openPhone({ webgpu: false });
  phone.context.setDefaultTimeout(PATIENCE_MS);
});
test.after(async () => {
  await phone.close();
  await server.stop();
});

const AGENT = {
  chromeAndroid:
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
  chromeNew:
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Mobile Safari/537.36",
  chromeLinux: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
  webview:
    "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36",
  safari17:
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
  safari26:
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
  chromeIos:
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/120.0.0.0 Mobile/15E148 Safari/604.1",
  safariMac:
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Safari/605.1.15",
  firefoxWin: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
  firefoxAndroid: "Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
  samsung:
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36",
  edge:
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/112.0.0.0 Safari/537.36 Edg/112.0.0.0",
  edgeNew:
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
  samsungNew:
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
  facebookIos:
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/468.0.0.37.69;FBDV/iPhone14,5;FBSV/17.5.1]",
  firefoxMac: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:146.0) Gecko/20100101 Firefox/146.0",
  firefoxLinux: "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
  unknown: "curl/8",
};

test("why there is none, browser by browser", () => {
  const facts = (userAgent: string, more: Partial<Facts> = {}): Facts => ({
    ...{
      userAgent,
      model: "",
      systemVersion: 0,
      touchPoints: 5,
      secure: true,
      href: "https://192.168.1.20:8443/",
      api: false,
      adapter: false,
    },
    ...more,
  });
  const said = (known: Facts) => {
    const found = diagnose(known)!;
    return [found.headline, ...found.remedies].join(" | ");
  };
  assert.is(diagnose(facts(AGENT.chromeNew, { api: true, adapter: true })), undefined);
  for (
    const [agent, words] of [
      [AGENT.chromeAndroid, /^Chrome 120 is too old for WebGPU\. \| update it to Chrome 121/],
      [AGENT.chromeNew, /^Chrome 148 has WebGPU, and it is switched off.*chrome:\/\/flags/],
      [AGENT.chromeLinux, /^Chrome 130 has WebGPU, and it is switched off.*enable-vulkan/],
      [AGENT.webview, /inside of another app/],
      [AGENT.safari17, /^iOS 17 has no WebGPU in any browser\. \| update to iOS 26.*Feature Flags/],
      [AGENT.safari26, /^Safari 26 has WebGPU, and it is switched off/],
      [AGENT.chromeIos, /^iOS 16 has no WebGPU in any browser\. \| update to iOS 26 or newer$/],
      [AGENT.facebookIos, /^iOS 17 has no WebGPU in any browser/],
      [AGENT.edgeNew, /^Edge 140 has WebGPU, and it is switched off.*edge:\/\/flags/],
      [AGENT.samsungNew, /^Samsung Internet 28 has WebGPU, and it is switched off.*internet:\/\/flags/],
      [AGENT.firefoxLinux, /^Firefox on Linux doesn't have WebGPU switched on.*dom\.webgpu\.workers\.enabled/],
      [AGENT.safariMac, /^iOS 18 has no WebGPU.*Settings, Apps/],
    ] as const
  ) assert.match(said(facts(agent)), words);
  for (
    const [agent, words] of [
      [AGENT.safariMac, /^Safari 18 is too old for WebGPU\. \| update it to Safari 26/],
      [AGENT.firefoxMac, /^Firefox 146 has WebGPU, and it is switched off.*Apple's chips.*about:config/],
      [AGENT.firefoxWin, /^Firefox 140 is too old.*Firefox 141/],
      [AGENT.firefoxAndroid, /^Firefox on Android doesn't have WebGPU switched on/],
      [AGENT.samsung, /^Samsung Internet 23 is too old.*24/],
      [AGENT.edge, /^Edge 112 is too old/],
      [AGENT.unknown, /^this browser is too old for WebGPU/],
    ] as const
  ) assert.match(said(facts(agent, { touchPoints: 0 })), words);
  const insecure = facts(AGENT.chromeNew, { secure: false, href: "http://192.168.1.20:8443/x" });
  assert.match(said(insecure), /insecure connection.*https:\/\/192\.168\.1\.20:8443.*adb reverse tcp:8443 tcp:8443/);
  assert.match(said(facts(AGENT.chromeNew, { api: true })), /^Chrome 148 has WebGPU, but no GPU.*chrome:\/\/gpu/);
  assert.match(
    said(facts(AGENT.firefoxLinux, { api: true })),
    /^Firefox 146 has WebGPU, but no GPU.*gfx\.webgpu\.ignore-blocklist/,
  );
  const android = facts(AGENT.chromeNew, { api: true, systemVersion: 11 });
  assert.match(said(android), /^Chrome 148 has WebGPU from Android 12 on, and this is Android 11\./);
  assert.match(said({ ...android, systemVersion: 14 }), /^Chrome 148 has WebGPU, but no GPU/);
  assert.match(
    said(facts(AGENT.chromeLinux, { api: true })),
    /on Linux: switch on .*unsafe-webgpu and .*enable-vulkan/,
  );
});

test("the assembled product equals float64 loops", async () => {
  const { memory, gemm } = await createWasmGemm();
  memory.grow(4);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 37 }),
      fc.integer(),
      (rows, columns, k, seed) => {
        const [m, n] = [rows * ROWS, columns * COLUMNS];
        const numbers = new Float32Array(memory.buffer);
        const [a, b, y] = [0, m * k, m * k + k * n].map((at) => Math.ceil(at / 4) * 4);
        const bAt = b, yAt = Math.ceil((b + k * n) / 4) * 4;
        for (let i = 0; i < yAt + m * n; i++) numbers[i] = ((i * 7919 + seed) % 101) / 50 - 1;
        const [left, right] = [numbers.slice(a, a + m * k), numbers.slice(bAt, bAt + k * n)];
        gemm(4 * a, 4 * bAt, 4 * yAt, m, n, k);
        assert.ok(y <= yAt);
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 0, size = 0;
            for (let p = 0; p < k; p++) {
              sum += left[i * k + p] * right[p * n + j];
              size += Math.abs(left[i * k + p] * right[p * n + j]);
            }
            assert.ok(Math.abs(numbers[yAt + i * n + j] - sum) <= 4 * Math.sqrt(k) * 2 ** -24 * size + 1e-12);
          }
        }
        return Promise.resolve();
      },
    ),
    { numRuns: 60 },
  );
});

test("a backend is trusted only while its numbers are right", async () => {
  const wasm = await wasmBackend();
  assert.is(proveBackend(wasm).trusted, true);
  const wrong: Backend = {
    ...wasm,
    prepare(...given) {
      const prepared = wasm.prepare(...given);
      return { ...prepared, result: () => prepared.result().map((value, i) => i === 3 ? value + 0.01 : value) };
    },
  };
  const { trusted, checks } = proveBackend(wrong);
  assert.is(trusted, false);
  assert.is(checks[0].outcome, "failed");
});

test("the layers that are timed are those that do the multiply-adds, and shrink with the network", () => {
  const { dense, pruned } = zooPair("lenet5");
  for (const { graph } of [dense, pruned]) {
    const macs = layersOf(graph, 4).reduce((sum, layer) => sum + layer.macs, 0);
    assert.is(macs, graphCost(graph).macs);
  }
});

test("work is timed in turns until the clock resolves it, and stops when it is told", async () => {
  const now = performance.now;
  let ms = 0;
  performance.now = () => ms;
  try {
    const work = [(times: number) => void (ms += times), (times: number) => void (ms += 3 * times)];
    const settings = { seconds: 0.2, mode: "burst", quantumMs: 0.001 } as const;
    const [one, three] = await timeInTurns(work, { ...settings, pause: () => Promise.resolve(true) });
    assert.ok(one.length >= 5);
    assert.equal([...new Set(one)], [1]);
    assert.equal(three, one.map(() => 3));
    const [stopped] = await timeInTurns(work, { ...settings, seconds: 60, pause: () => Promise.resolve(false) });
    assert.ok(stopped.length <= 40, "it would have gone on");
  } finally {
    performance.now = now;
  }
});

test("the page says why, and each backend fills the table, marked as what it is", async () => {
  const { page } = phone;
  await page.goto(server.link);
  await page.getByText(/WebGPU/).first().waitFor();
  await page.locator(".choice").first().waitFor();
  await page.getByRole("radio", { name: /WebGL2/, checked: true }).waitFor();
  const lenet = page.locator(".choice", { hasText: "LeNet-5" }).locator("input");
  if (await lenet.isChecked()) await lenet.tap();
  const backends = [
    ["WebGL2", "gpu.js webgl2"],
    ["WebAssembly (gpu.js)", "gpu.js webasm"],
    ["JavaScript", "gpu.js cpu"],
    ["WebAssembly (im2col", "webassembly"],
  ];
  for (const [label, name] of backends) {
    const choice = page.locator(".chip", { hasText: label }).locator("input");
    // The form is folded away under a result.
    if (!await choice.isVisible()) await page.locator("main > details > summary").first().tap();
    await choice.tap();
    await page.getByRole("button", { name: /^Run/ }).tap();
    await page.waitForFunction(
      (name) => document.body.innerText.includes(`Computed by ${name}`) && /Run again/.test(document.body.innerText),
      name,
    );
    const alert = await page.locator("[role=alert]").innerText();
    assert.is(alert, "", name);
    let kept: DeviceRecord | undefined;
    for (let tries = 0; tries < 500 && !(kept?.backend === name && kept.complete); tries++) {
      await page.waitForTimeout(100);
      kept = server.records.at(-1);
    }
    assert.is(kept?.backend, name);
    assert.equal(kept!.selfTest!.checks.map(({ outcome }) => outcome), ["passed"], kept!.selfTest!.checks[0].detail);
    assert.equal(kept!.rows.map(({ variant, status }) => `${variant} ${status}`), [
      "dense measured",
      "pruned measured",
    ]);
    assert.ok(kept!.rows.every(({ medianMs }) => medianMs! > 0));
    assert.is(kept!.device!.fallback, true);
    assert.ok(kept!.reason!.length > 10);
  }
  assert.equal(phone.errors, [], "a policy that is broken is told on the console");
});

/** Runs the page as it is, without a choice by hand, in a browser whose worker begins with `spoil`. */
async function runAsItIs(spoil: string): Promise<{ before: string; after: string; record: DeviceRecord }> {
  const page = await phone.context.newPage();
  try {
    await page.route("**/app/fallback.js", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${spoil}\n${await response.text()}` });
    });
    await page.goto(server.link);
    await page.locator(".choice", { hasText: "LeNet-5" }).locator("input").uncheck();
    await page.getByRole("radio", { checked: true }).and(page.locator("[name=backend]")).waitFor();
    const before = await page.locator("main").innerText();
    await page.getByRole("button", { name: /^Run/ }).tap();
    await page.getByRole("button", { name: "Run again" }).waitFor();
    await page.getByText("Kept by the server").waitFor();
    const after = await page.locator("main").innerText();
    return { before, after, record: server.records.findLast(({ complete }) => complete)! };
  } finally {
    await page.close();
  }
}

/** Complete, and every number is of WebAssembly. */
function assertWebAssembly({ backend, complete, rows }: DeviceRecord): void {
  assert.is(backend, "webassembly");
  assert.is(complete, true);
  assert.equal(rows.map(({ variant, status }) => `${variant} ${status}`), ["dense measured", "pruned measured"]);
}

test("a browser without WebGL2 in workers ends in WebAssembly's numbers, without a choice by hand", async () => {
  const { before, after, record } = await runAsItIs("OffscreenCanvas.prototype.getContext = () => null;");
  assert.match(after, /Computed by webassembly/);
  assert.match(before, /WebGL2 \(gpu\.js\) can't be used: this browser has no WebGL2 with float textures in workers/);
  assertWebAssembly(record);
});

test("a backend that dies amid the run gives way to the next one, and the page says so", async () => {
  // Right for as long as the proofs take.
  const { after, record } = await runAsItIs(`
    const { readPixels } = WebGL2RenderingContext.prototype;
    let left = 100;
    WebGL2RenderingContext.prototype.readPixels = function (...given) {
      if (left-- <= 0) throw new Error("out of memory");
      return readPixels.apply(this, given);
    };`);
  assert.match(after, /backend changed, gpu\.js webgl2 can't be used \(out of memory\): webassembly computes instead/);
  assertWebAssembly(record);
});

test("a page may not make text into code: only its worker without WebGPU may", async () => {
  // Later than the call, which the browser's own tools are allowed to make.
  const outcome = await phone.page.evaluate(() =>
    new Promise((resolve) =>
      setTimeout(() => {
        try {
          resolve(new Function("return 1")());
        } catch (error) {
          resolve((error as Error).name);
        }
      })
    )
  );
  assert.is(outcome, "EvalError");
  const policy = async (path: string) => (await fetch(server.address + path)).headers.get("content-security-policy")!;
  assert.match(await policy("app/fallback.js"), /'unsafe-eval'/);
  for (const path of ["", "app/main.js", "app/engine.js"]) assert.not.match(await policy(path), /unsafe/);
});

test("a GPU that is taken away amid a run comes back, and the table is complete", async () => {
  const { page, context } = await openPhone({ webgpu: false });
  context.setDefaultTimeout(PATIENCE_MS);
  try {
    await page.goto(server.link);
    await page.locator(".choice").first().waitFor();
    const told = page.evaluate(() =>
      new Promise<readonly SessionEvent[]>((resolve, reject) => {
        const worker = new Worker("/app/fallback.js", { type: "module" });
        const events: SessionEvent[] = [];
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
          if ("event" in data) {
            const { event } = data;
            if (!("kind" in event) || event.kind === "backend" || event.kind === "work") return;
            events.push(event);
            if (event.kind === "progress") document.title = "measuring";
          } else if ("error" in data) reject(new Error(data.error.message));
          else resolve(events);
        };
        const request = { networks: ["digits"], batches: [1], mode: "sustained", seconds: 2, detail: false };
        worker.postMessage({ id: 1, call: "measure", request: { ...request, backend: "gpu.js webgl2" } });
      })
    );
    await page.waitForFunction(() => document.title === "measuring");
    await page.waitForTimeout(700);
    const session = await context.browser()!.newBrowserCDPSession();
    await session.send("Browser.crashGpuProcess");
    const { rows, incidents } = (await told).reduce(withEvent, NO_FINDINGS);
    assert.equal(rows.map(({ variant, status, reason }) => `${variant} ${status} ${reason}`), [
      "dense retried undefined",
      "pruned retried undefined",
    ]);
    assert.equal(incidents.map(({ kind }) => kind), ["device lost", "device reopened"]);
  } finally {
    await context.browser()!.close();
  }
});

test.run();
