/** What the page keeps while the network, the device or the page itself goes away, in Chromium. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BrowserPage, openPage } from "../../bench/browser/page.ts";
import { onlyNightly } from "../long.ts";
import type { Shown } from "./pages/outbox.ts";
import type { Trained } from "./pages/training.ts";

const test = suite("what the page keeps");
const entry = (name: string) => `${import.meta.dirname}/pages/${name}.ts`;
let page: BrowserPage;
test.before(async () => {
  const digits = `${import.meta.dirname}/../../src/data/digits/digits.csv.gz`;
  page = await openPage({ adapter: "software", files: { "/data/digits.csv.gz": digits } });
});
test.after(() => page.close());

test("IndexedDB keeps every promise of a store", async () => {
  const { titles, failures } = await page.call<{ titles: string[]; failures: string[] }>(entry("store"));
  assert.ok(titles.length >= 8);
  assert.equal(failures, []);
});

test("a result waits until the server has it, whatever answers meanwhile", async () => {
  const { shown, taken, authorization } = await page.call<Shown>(entry("outbox"));
  assert.equal(shown, [
    "away: waiting: the server doesn't answer",
    "restarted: waiting: the token is another one",
    "hotel: waiting: something else than Secateur answers, with 200",
    "full: waiting: the disk is full",
    "back: sent: runs/devices/phone.json",
    "wrong: refused: the record: rows is missing",
    "no token: no server",
  ]);
  assert.equal(taken[0], "one 2", "its newest state, once");
  assert.equal([...new Set(taken)], ["one 2", "three 3"], "what was refused isn't sent again");
  assert.is(authorization, "Bearer secret");
});

onlyNightly(test)("a run that is stopped and resumed ends in the same bits", async () => {
  const { whole, pieces, stops } = await page.call<{ whole: string; pieces: string; stops: number }>(entry("resume"));
  assert.is(stops, 4);
  assert.is(pieces, whole);
});

onlyNightly(test)("training goes on from its last epoch after the device was lost, in one tab only", async () => {
  const { opened, notes, eventsAfter, resumable, second } = await page.call<Trained>(entry("training"));
  assert.is(opened, 2);
  assert.equal(notes, ["the GPU device was lost: going on from the last epoch"]);
  assert.ok(eventsAfter >= 6, `${eventsAfter} events after the loss`);
  assert.ok(resumable);
  assert.is(second, "the network is being trained in another tab: stop it there first");
});

test.run();
