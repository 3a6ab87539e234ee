/** A network that is shrunk on the phone page by the real engine on SwiftShader, from dropped files to the file that is offered. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Worker } from "playwright-core";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { pngFile } from "../../scripts/png_file.ts";
import { readServed } from "../../src/cli/server/served_networks.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { additionsMs, longestTasks } from "./main_thread.ts";
import { drivePage } from "./page_driver.ts";

const test = suite("shrinking on the phone page");
const SIDE = 8;

const network = onnxOfTwoConvolutions();
const images = await Promise.all(
  Array.from(
    { length: 24 },
    (_, i) => pngFile(SIDE, SIDE, (row, column, c) => (41 * i + (c + 3) * row * column) % 256),
  ),
);

const store = memoryStore();
await store.write("served.onnx", network);
const networks = await readServed(store, ["served.onnx"]);
const { page, phone, open, close } = await drivePage({ networks });
test.after(close);

function onnxOfTwoConvolutions(): Uint8Array<ArrayBuffer> {
  const b = builder("two", ["N", 3, SIDE, SIDE]);
  const x = b.relu(b.conv(b.input, { name: "conv1", out: 8, kernel: 3, pad: 1 }));
  const y = b.relu(b.conv(x, { name: "conv2", out: 8, kernel: 3, pad: 1 }));
  b.gemm(b.flatten(b.globalAveragePool(y)), { name: "fc", out: 10 });
  const graph = b.graph();
  return onnxBytes({ graph, params: initialise(graph, 1) });
}

/** Drops files on the page, all at once. */
async function drop(files: readonly (readonly [name: string, bytes: Uint8Array])[]): Promise<void> {
  await page.evaluate((files) => {
    const dropped = new DataTransfer();
    for (const [name, text] of files) {
      dropped.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
    }
    document.querySelector(".drop")!.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true }));
  }, files.map(([name, bytes]) => [name, bytes.toBase64()] as const));
}

const tab = () => page.getByRole("navigation").getByRole("button", { name: "Shrink" }).tap();
const pictures = images.map((bytes, i) => [`${i}.png`, bytes] as const);
const engine = (): Worker => page.workers().find((worker) => worker.url().includes("engine.js"))!;

test("files that are dropped together become a smaller network, proved and timed, that can be downloaded", async () => {
  await open();
  await tab();
  const known = await longestTasks(page, async () => void await additionsMs(page));
  const found = await longestTasks(page, async () => {
    await drop([["two.onnx", network], ...pictures, ["broken.png", new Uint8Array(9)]]);
    await page.getByText("20 images to fit on, and 4 that it is judged by").waitFor();
    await page.getByText(/1 of 25 images can't be decoded, such as "broken\.png": found /).waitFor();
    await page.getByRole("slider").fill("40");
    await page.getByText("Layer by layer", { exact: true }).tap();
    await page.getByRole("row", { name: /conv1 \d of 8/ }).waitFor();
    await page.getByRole("button", { name: "Shrink by 40 %" }).tap();
    await page.getByText(/^8 inputs: differs/).waitFor();
    await page.getByText(/ms before, .* after/).waitFor();
  });
  assert.ok(found.cpuMs > 0 && found.cpuMs <= known.cpuMs, `${found.cpuMs} ms, the additions ${known.cpuMs}`);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download ONNX file" }).tap();
  assert.is((await download).suggestedFilename(), "two-small.onnx");
  const small = loadOnnx(await Deno.readFile(await (await download).path()), "two-small.onnx");
  const [before, after] = [loadOnnx(network, "two.onnx"), small].map(({ graph }) => graphCost(graph).macs);
  assert.ok(after <= 0.6 * before, `${after} of ${before}`);
});

test("a device that is lost amid the work is opened again", async () => {
  await engine().evaluate(() => {
    const submit = GPUQueue.prototype.submit;
    const request = GPUAdapter.prototype.requestDevice;
    let submits = 0;
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      const device = await request.call(this, descriptor);
      const own = device.queue;
      own.submit = (buffers) => {
        submit.call(own, buffers);
        if (++submits === 8) device.destroy();
      };
      return device;
    };
  });
  await drop([["again.onnx", network]]);
  await page.getByText("again.onnx").first().waitFor();
  await page.getByRole("slider").waitFor();
  await page.getByRole("row", { name: /^MACs/ }).waitFor();
  assert.is(await page.getByRole("alert").textContent(), "");
});

test("a network that the server was started with is chosen for timing, and shrunk by a tap", async () => {
  await open();
  await page.getByRole("checkbox", { name: "served.onnx", checked: true }).waitFor();
  assert.is(await page.locator(".choices input:checked").count(), 1);
  await tab();
  await page.getByRole("button", { name: "served.onnx of the server" }).tap();
  await page.getByText("served.onnx: images of 3×8×8").waitFor();
});

test("nothing went wrong on the page that nobody caught", () => assert.equal(phone.errors, []));

test.run();
