/** How often garbage is collected where devices are opened and closed again and again. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { spacedCollections } from "../../src/gpu/collector.ts";

const test = suite("collector");
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for so many entries, on a busy machine as well, and a little longer for one too many. */
async function seen(told: readonly string[], count: number): Promise<void> {
  for (let waited = 0; told.length < count && waited < 20_000; waited += 20) await pause(20);
  await pause(100);
}

test("each call is followed by two collections, and by giving memory back", async () => {
  const told: string[] = [];
  const soon = spacedCollections(() => told.push("collect"), () => told.push("give back"));
  soon();
  assert.equal(told, [], "nothing is collected while the code runs that asks for it");
  const inTurn = ["collect", "collect", "give back"];
  await seen(told, inTurn.length);
  assert.equal(told, inTurn);
  soon();
  await seen(told, 2 * inTurn.length);
  assert.equal(told, [...inTurn, ...inTurn]);
});

test("collections that take long are spaced, and the last call still gets its own", async () => {
  let collections = 0, lastAsked = 0, lastBegan = 0;
  const soon = spacedCollections(() => {
    collections++;
    lastBegan = performance.now();
    while (performance.now() < lastBegan + 20);
  }, () => {});
  const started = performance.now();
  for (let i = 0; i < 20; i++) {
    lastAsked = performance.now();
    soon();
    await pause(10);
  }
  const askedMs = performance.now() - started;
  await pause(1500);
  // After a pair, of forty milliseconds at least, nothing is collected for nine times as long.
  const most = 2 * (2 + askedMs / 360);
  assert.ok(collections >= 4 && collections <= most, `${collections} collections for 20 calls in ${askedMs} ms`);
  assert.ok(lastBegan >= lastAsked);
});

test.run();
