/** Phones at the desk: leases, refusals by name, two sessions for each shape, and the queue behind it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { timingJob } from "../../src/measure/asked/shape_id.ts";
import { type TimingAnswer, WHOLE } from "../../src/measure/asked/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { agree, type Answered } from "../../src/sweep/phones/agree.ts";
import { askPhones } from "../../src/sweep/phones/ask_phones.ts";
import { type AnswerRefused, checkAnswer, paceChange } from "../../src/sweep/phones/check_answer.ts";
import { Desk, DESK_RULES, type PhoneSession, type Settled } from "../../src/sweep/phones/desk.ts";
import { createPhoneWorker } from "../../src/sweep/phones/phone_worker.ts";
import { timingResults } from "../../src/sweep/phones/timing_results.ts";
import { memoryQueue } from "../../src/sweep/queue/memory.ts";
import { memoryStore } from "../../src/store/memory.ts";

const test = suite("phones as workers");
const adapter = { vendor: "arm", architecture: "valhall", description: "", fallback: false };
const other = { ...adapter, vendor: "qualcomm", architecture: "adreno-7xx" };
const graph = createModel("digits");
const job = await timingJob({ title: "digits, the whole", graph, batch: 1, timed: [WHOLE] });
const second = await timingJob({ title: "digits, 8 images", graph, batch: 8, timed: [WHOLE] });
const phone = (session: string, more: Partial<PhoneSession> = {}): PhoneSession => ({
  session,
  name: "pixel8",
  adapter,
  ...more,
});
/** 8 samples of 5 ms, each of 10 runs, and 8 of the product: 80 ms in all. */
const answer = (more: Partial<TimingAnswer> = {}, ms = 0.5): TimingAnswer => ({
  shape: job.shape,
  adapter,
  clock: "gpu timestamps",
  quantumMs: 0.01,
  times: [{ name: WHOLE, samplesMs: Array(8).fill(ms), repeats: 10 }],
  paceMs: Array(8).fill(5),
  hidden: false,
  ...more,
});
const ground = { job, adapter, heldMs: 1000, expectedMs: 0.4 };

function kindOf(work: () => unknown): string {
  try {
    work();
    return "taken";
  } catch (error) {
    return (error as AnswerRefused).kind;
  }
}

const agreedOf = (settled: Settled) => "agreed" in settled ? settled.agreed.times : undefined;
const failureOf = (settled: Settled) => "failed" in settled ? settled.failed : "it didn't fail";

/** A desk with shapes on it, and all that became of them. */
function opened(jobs = [job], rules = DESK_RULES) {
  const settled: Settled[] = [];
  const desk = new Desk((one) => settled.push(one), rules);
  for (const one of jobs) desk.open(one);
  const lease = (session: string, now: number) => {
    const asked = desk.ask(phone(session), now);
    if (asked.is !== "job") throw new Error(`session ${session} was told: ${asked.is}`);
    return asked.lease;
  };
  return { desk, settled, lease };
}

test("a shape that went over the network as JSON has the same name, and another batch another one", async () => {
  const sent = JSON.parse(JSON.stringify(job));
  assert.is((await timingJob(sent)).shape, job.shape);
  assert.is.not(second.shape, job.shape);
});

test("an answer's times are medians of its samples", () => {
  const times = [{ name: WHOLE, samplesMs: [0.7, 0.5, 0.6, 0.4, 9, 0.5, 0.5, 0.5], repeats: 10 }];
  assert.equal(checkAnswer(answer({ times }), ground), [0.5]);
});

test("nonsense is refused by name", () => {
  const nan = JSON.parse(JSON.stringify(answer({}, NaN)));
  const kinds: Record<string, unknown> = {
    "a NaN": nan,
    "a negative time": answer({}, -1),
    "three samples": answer({ times: [{ name: WHOLE, samplesMs: [1, 1, 1], repeats: 1 }] }),
    "nothing timed": answer({ times: [{ name: WHOLE, samplesMs: [], repeats: 0 }] }),
    "no answer": "0.5 ms",
    "another shape": answer({ shape: second.shape }),
    "another part": answer({ times: [{ name: "conv1", samplesMs: Array(8).fill(0.5), repeats: 10 }] }),
    "another adapter": answer({ adapter: other }),
    "1000 times too long": answer({}, 500),
    "1000 times too long, with fewer runs": answer({
      times: [{ name: WHOLE, samplesMs: Array(8).fill(100), repeats: 1 }],
    }),
    "1000 times too short": answer({}, 0.0005),
    "1000 times too short, with more runs": answer({
      times: [{ name: WHOLE, samplesMs: Array(8).fill(0.0005), repeats: 10_000 }],
    }),
    "hidden": answer({ hidden: true }),
    "a device that became slower": answer({ paceMs: [5, 5, 5, 5, 9, 9, 9, 9] }),
  };
  const refused = Object.fromEntries(
    Object.entries(kinds).map(([what, posted]) => [what, kindOf(() => checkAnswer(posted, ground))]),
  );
  assert.equal(refused, {
    "a NaN": "unreadable",
    "a negative time": "unreadable",
    "three samples": "unreadable",
    "nothing timed": "unreadable",
    "no answer": "unreadable",
    "another shape": "another shape",
    "another part": "another shape",
    "another adapter": "another adapter",
    "1000 times too long": "impossible",
    "1000 times too long, with fewer runs": "far off",
    "1000 times too short": "too coarse",
    "1000 times too short, with more runs": "far off",
    "hidden": "hidden",
    "a device that became slower": "changed pace",
  });
  assert.throws(() => checkAnswer(nan, ground), "times.0.samplesMs.0: expected a number above 0, got null");
});

test("the pace is the later half of the samples over the earlier half", () => {
  assert.is(paceChange([4, 4, 5, 4, 6, 6, 6, 7]), 1.5);
});

test("two sessions that agree count by their median, and one alone doesn't", () => {
  const said = (session: string, ms: number): Answered => ({
    session,
    device: "pixel8",
    times: [ms, 2 * ms],
    clock: "gpu timestamps",
    quantumMs: 0.01,
  });
  assert.is(agree([said("a", 1)]), undefined);
  assert.equal(agree([said("a", 1), said("b", 1.2)])?.times, [1.1, 2.2]);
  assert.is(agree([said("a", 1), said("b", 1.4)]), undefined, "1.4 times as long isn't the same");
  const third = agree([said("a", 0.001), said("b", 1), said("c", 1.1)]);
  assert.equal(third?.outvoted.map(({ session }) => session), ["a"]);
  assert.equal(third?.times, [1.05, 2.1]);
  const never = agree([1, 2, 4, 8, 16].map((ms) => said(String(ms), ms)));
  assert.equal(never?.times, [4, 8]);
  assert.match(never!.doubt!, /5 sessions don't agree: 3 to 48 ms/);
});

test("a shape is asked of two sessions, and one phone comes back with another", () => {
  const { desk, settled, lease } = opened();
  desk.answer(lease("a", 0), answer(), 1000);
  assert.equal(settled, []);
  assert.is(desk.ask(phone("a"), 1000).is, "another session");
  desk.answer(lease("b", 1000), answer({}, 0.6), 2000);
  assert.is(settled.length, 1);
  assert.equal(agreedOf(settled[0]), [0.55]);
  assert.is(desk.ask(phone("b"), 2000).is, "wait");
  desk.end();
  assert.is(desk.ask(phone("b"), 2000).is, "ended");
});

test("what one session has is lent to no other beyond the two that are wanted", () => {
  const { desk, lease } = opened();
  lease("a", 0);
  lease("b", 0);
  assert.is(desk.ask(phone("c"), 0).is, "wait");
});

test("a sleeping phone loses its job to another, and what it says when it wakes counts nothing", () => {
  const { desk, settled, lease } = opened([job], { ...DESK_RULES, sessions: 1 });
  const asleep = lease("a", 0);
  assert.ok(desk.renew(asleep, 15_000), "a phone that is heard of keeps its job");
  assert.is(desk.ask(phone("b"), 34_999).is, "wait");
  const taken = lease("b", 35_000);
  assert.not.ok(desk.renew(asleep, 35_001));
  assert.is(kindOf(() => desk.answer(asleep, answer(), 35_001)), "no lease");
  assert.equal(settled, []);
  desk.answer(taken, answer(), 36_000);
  assert.is(settled.length, 1);
  assert.is(kindOf(() => desk.answer(taken, answer(), 36_001)), "no lease", "the same answer twice");
  assert.is(settled.length, 1);
});

test("a job that was given back, or that its session has forgotten, is lent again at once", () => {
  const { desk, lease } = opened([job], { ...DESK_RULES, sessions: 1 });
  desk.giveBack(lease("a", 0));
  const first = lease("b", 1);
  const again = lease("b", 2);
  assert.not.ok(desk.renew(first, 3));
  assert.ok(desk.renew(again, 3));
});

test("another device than the first is turned away, and so is a session that tells nonsense three times", () => {
  const { desk, settled, lease } = opened();
  lease("a", 0);
  assert.is(kindOf(() => desk.ask(phone("x", { adapter: other }), 0)), "turned away");
  assert.is(kindOf(() => desk.ask(phone("y", { name: "galaxy" }), 0)), "turned away");
  for (let n = 0; n < 3; n++) {
    assert.is(kindOf(() => desk.answer(lease("liar", n), answer({ shape: second.shape }), n + 0.5)), "another shape");
  }
  assert.throws(() => desk.ask(phone("liar"), 4), /3 of this session's answers were nonsense/);
  assert.equal(settled, []);
});

test("a shape that has no good moment is given up with the reason", () => {
  const { desk, settled, lease } = opened([job], { ...DESK_RULES, badMoments: 2 });
  assert.is(kindOf(() => desk.answer(lease("a", 0), answer({ hidden: true }), 1000)), "hidden");
  assert.is(kindOf(() => desk.answer(lease("a", 1000), answer({ hidden: true }), 2000)), "hidden");
  assert.match(
    failureOf(settled[0]),
    /2 answers don't count, the last because the page was hidden/,
  );
});

test("the queue's jobs go over the desk, each is done once, and nothing that is known is asked again", async () => {
  const queue = memoryQueue();
  const results = timingResults(memoryStore(), "work");
  const warned: string[] = [];
  let now = 0;
  const worker = createPhoneWorker({
    queue,
    results,
    name: "server",
    warn: (text) => warned.push(text),
    now: () => now,
  });
  const stop = new AbortController();
  const running = worker.run(stop.signal);
  const asking = askPhones([{ job, expectedMs: 0.5 }, { job: second }], { queue, results, signal: stop.signal });
  const { desk } = worker;
  let session = 0;
  while ((await queue.state()).done < 2) {
    now += 1000;
    const who = phone(`session-${session}`);
    const asked = desk.ask(who, now);
    if (asked.is === "another session") session++;
    if (asked.is === "job") {
      now += 1000;
      // The first says of the second shape that it takes no time at all: nobody expects anything of it, so others outvote it.
      const ms = asked.job.shape === second.shape && session === 0 ? 0.0001 : 0.5;
      const repeats = ms < 0.1 ? 10_000 : 10;
      const times = [{ name: WHOLE, samplesMs: Array(8).fill(ms), repeats }];
      desk.answer(asked.lease, answer({ shape: asked.job.shape, times }), now);
    } else await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const told = await asking;
  assert.equal([...told.values()].map((result) => "times" in result && [result.times, result.sessions]), [
    [[0.5], 2],
    [[0.5], 2],
  ]);
  assert.equal(warned.length, 1);
  assert.match(warned[0], /^digits, 8 images: pixel8, session session-, says 0.000100 ms, .*left out/);
  assert.equal(await queue.state(), { waiting: 0, done: 2, failed: 0, running: [] });
  const again = await askPhones([{ job }], { queue, results, signal: stop.signal });
  assert.is(again.size, 1);
  assert.is((await queue.state()).done, 2);
  stop.abort();
  await running;
});

test("a server that stops gives its jobs back to the queue", async () => {
  const queue = memoryQueue();
  const worker = createPhoneWorker({
    queue,
    results: timingResults(memoryStore(), "work"),
    name: "server",
    warn: () => {},
  });
  const stop = new AbortController();
  const running = worker.run(stop.signal);
  const asking = askPhones([{ job }], { queue, results: timingResults(memoryStore(), "other"), signal: stop.signal })
    .then(() => "told", () => "stopped");
  while ((await queue.state()).running.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();
  await running;
  assert.equal(await queue.state(), { waiting: 1, done: 0, failed: 0, running: [] });
  assert.is(await asking, "stopped");
});

test.run();
