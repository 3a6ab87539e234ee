/** What takes minutes on the phone page: a bundled network, whose kernels SwiftShader compiles, lost devices, browsers without WebGPU. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Worker } from "playwright-core";
import { additionsMs, longestTasks } from "./main_thread.ts";
import { drivePage } from "./page_driver.ts";

const test = suite("what takes long on the phone page");
const { page, phone, open, drop, choose, run, finished, kept, last, close } = await drivePage();
test.after(close);

test("no task of the main thread takes long while layers and kernels are timed and shown", async () => {
  await open();
  const known = await longestTasks(page, async () => {
    await additionsMs(page);
  });
  await choose([/Digits/], ["1", "8"]);
  await page.getByRole("checkbox", { name: /each layer/ }).check();
  const found = await longestTasks(page, async () => {
    await run();
    await finished();
    await kept();
  });
  assert.ok(found.cpuMs > 0 && found.cpuMs <= known.cpuMs, `${found.cpuMs} ms, the additions ${known.cpuMs}`);
  assert.ok(found.ms <= 10 * known.ms, `${found.ms} ms, the additions ${known.ms}`);
  assert.is(last().complete, true);
  assert.is(last().rows.length, 4);
  assert.ok(last().layers.length > 0 && last().kernels.length > 0);
});

test("a latency table of the bundled network is built, and kept with its record", async () => {
  await open();
  await page.getByRole("button", { name: "Build table" }).tap();
  await kept();
  const [{ model, batch, wholeMs, layers }] = last().tables!;
  assert.equal([model, batch], ["digits", 1]);
  assert.ok(wholeMs > 0 && layers.length > 0);
});

test("it is ready on localhost in the time of 2·10⁹ additions, in the best of three loads", async () => {
  let readyMs = Infinity, addMs = Infinity;
  for (let i = 0; i < 3; i++) {
    await open();
    readyMs = Math.min(readyMs, await page.evaluate(() => performance.now()));
    addMs = Math.min(addMs, await additionsMs(page));
  }
  assert.ok(readyMs <= 20 * addMs, `${readyMs} ms, 10⁸ additions ${addMs}`);
});

/** The worker that owns the GPU. */
async function engine(): Promise<Worker> {
  const found = () => page.workers().find((worker) => worker.url().includes("engine.js"));
  return found() ?? await page.waitForEvent("worker", { predicate: (worker) => worker.url().includes("engine.js") });
}

test("a lost device is opened again, and the table is complete", async () => {
  await open();
  // The worker opens several devices, one after the other: the one that has begun to compute is lost, once.
  await (await engine()).evaluate(() => {
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      const device = await request.call(this, descriptor);
      const submit = device.queue.submit.bind(device.queue);
      let submits = 0;
      device.queue.submit = (buffers) => {
        submit(buffers);
        const armed = globalThis as { armed?: boolean };
        if (!armed.armed || ++submits < 10) return;
        armed.armed = false;
        device.destroy();
      };
      return device;
    };
  });
  await drop();
  await choose([/small/], ["1", "8"]);
  await run();
  await page.getByText("small.onnx, 8 images at once").first().waitFor();
  await (await engine()).evaluate(() => void Object.assign(globalThis, { armed: true }));
  await finished();
  await kept();
  assert.is(last().complete, true);
  assert.is(last().rows.length, 4);
  assert.ok(last().incidents.some(({ kind }) => kind === "device lost"), JSON.stringify(last().incidents));
  for (const { status, reason } of last().rows) assert.ok(status !== "failed", reason);
});

test("nothing went wrong on the page that nobody caught", () => assert.equal(phone.errors, []));

test("without WebGPU the same layers are timed by gpu.js, and say so", async () => {
  const { page, phone, open, run, finished, kept, last, close } = await drivePage({ webgpu: false });
  try {
    await open();
    await page.getByRole("region", { name: "No WebGPU" }).waitFor();
    await page.getByRole("checkbox", { name: /LeNet/ }).uncheck();
    await run();
    await finished();
    await page.getByText(/Computed by gpu.js webgl2, not by WebGPU/).waitFor();
    await kept();
    assert.is(last().backend, "gpu.js webgl2");
    assert.ok(last().reason!.includes("WebGPU"));
    assert.is(last().complete, true);
    for (const row of last().rows) assert.ok(row.medianMs! > 0, row.reason);
    assert.equal(phone.errors, []);
  } finally {
    await close();
  }
});

test.run();
