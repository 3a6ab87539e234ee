import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createTurns } from "../../src/web/engine/turns.ts";

const test = suite("turns");

/** Work that says when it begins and ends, and lasts until it is told to end. */
function work(log: string[], name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return {
    end: () => resolve(name),
    fail: () => reject(new Error(name)),
    run: async () => {
      log.push(`${name} begins`);
      try {
        return await promise;
      } finally {
        log.push(`${name} ends`);
      }
    },
  };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

test("nothing runs beside timing, and what is short runs beside what is long", async () => {
  const log: string[] = [];
  const [train, drawing, measure, second, later] = ["train", "drawing", "measure", "second", "later"]
    .map((name) => work(log, name));
  const turns = createTurns();
  const all = [turns.long(train.run), turns.short(drawing.run), turns.timing(measure.run)];
  await settle();
  assert.equal(log, ["train begins", "drawing begins"]);
  drawing.end();
  train.end();
  await settle();
  assert.equal(log.splice(0), ["train begins", "drawing begins", "drawing ends", "train ends", "measure begins"]);
  all.push(turns.short(later.run), turns.long(second.run));
  await settle();
  assert.equal(log, []);
  measure.end();
  await settle();
  assert.equal(log, ["measure ends", "later begins", "second begins"]);
  later.end();
  second.end();
  assert.equal(await Promise.all(all), ["train", "drawing", "measure", "later", "second"]);
});

test("work that fails lets the next one begin", async () => {
  const log: string[] = [];
  const [bad, good] = ["bad", "good"].map((name) => work(log, name));
  const turns = createTurns();
  const first = turns.timing(bad.run).catch((error: Error) => error.message);
  const next = turns.timing(good.run);
  bad.fail();
  good.end();
  assert.is(await first, "bad");
  assert.is(await next, "good");
  assert.equal(log, ["bad begins", "bad ends", "good begins", "good ends"]);
});

test("it is quiet while nothing long goes on or waits, whatever is short", async () => {
  const [train, drawing] = ["train", "drawing"].map((name) => work([], name));
  const turns = createTurns();
  const short = turns.short(drawing.run);
  assert.is(turns.quiet(), true);
  const long = turns.long(train.run).catch(() => {});
  assert.is(turns.quiet(), false);
  train.fail();
  await long;
  assert.is(turns.quiet(), true);
  drawing.end();
  await short;
});

test.run();
