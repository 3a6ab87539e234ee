/**
 * Every state of the phone page, made by an engine that only plays it, at a phone's width (in the nightly at a desk's as well), light
 * and dark: nothing is cut off, axe finds nothing serious, and what the page says is what it was told. `PAGE_SHOTS=folder` keeps a picture of each.
 */
import { Buffer } from "node:buffer";
import * as esbuild from "esbuild";
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Scenario } from "../pages/fake_engine.ts";
import type { DeviceRecord } from "../../src/report/devices/record.ts";
import { headersOf } from "../../src/cli/server/headers.ts";
import { parseDeviceRecord } from "../../src/report/devices/schema.ts";
import { speeds } from "../../src/report/devices/speedups.ts";
import { nightly } from "../long.ts";
import { AXE_SCRIPT, seriousFindings } from "./axe_findings.ts";
import { openPhone, type Phone, type PhoneServer, servePage } from "./phone.ts";

const test = suite("states of the phone page");
const shots = Deno.env.get("PAGE_SHOTS");
/** A page says where it is within this time, or fails. */
const PATIENCE_MS = 10_000;
const PHONE = { width: 360, height: 740 };
const DESK = { width: 1280, height: 900 };

let server: PhoneServer;
let phone: Phone;
let page: Page;
test.before(async () => {
  server = await servePage();
  // The engine is played, so no adapter is needed but the page's belief that there is one.
  phone = await openPhone({ webgpu: false });
  page = phone.page;
  page.setDefaultTimeout(PATIENCE_MS);
  await page.addInitScript({ content: AXE_SCRIPT });
  await playEngines();
});
test.after(async () => {
  await phone.close();
  await server.stop();
  await esbuild.stop();
});

/** Opens the page with an engine of that kind; undefined: without WebGPU. */
async function open(scenario: Scenario | undefined, link = server.link): Promise<void> {
  played = scenario;
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.goto("about:blank");
  await page.goto(link);
  await page.locator("button.primary:enabled").waitFor();
}

let played: Scenario | undefined;

/**
 * Gives the page the engine that is played. Playwright's own routes take the cache from everything that a page loads, which
 * takes twice as long then.
 */
async function playEngines(): Promise<void> {
  const headers = { ...headersOf("app/engine.js"), "content-type": "text/javascript" };
  const responseHeaders = Object.entries(headers).map(([name, value]) => ({ name, value }));
  const tools = await phone.context.newCDPSession(page);
  tools.on("Fetch.requestPaused", async ({ requestId }) => {
    const body = played && new TextEncoder().encode(await fakeEngine(played)).toBase64();
    const answered = body === undefined
      ? tools.send("Fetch.continueRequest", { requestId })
      : tools.send("Fetch.fulfillRequest", { requestId, responseCode: 200, responseHeaders, body });
    // A page that was left meanwhile waits for no answer.
    await answered.catch(() => {});
  });
  await tools.send("Fetch.enable", { patterns: [{ urlPattern: "*/app/engine.js" }] });
}

async function fakeEngine(scenario: Scenario): Promise<string> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [`${import.meta.dirname}/../pages/fake_engine.ts`],
    bundle: true,
    write: false,
    format: "esm",
    define: { SCENARIO: JSON.stringify(scenario) },
  });
  return outputFiles[0].text;
}

/** Makes the page believe in an adapter. */
async function withAdapter(): Promise<void> {
  await phone.context.addInitScript(() => {
    Object.defineProperty(navigator, "gpu", { value: { requestAdapter: () => Promise.resolve({}) } });
  });
}

const run = () => page.getByRole("button", { name: /^Run/ }).tap();
/** What the server has kept of the run that the page shows; runs of earlier pages may arrive at the same time. */
async function kept(): Promise<DeviceRecord> {
  const said = await page.getByText(/Kept by the server in .*json/).textContent();
  const file = /runs\/\S+json/.exec(said!)![0];
  return parseDeviceRecord(JSON.parse(new TextDecoder().decode(await server.store.read(file))), file);
}

const finished = () => page.getByRole("button", { name: "Run again" }).waitFor();

/** Looks at the page as it stands, light and dark; in the nightly as wide as a desk's as well. */
async function inspect(name: string): Promise<void> {
  await inspectAt(PHONE, name);
  assert.equal(await smallTargets(), [], `${name}: too small for a thumb`);
  assert.equal(await partedUnits(), [], `${name}: units apart from their numbers`);
  if (!nightly) return;
  await page.setViewportSize(DESK);
  await inspectAt(DESK, name);
  await page.setViewportSize(PHONE);
}

async function inspectAt({ width }: typeof PHONE, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const state = `${name}-${width}-${colorScheme}`;
    if (shots) await page.screenshot({ path: `${shots}/${state}.png`, fullPage: true });
    assert.equal(await seriousFindings(page), [], state);
  }
  const scrolled = await page.evaluate(() => document.scrollingElement!.scrollWidth);
  assert.is(scrolled, width, `${name} is wider than the window`);
}

/** What a plain space parts from its number, where a line may end. */
async function partedUnits(): Promise<string[]> {
  return await page.evaluate(() =>
    document.querySelector("main")!.innerText.match(/\d (?:ms|s|min|%|kB|MB|GB|GFLOP\/s|GB\/s|MACs)(?!\w)/g) ?? []
  );
}

async function smallTargets(): Promise<string[]> {
  return await page.evaluate(() =>
    [...document.querySelectorAll("button, summary, label:has(input), input:not(label input)")]
      .filter((element) => {
        const { width, height } = element.getBoundingClientRect();
        return width > 0 && (height < 44 || width < 44);
      })
      .map((element) => element.textContent || element.outerHTML)
  );
}

test("without WebGPU: why, and what can be done instead", async () => {
  await open(undefined);
  await page.getByText(/WebGPU/).first().waitFor();
  await page.getByRole("radio", { name: /WebGL2/ }).waitFor();
  await inspect("no-webgpu");
  await withAdapter();
});

test("start: one tap is enough", async () => {
  await open("sound");
  await inspect("start");
  assert.ok(await page.getByRole("checkbox", { name: /Digits/ }).isChecked());
  assert.not.ok(await page.getByRole("checkbox", { name: /each layer/ }).isChecked(), "detail takes long");
  const box = (await page.getByRole("button", { name: "Run" }).boundingBox())!;
  assert.ok(box.y > 740 / 2 && box.y + box.height <= 740, "the button isn't where the thumb is");
});

test("nothing can be run when nothing is chosen", async () => {
  for (const name of [/Digits/, /LeNet/, /ResNet-20/]) await page.getByRole("checkbox", { name }).uncheck();
  assert.ok(await page.getByRole("button", { name: "Run" }).isDisabled());
  await page.getByRole("checkbox", { name: /Digits/ }).check();
  assert.ok(await page.getByRole("button", { name: "Run" }).isEnabled());
  for (const name of ["1", "8"]) await page.getByRole("checkbox", { name, exact: true }).uncheck();
  assert.ok(await page.getByRole("button", { name: "Run" }).isDisabled());
});

test("a file that can't be read is refused by its name, and one that can is chosen", async () => {
  await open("sound");
  const pick = page.locator("input[type=file]");
  await pick.setInputFiles({ name: "broken.onnx", mimeType: "application/octet-stream", buffer: Buffer.alloc(8) });
  await page.getByRole("alert").getByText("broken.onnx: ends in the middle of a tensor").waitFor();
  await inspect("refused-file");
  await page.getByRole("button", { name: "Close" }).tap();
  await pick.setInputFiles({ name: "mine.onnx", mimeType: "application/octet-stream", buffer: Buffer.alloc(8) });
  await page.getByRole("checkbox", { name: /mine\.onnx/, checked: true }).waitFor();
});

test("running: what is measured, the rows so far, and a way to stop", async () => {
  await open("endless");
  await run();
  await page.getByText("Digits, 1 image").first().waitFor();
  await page.getByRole("row", { name: /Digits.*1 image/ }).waitFor();
  await page.getByText(/^about \d+\ss left$/).waitFor();
  await inspect("running");
  await page.getByRole("button", { name: "Stop" }).tap();
  await finished();
  await page.getByText("before everything was measured").waitFor();
});

test("a sound device's result with all detail, kept by the server", async () => {
  await open("sound");
  await page.getByRole("checkbox", { name: /each layer/ }).check();
  await run();
  await finished();
  const { complete, rows, kernels } = await kept();
  assert.equal([complete, rows.length, kernels.length], [true, 12, 5]);
  await inspect("result");
});

test("the result is what one sees first", async () => {
  const table = (await page.getByRole("table").first().boundingBox())!;
  assert.ok(table.y >= 0 && table.y + 100 < 740 - 130, `the table begins at ${table.y} of 740 pixels`);
});

test("from 900 pixels of width on, what explains the numbers stands beside them", async () => {
  const places = async () => {
    const boxes = ["speeds", "kernels"].map((name) => page.locator(`section[aria-labelledby="${name}"]`).boundingBox());
    const [speeds, kernels] = await Promise.all(boxes);
    return [kernels!.x - speeds!.x, await page.evaluate(() => document.scrollingElement!.scrollWidth)];
  };
  const [narrow, below] = await places();
  assert.is(narrow, 0);
  await page.setViewportSize(DESK);
  const [wide, width] = await places();
  await page.setViewportSize(PHONE);
  assert.ok(wide > 400 && width === 1280 && below === 360, `${wide} to the right, ${width} wide`);
});

test("all columns of the main table are seen without scrolling", async () => {
  const scroll = await page.getByRole("region", { name: "Dense against pruned" }).last().evaluate((element) =>
    element.scrollWidth - element.clientWidth
  );
  assert.is(scroll, 0);
});

test("why each network is as fast as it is, in sentences", async () => {
  const doctor = page.getByRole("region", { name: "Why it is as fast as it is" });
  await doctor.getByText("Digits", { exact: true }).tap();
  await doctor.getByText(/^What bounds it is /).first().waitFor();
  await doctor.getByText(/2\.00× faster, with 2\.50× fewer multiply-adds/).first().waitFor();
  await inspect("doctor");
});

test("everything that can happen meanwhile is told and kept", async () => {
  await open("troubled");
  await run();
  await finished();
  for (const text of [/^hidden$/, /^device lost$/, /^left out$/]) await page.getByText(text).first().waitFor();
  await page.getByText(/second try/).first().waitFor();
  await page.getByText(/out of memory/).first().waitFor();
  await page.getByText(/slower at the end/).first().waitFor();
  const { incidents } = await kept();
  await inspect("troubled");
  assert.ok(incidents.some(({ kind }) => kind === "left out"));
});

test("a software adapter is flagged", async () => {
  await open("software");
  await run();
  await finished();
  await page.getByText(/software adapter/).waitFor();
  await inspect("software");
});

test("a device that computes wrong numbers gets none", async () => {
  await open("untrusted");
  await run();
  await finished();
  await page.getByText(/computes wrong numbers/).waitFor();
  await inspect("untrusted");
});

test("the worker's own fault is called that", async () => {
  await open("broken");
  await run();
  await page.getByRole("alert").getByText(/0 workgroups.*fault of the page/).waitFor();
  await inspect("fault");
});

test("a latency table is built, kept with the record, and can be stopped", async () => {
  await open("sound");
  const build = () => page.getByRole("button", { name: "Build table" }).tap();
  await page.getByRole("combobox", { name: /^Network/ }).selectOption("LeNet-5");
  await page.getByRole("combobox", { name: /^Images at once/ }).selectOption("8");
  await build();
  await page.getByText("1 shapes of layers, 2 times").waitFor();
  await inspect("table");
  const { tables = [], rows, complete, device } = await kept();
  assert.is(device!.architecture, "adreno-7xx");
  assert.equal(tables.map(({ model, batch }) => `${model} ${batch}`), ["lenet5 8"]);
  assert.equal([rows.length, complete], [0, true]);
  await open("endless");
  await build();
  await page.getByText("Conv 3×3 of 8×8: 4 → 16").waitFor();
  await page.getByText(/^about 1\smin\s\d+\ss left$/).waitFor();
  await page.getByRole("button", { name: "Stop" }).tap();
  await page.getByRole("button", { name: "Build table" }).waitFor();
  assert.is(await page.getByRole("alert").textContent(), "");
});

test("work for a sweep: what is asked for, what is timed, and a way to stop", async () => {
  await open("asked");
  await page.getByText("The server asks for times on this very device: the latency table of net.onnx.").waitFor();
  await inspect("work-asked");
  await page.getByRole("button", { name: "Work for this sweep" }).tap();
  await page.getByText("3×3 convolution of 16×16, pads 1, 24 → 32; 3 times from here").waitFor();
  await inspect("working");
  await page.getByRole("button", { name: "Stop" }).tap();
  await page.getByText("28 of this device’s times count").waitFor();
  await page.getByText("Everything is timed").waitFor();
  await inspect("worked");
});

test("a drawn digit, by both networks", async () => {
  await open("sound");
  await page.getByRole("button", { name: "Draw" }).tap();
  const { x, y } = (await page.locator("canvas").boundingBox())!;
  await page.touchscreen.tap(x + 100, y + 60);
  await page.getByText(/dense sees 7/).waitFor();
  await page.getByText(/pruned sees 7/).waitFor();
  await page.getByText(/takes 1\.90\sms/).waitFor();
  await inspect("drawn");
  await page.getByRole("button", { name: "Clear" }).tap();
  assert.is(await page.getByText(/sees 7/).count(), 0);
});

test("training stops, resumes, and gives its files", async () => {
  await open("sound");
  await page.getByRole("navigation").getByRole("button", { name: "Train" }).tap();
  await page.locator(".run-bar").getByRole("button", { name: "Train" }).tap();
  await page.getByText(/Validation accuracy/).waitFor();
  await page.getByText(/^(about \d+\ss|a moment) left$/).waitFor();
  await inspect("training");
  await page.getByRole("button", { name: "Stop" }).tap();
  await page.getByRole("button", { name: "Resume" }).waitFor();
  await inspect("resumable");
  await page.getByRole("button", { name: "Resume" }).tap();
  await page.getByRole("row", { name: /accuracy.*99\.44/ }).waitFor();
  await inspect("trained");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "model.onnx" }).tap();
  assert.is((await download).suggestedFilename(), "model.onnx");
});

/** Opens the page where networks are shrunk, and gives it a network and so many images. */
async function shrinking(scenario: Scenario, images = 10): Promise<void> {
  await open(scenario);
  await page.getByRole("navigation").getByRole("button", { name: "Shrink" }).tap();
  const file = (name: string) => ({ name, mimeType: "application/octet-stream", buffer: Buffer.alloc(8) });
  await page.getByLabel("Network (.onnx)").setInputFiles(file("net.onnx"));
  await page.getByLabel(/^Images/).setInputFiles(Array.from({ length: images }, (_, i) => file(`${i}.png`)));
}

test("shrinking: what files are wanted, and which can't be read", async () => {
  await open("sound");
  await page.getByRole("navigation").getByRole("button", { name: "Shrink" }).tap();
  await inspect("shrink-start");
  const broken = { name: "broken.onnx", mimeType: "application/octet-stream", buffer: Buffer.alloc(8) };
  await page.getByLabel("Network (.onnx)").setInputFiles(broken);
  await page.getByRole("alert").getByText("broken.onnx: ends in the middle of a tensor").waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await shrinking("sound", 3);
  await page.getByRole("alert").getByText("found 3 images, expected 8 at least").waitFor();
  await inspect("shrink-few");
});

test("shrinking: the preview follows the slider without looking again", async () => {
  await shrinking("sound");
  const slider = page.getByRole("slider");
  await slider.waitFor();
  assert.equal(await Promise.all(["min", "max"].map((name) => slider.getAttribute(name))), ["5", "40"]);
  for (const [place, macs] of [["10", "36.5 M"], ["40", "24.3 M"]]) {
    await slider.fill(place);
    await page.getByRole("row", { name: new RegExp(`MACs 40.6 M ${macs}`) }).waitFor();
    await page.getByRole("button", { name: `Shrink by ${place} %` }).waitFor();
  }
  await page.getByText("Layer by layer", { exact: true }).tap();
  await page.getByRole("row", { name: /layer3\.2\.conv1 13 of 64/ }).waitFor();
  assert.ok(await page.getByRole("radio", { name: "Fewer layers" }).isDisabled());
  await page.getByText(/Fewer layers: no block/).waitFor();
  await inspect("shrink-preview");
});

test("shrinking: the result has a proof, its times and a file, and goes when the slider moves", async () => {
  await page.getByRole("button", { name: "Shrink by 40 %" }).tap();
  await page.getByText(/94\.0\s% keep their largest output/).waitFor();
  await page.getByText(/ms\sbefore, .* as fast/).waitFor();
  await inspect("shrink-result");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download ONNX file" }).tap();
  assert.is((await download).suggestedFilename(), "net-small.onnx");
  await page.getByRole("slider").fill("10");
  await page.getByRole("heading", { name: "The smaller network" }).waitFor({ state: "detached" });
});

test("shrinking: looking can be stopped, and taken up again", async () => {
  await shrinking("endless");
  await page.getByText("looking at the network").waitFor();
  await inspect("shrink-looking");
  await page.getByRole("button", { name: "Stop" }).tap();
  await page.getByRole("button", { name: "Try again" }).tap();
  await page.getByRole("button", { name: "Stop" }).waitFor();
  assert.is(await page.getByRole("alert").textContent(), "");
});

/** What the browser saves when the button is tapped: the file's name and bytes. */
async function downloaded(button: string): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }> {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: button, exact: true }).tap();
  const saved = await download;
  return { name: saved.suggestedFilename(), bytes: await Deno.readFile(await saved.path()) };
}

test("without a server the result goes as a file, and as a picture whose bars are as long as the times", async () => {
  await open("sound", server.address);
  await run();
  await finished();
  await page.getByText(/no server to keep results/).waitFor();
  const file = await downloaded("Download");
  const record = parseDeviceRecord(JSON.parse(new TextDecoder().decode(file.bytes)), file.name);
  const picture = await downloaded("Save picture");
  assert.is(picture.name, `${record.name}.png`);
  if (shots) await Deno.writeFile(`${shots}/picture.png`, picture.bytes);
  const { width, height, dense, pruned, ink } = await pixelsOf(picture.bytes);
  const pairs = speeds(record.rows);
  assert.equal([pairs.length, width, height], [6, 1080, 190 + 6 * 196 + 84]);
  const share = pairs.reduce((sum, { ratio }) => sum + 1 / ratio!, 0) / pairs.length;
  assert.ok(
    Math.abs(pruned / dense - share) < 0.01,
    `${pruned} green pixels and ${dense} brown ones, expected ${share}`,
  );
  assert.ok(ink > 2000, `${ink} pixels of text`);
});

/** The size of a PNG, and how many of its pixels have the colour of dense bars, of pruned ones, and of text. */
async function pixelsOf(png: Uint8Array<ArrayBuffer>) {
  return await page.evaluate(async (text) => {
    const blob = new Blob([Uint8Array.from(atob(text), (character) => character.charCodeAt(0))]);
    const bitmap = await createImageBitmap(blob);
    const { width, height } = bitmap;
    const pen = new OffscreenCanvas(width, height).getContext("2d")!;
    pen.drawImage(bitmap, 0, 0);
    const { data } = pen.getImageData(0, 0, width, height);
    const count = (red: number, green: number, blue: number) => {
      let found = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i] === red && data[i + 1] === green && data[i + 2] === blue) found++;
      }
      return found;
    };
    return { width, height, dense: count(168, 76, 20), pruned: count(23, 112, 62), ink: count(24, 32, 27) };
  }, png.toBase64());
}

test("pictures are shared where the device shares files, and closing the sheet is no fault", async () => {
  assert.is(await page.getByRole("button", { name: "Share picture" }).count(), 0);
  await phone.context.addInitScript(() => {
    const given: ShareData[] = [];
    Object.defineProperty(globalThis, "given", { value: given });
    Object.defineProperty(navigator, "canShare", { configurable: true, value: () => true });
    Object.defineProperty(navigator, "share", {
      configurable: true,
      value: (data: ShareData) => {
        given.push(data);
        document.body.dataset.shared = "";
        return Promise.reject(new DOMException("the sheet was closed", "AbortError"));
      },
    });
  });
  await open("sound", server.address);
  await run();
  await finished();
  await page.getByRole("button", { name: "Share picture" }).tap();
  await page.locator("body[data-shared]").waitFor();
  const given = await page.evaluate(async () => {
    const [{ files = [] }] = (globalThis as unknown as { given: ShareData[] }).given;
    return await Promise.all(
      files.map(async (file) => [file.type, [...new Uint8Array(await file.arrayBuffer())].slice(1, 4)]),
    );
  });
  assert.equal(given, [["image/png", [..."PNG"].map((character) => character.charCodeAt(0))]]);
  assert.is(await page.getByRole("alert").textContent(), "");
  await inspect("share-picture");
});

test("a link shows the numbers read-only in a browser that was never here, and a damaged one says what to do", async () => {
  await phone.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.evaluate(() => Object.defineProperty(navigator, "share", { value: undefined }));
  await page.getByRole("button", { name: "Share link" }).tap();
  await page.getByText(/in the clipboard/).waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(link.startsWith(`${server.address}#r=`), link.slice(0, 60));
  const stranger = await phone.context.browser()!.newContext({ viewport: { width: 360, height: 740 } });
  const strange = await stranger.newPage();
  await strange.goto(link, { waitUntil: "commit" });
  await strange.getByRole("row", { name: /ResNet-20.*3\.69×/ }).waitFor({ timeout: PATIENCE_MS });
  await stranger.close();
  await open("sound", link);
  await page.getByText(/from a link/).waitFor();
  assert.is(await page.getByRole("button", { name: "Share link" }).count(), 0);
  await page.getByRole("row", { name: /ResNet-20.*8 images at once/ }).waitFor();
  await inspect("shared");
  await open("sound", link.slice(0, -200));
  await page.getByRole("alert").getByText(/the link's record: can't be read.*ask for the whole link/).waitFor();
  await inspect("damaged-link");
  await page.evaluate((hash) => location.hash = hash, new URL(link).hash);
  await page.getByText(/from a link/).waitFor();
  assert.is(await page.getByRole("alert").textContent(), "");
});

test("a link that the browser doesn't copy is there to be copied by hand", async () => {
  await open("sound", server.address);
  await run();
  await finished();
  await page.evaluate(() => {
    Object.defineProperty(navigator, "share", { value: undefined });
    navigator.clipboard.writeText = () => Promise.reject(new DOMException("denied", "NotAllowedError"));
  });
  await page.getByRole("button", { name: "Share link" }).tap();
  assert.match(await page.getByLabel("The link").inputValue(), `${server.address}#r=`);
  await inspect("uncopied-link");
});

test("nothing went wrong on the page that nobody caught", () => {
  assert.equal(phone.errors, []);
});

test.run();
