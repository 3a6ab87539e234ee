/** What a user does with a bundled network on the phone page, whose kernels SwiftShader compiles for minutes. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { additionsMs, longestTasks } from "./main_thread.ts";
import { drivePage } from "./page_driver.ts";

const test = suite("a bundled network on the phone page");
const { page, phone, open, choose, run, finished, kept, last, close } = await drivePage();
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

test("nothing went wrong on the page that nobody caught", () => assert.equal(phone.errors, []));

test.run();
