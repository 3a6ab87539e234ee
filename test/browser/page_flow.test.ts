/**
 * What people do with the phone page, from the real server to the real engine on SwiftShader, with a finger.
 * `PAGE_SHOTS=folder` keeps pictures.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseDeviceRecord } from "../../src/report/devices/schema.ts";
import { onlyNightly } from "../long.ts";
import { additionsMs, type LongestTasks, longestTasks } from "./main_thread.ts";
import { drivePage } from "./page_driver.ts";
import { pageWithShortRecipe } from "./short_recipe.ts";
import { tinyOnnx } from "./small_networks.ts";

const test = suite("the phone page in use");
const long = onlyNightly(test);
const shots = Deno.env.get("PAGE_SHOTS");

const { server, phone, page, open, drop, choose, run, finished, kept, last, close } = await drivePage({
  files: await pageWithShortRecipe(),
});
test.after(close);

/** How long tasks kept the main thread while it did known work, and while the next test's run went on. */
let tasks: Record<"known" | "found", LongestTasks>;

test("a dropped ONNX file is pruned and timed, stays here, and loses nothing when the server goes away amid the run", async () => {
  await open();
  const known = await longestTasks(page, async () => {
    await additionsMs(page);
  });
  const sent: number[] = [];
  page.on("request", (request) => sent.push(request.postDataBuffer()?.length ?? 0));
  const bytes = await drop();
  await choose([/small/], ["1"]);
  const found = await longestTasks(page, async () => {
    await run();
    await page.getByText("small.onnx, 1 image").first().waitFor();
    await server.stop();
    await finished();
  });
  tasks = { known, found };
  await page.getByText(/Waiting in this browser/).waitFor();
  await server.start();
  await kept();
  if (shots) {
    await page.evaluate(() => scrollBy(0, document.querySelector("table")!.getBoundingClientRect().top - 24));
    await page.screenshot({ path: `${shots}/phone-result.png` });
  }
  const { complete, rows, name, device } = last();
  assert.is(complete, true);
  assert.equal(rows.map(({ variant, batch, status }) => `${variant} ${batch} ${status}`), [
    "dense 1 measured",
    "pruned 1 measured",
  ]);
  const [dense, pruned] = rows;
  assert.ok(pruned.macs <= dense.macs / 2);
  const file = `runs/devices/${name}.json`;
  const stored = parseDeviceRecord(JSON.parse(new TextDecoder().decode(await server.store.read(file))), file);
  assert.equal(stored, last());
  assert.is(device!.fallback, true);
  assert.ok(Math.max(...sent) < bytes.length / 4, `a request of ${Math.max(...sent)} bytes`);
});

test("meanwhile no task of the main thread computes for longer than 10⁸ additions, or keeps it for ten times as long", () => {
  const { known, found } = tasks;
  assert.ok(found.cpuMs > 0 && found.cpuMs <= known.cpuMs, `${found.cpuMs} ms, the additions ${known.cpuMs}`);
  assert.ok(found.ms <= 10 * known.ms, `${found.ms} ms, the additions ${known.ms}`);
});

long("results that a closed page left waiting are sent by the next one", async () => {
  await open();
  await drop();
  await choose([/small/], ["1"]);
  await run();
  await page.getByText("small.onnx, 1 image").first().waitFor();
  await server.stop();
  await finished();
  await page.getByText(/Waiting in this browser/).waitFor();
  const before = server.records.length;
  await page.goto("about:blank");
  await server.start();
  await open();
  await page.waitForResponse((response) => response.url().endsWith("/api/devices") && response.ok());
  assert.ok(server.records.length > before);
  assert.is(last().complete, true);
});

long("both networks see what a finger draws", async () => {
  await open();
  await page.getByRole("button", { name: "Draw" }).tap();
  const { x, y, width } = (await page.locator("canvas").boundingBox())!;
  const finger = await phone.context.newCDPSession(page);
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", at?: [number, number]) =>
    finger.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: at ? [{ x: x + at[0] * width, y: y + at[1] * width }] : [],
    });
  // A zero: an ellipse, from its top.
  const on = (turn: number): [number, number] => [
    0.5 - 0.22 * Math.sin(2 * Math.PI * turn),
    0.5 - 0.36 * Math.cos(2 * Math.PI * turn),
  ];
  await touch("touchStart", on(0));
  for (let step = 1; step <= 24; step++) await touch("touchMove", on(step / 24));
  await touch("touchEnd");
  await page.getByRole("status").filter({ hasText: "dense: 0, pruned: 0" }).waitFor({ state: "attached" });
  if (shots) {
    await page.emulateMedia({ colorScheme: "dark" });
    await page.screenshot({ path: `${shots}/phone-draw.png` });
  }
});

long("training begins, shows itself, stops, and can be resumed by the next page", async () => {
  await open();
  const train = () => page.getByRole("navigation").getByRole("button", { name: "Train" }).tap();
  await train();
  await page.locator(".run-bar").getByRole("button", { name: "Train" }).tap();
  await page.getByText(/Training loss/).waitFor();
  await page.getByText(/Validation accuracy/).waitFor();
  await page.getByRole("button", { name: "Stop" }).tap();
  await page.getByRole("button", { name: "Resume" }).waitFor();
  await open();
  await train();
  await page.getByRole("button", { name: "Resume" }).waitFor();
});

long("a latency table of the device is built, and kept with its record", async () => {
  await open();
  await drop("tiny.onnx", tinyOnnx());
  await page.getByRole("combobox", { name: "Network" }).selectOption("tiny.onnx");
  await page.getByRole("button", { name: "Build table" }).tap();
  await kept();
  const [{ model, batch, wholeMs, layers }] = last().tables!;
  assert.equal([model, batch], ["file:tiny.onnx", 1]);
  assert.ok(wholeMs > 0 && layers.length > 0);
});

test("nothing went wrong on the page that nobody caught", () => {
  assert.equal(phone.errors.filter((text) => !/ERR_CONNECTION_REFUSED/.test(text)), []);
});

test.run();
