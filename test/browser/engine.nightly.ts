/** The page's own recipe in its worker in Chromium, from the first epoch to the report. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openPhone, servePage } from "./phone.ts";
import { startWorker } from "./worker_calls.ts";

const test = suite("the page's recipe");
const server = await servePage();
const phone = await openPhone();
/** As when the page is loaded anew. */
async function load() {
  await phone.page.goto(`${server.address}app/style.css`);
  return await startWorker(phone.page, server.token);
}
test.after(async () => {
  await phone.close();
  await server.stop();
});

test("trains and prunes to 95 %, stopped and resumed by another worker", async () => {
  let worker = await load();
  assert.equal((await worker.call("trainState", {})).answer, { resumable: false, finished: false });
  const stopped = await worker.call("train", { resume: false }, 60);
  assert.equal(stopped.answer, {});
  assert.equal((await worker.call("trainState", {})).answer, { resumable: true, finished: false });
  worker = await load();

  const started = performance.now();
  const training = worker.call("train", { resume: true });
  const pixels = Array.from({ length: 64 }, (_, i) => i % 8 === 4 ? 16 : 0);
  assert.is((await worker.call("classify", { pixels })).answer!.length, 2, "a drawing needn't wait");
  const drawn = performance.now() - started;
  const { answer, error, events } = await training;
  assert.is(error, undefined);
  const all = performance.now() - started;
  assert.ok(drawn < all / 2, `the drawing was answered after ${drawn} of ${all} ms`);
  const { accuracy, params } = answer!.report!;
  assert.ok(accuracy.dense >= 0.95 && accuracy.pruned >= 0.95, JSON.stringify(accuracy));
  assert.ok(params.pruned < params.dense / 5, JSON.stringify(params));
  assert.ok(events.some(({ loss }) => loss !== undefined) && events.some(({ accuracy }) => accuracy !== undefined));

  assert.equal((await worker.call("trainState", {})).answer, { resumable: false, finished: true });
});

test.run();
