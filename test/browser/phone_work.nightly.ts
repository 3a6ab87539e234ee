/** A phone that works for a sweep, in Chromium: every shape from two sessions, and what becomes of a job when the page sleeps. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { timingJob } from "../../src/measure/asked/shape_id.ts";
import { WHOLE } from "../../src/measure/asked/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { Desk, DESK_RULES, type Settled } from "../../src/sweep/phones/desk.ts";
import { drivePage, type PageDriver } from "./page_driver.ts";

const test = suite("a phone that works");
const shots = Deno.env.get("PAGE_SHOTS");
const digits = createModel("digits");
const small = await timingJob({ title: "digits, one image", graph: digits, batch: 1, timed: [WHOLE] });
const pair = await timingJob({ title: "digits, two images", graph: digits, batch: 2, timed: [WHOLE] });
/** One kernel, so that little is compiled, which takes SwiftShader seconds in all. */
const layer = builder("layer", ["N", 32, 48, 48]);
const large = await timingJob({
  title: "a large layer",
  graph: layer.graph([layer.conv(layer.input, { name: "conv", out: 32, kernel: 3, pad: 1, bias: true })]),
  batch: 8,
  timed: [WHOLE],
});

const settled: Settled[] = [];
let desk = new Desk((one) => settled.push(one));
const now = () => performance.now();
let driver: PageDriver;
test.before(async () => {
  driver = await drivePage({
    work: {
      get desk() {
        return desk;
      },
      now,
      offer: () => ({ what: "three shapes", done: settled.length, total: 3, ended: false }),
    },
  });
  await driver.open();
});
test.after(() => driver.close());

/** Puts jobs on a new desk. */
function onDesk(jobs: readonly typeof small[], rules: Partial<typeof DESK_RULES> = {}): void {
  settled.length = 0;
  // SwiftShader shares this machine: how far its times are apart says nothing of the page.
  desk = new Desk((one) => settled.push(one), { ...DESK_RULES, pace: 100, apart: 100, ...rules });
  for (const job of jobs) desk.open(job);
}

const work = () => driver.page.getByRole("button", { name: "Work for this sweep" }).tap();
async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 50) {
    if (waited > 60_000) throw new Error(`${what} didn't happen: ${driver.server.refused.join("; ")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
/** As a phone's browser tells the page, whose screen went dark. */
async function seen(state: "visible" | "hidden"): Promise<void> {
  await driver.page.evaluate((state) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
}

test("one phone times each shape in two sessions, and goes when all is timed", async () => {
  onDesk([small, pair]);
  await driver.page.reload();
  await driver.page.getByText("three shapes").waitFor();
  await work();
  await until("two shapes are timed", () => settled.length === 2);
  desk.end();
  await driver.page.getByText(/4 of this device’s times count/).waitFor();
  for (const one of settled) {
    assert.ok("agreed" in one);
    assert.is(new Set(one.agreed.counted.map(({ session }) => session)).size, 2);
    assert.ok(one.agreed.times[0] > 0 && one.agreed.times[0] < 1000);
  }
  if (shots) await driver.page.screenshot({ path: `${shots}/worked.png`, fullPage: true });
});

test("a page that is hidden returns its job at once, and goes on when it is seen", async () => {
  onDesk([large], { sessions: 1 });
  await work();
  await until("the job is lent", () => desk.state(now()).lent === 1);
  await seen("hidden");
  await until("the job is returned", () => desk.state(now()).lent === 0);
  assert.equal(settled, []);
  await seen("visible");
  await until("the job is lent again", () => desk.state(now()).lent === 1);
  await driver.page.getByRole("button", { name: "Stop" }).tap();
  await until("the job is returned", () => desk.state(now()).lent === 0);
  await driver.page.getByRole("button", { name: "Work for this sweep" }).waitFor();
});

test("a page that sleeps for longer than its lease loses its job to another phone; nothing counts twice", async () => {
  onDesk([large], { sessions: 1, leaseMs: 2000 });
  // A phone that falls asleep says nothing any more: what it sends last is lost.
  desk.giveBack = () => {};
  await work();
  await until("the job is lent", () => desk.state(now()).lent === 1);
  const { device } = desk.state(now());
  await seen("hidden");
  const other = { ...device!, session: "another-phone" };
  let asked = desk.ask(other, now());
  assert.is(asked.is, "wait", "the sleeping phone has the job yet");
  await until("the job is lent to another", () => (asked = desk.ask(other, now())).is === "job");
  await seen("visible");
  if (asked.is !== "job") return;
  const taken = asked;
  desk.answer(taken.lease, {
    shape: large.shape,
    adapter: other.adapter,
    clock: "wall clock",
    quantumMs: 0,
    times: [{ name: WHOLE, samplesMs: Array(8).fill(0.001), repeats: 1 }],
    paceMs: Array(8).fill(0.001),
    hidden: false,
  }, now() + 1);
  desk.end();
  await driver.page.getByRole("button", { name: "Work for this sweep" }).waitFor();
  assert.equal(settled.map((one) => "agreed" in one && one.agreed.counted.map(({ session }) => session)), [
    ["another-phone"],
  ]);
});

test.run();
