/** The search for the best network within a time: its correction by hand, and how it goes on devices that are played. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { aimFor, correctedMs, type Observation } from "../../src/sweep/device_search/correction.ts";
import {
  type Built,
  type Expected,
  searchInTime,
  type SearchOptions,
  type SearchTools,
  type Timed,
} from "../../src/sweep/device_search/search.ts";
import { choiceWords, chosenOf, searchSpace, tilted } from "../../src/sweep/device_search/space.ts";
import { budgetRuleNamed } from "../../src/prune/budget/rules.ts";
import { DESK_RULES } from "../../src/sweep/phones/desk.ts";
import { livePhone } from "../../src/sweep/phones/live_phone.ts";
import { timingJob } from "../../src/measure/asked/shape_id.ts";
import { WHOLE } from "../../src/measure/asked/types.ts";
import { createModel } from "../../src/models/zoo.ts";

const test = suite("a search on a device");
const timed = (predictedMs: number, measuredMs: number, kind = "4"): Observation => ({ predictedMs, measuredMs, kind });

test("what is predicted is corrected by the median ratio of the five networks nearest to it", () => {
  assert.is(correctedMs([], { predictedMs: 2, kind: "4" }), 2, "nothing is known");
  // Ratios 3, 1.2, 1.1, 1.3, 1.4 and 1.25; the one of 16 ms is the farthest of six from 4 ms. Sorted: 1.1 1.2 1.25 1.3 1.4.
  const observed = [timed(16, 48), timed(4, 4.8), timed(4.4, 4.84), timed(3.6, 4.68), timed(5, 7), timed(3, 3.75)];
  near(correctedMs(observed, { predictedMs: 4, kind: "4" }), 5);
  // One bad moment among them moves it to the neighbour at most: 1.2 1.25 1.3 1.4 10.
  near(correctedMs(observed.with(2, timed(4.4, 44)), { predictedMs: 4, kind: "4" }), 5.2);
  // Of equals the later ones: 1, 1, 1, 3, 3.
  near(correctedMs([3, 3, 3, 1, 1, 1].map((ratio) => timed(1, ratio)), { predictedMs: 1, kind: "4" }), 1);
  // Of two the mean.
  near(correctedMs([timed(1, 2), timed(8, 8)], { predictedMs: 2, kind: "4" }), 3);
});

test("a network of another kind is as far as one 1.1 times as slow", () => {
  const alike = [1, 1, 1, 1].map((ms) => timed(ms, 2 * ms));
  const pick = (others: Observation[]) => correctedMs([...alike, ...others], { predictedMs: 1, kind: "4" });
  // Beside four of ratio 2 the fifth is the nearer one; with four alike the median is theirs whatever it says.
  near(pick([timed(1.09, 109), timed(1, 300, "1")]), 2);
  const two = [timed(1, 1), timed(1, 1)];
  const among = (a: Observation, b: Observation) =>
    correctedMs([...two, a, timed(1, 3), timed(1, 3), b], { predictedMs: 1, kind: "4" });
  // 1, 1, 3, 3 and the fifth: of 1.09 times as long and this kind (ratio 5), or the other kind (ratio 0.5).
  near(among(timed(1.09, 5.45), timed(1, 0.5, "1")), 3);
  // At 1.2 times it is farther than the other kind.
  near(among(timed(1.2, 6), timed(1, 0.5, "1")), 1);
});

test("a network is aimed at what comes to the wanted time when it is corrected", () => {
  near(aimFor([], { wantedMs: 3, kind: "4" }), 3);
  near(aimFor([timed(2, 3)], { wantedMs: 3, kind: "4" }), 2);
  // Slow networks take twice, fast ones once what is predicted: 5 of each, so that the nearest are of one ratio.
  const both = [1, 1.1, 1.2, 1.3, 1.4].flatMap((x) => [timed(x, x), timed(10 * x, 20 * x)]);
  near(aimFor(both, { wantedMs: 24, kind: "4" }), 12);
  near(aimFor(both, { wantedMs: 1.2, kind: "4" }), 1.2);
});

test("tilt makes early layers' groups worth less than late ones', by a factor of 2^tilt from end to end", () => {
  const rule = budgetRuleNamed("global");
  const layers = [1, 2, 3].map((score) => ({ scores: Float64Array.of(score, 4), shapes: [] }));
  const worth = (tilt: number) => layers.map((layer) => [...tilted(rule, tilt).worth(layer.scores, 1, layer, layers)]);
  assert.equal(worth(0), [[1, 4], [2, 4], [3, 4]]);
  assert.equal(worth(2), [[0.5, 2], [2, 4], [6, 8]]);
});

test("what was said isn't searched, and half of the blocks at most become linear", () => {
  const space = searchSpace({ criterion: "hrank", round: 2, blocks: 5 });
  assert.equal([space.criterion, space.round, space.linear], [
    { kind: "choice", values: ["hrank"] },
    { kind: "choice", values: [2] },
    { kind: "integer", from: 0, to: 2, step: 1, scale: "linear" },
  ]);
  assert.is(searchSpace({ blocks: 1 }).linear, undefined);
  const choices = { criterion: "l2", rule: "uniform", round: 4, protect: 0.25, tilt: -1, linear: 1 };
  assert.is(
    choiceWords(choices),
    "l2, rule uniform, widths in 4s, 25 % of each layer stay, more goes late, 1 block linear",
  );
  assert.is(chosenOf(choices).rule.name, "uniform");
});

interface Played extends Built {
  readonly accuracy: number;
}

/** Networks that take 1.5 times what the table says, and are the better the more it says; a device that measures within 1 %. */
function played(more: Partial<SearchTools<Played>> = {}) {
  const asked: { when: string; sizes: number[] }[] = [];
  let turn = 0;
  const tools: SearchTools<Played> = {
    build: (choices, aimMs) => {
      // Its widths come in steps of a 64th of a millisecond.
      const predictedMs = Math.floor(64 * aimMs * (1 - 0.05 * Math.abs(Number(choices.tilt)))) / 64;
      return Promise.resolve({ predictedMs, kind: String(choices.round), key: String(predictedMs), accuracy: 0 });
    },
    score: ({ predictedMs }) => Promise.resolve({ accuracy: predictedMs / 10, loss: 1 }),
    time(networks, when) {
      asked.push({ when, sizes: networks.map(({ network }) => network.predictedMs) });
      return Promise.resolve(networks.map(({ network }) => 1.5 * network.predictedMs * (1 + 0.01 * (turn++ % 3 - 1))));
    },
    ...more,
  };
  return { tools, asked };
}
const options = (more: Partial<SearchOptions> = {}): SearchOptions => ({
  space: searchSpace({ blocks: 0 }),
  limitMs: 4,
  candidates: 16,
  seed: 1,
  known: [],
  ...more,
});

test("what is measured corrects what the next networks are aimed at, and the best that keeps the time twice is found", async () => {
  const { tools, asked } = played();
  const { found, finalists, candidates } = await searchInTime(options(), tools);
  // The first four are aimed at 3.8 ms by the table alone and take 1.5 times as long.
  assert.ok(candidates.slice(0, 4).every(({ predictedMs, correctedMs }) => predictedMs === correctedMs));
  assert.ok(candidates.slice(0, 4).every(({ predictedMs }) => predictedMs <= 3.8));
  const later = candidates.slice(4);
  assert.ok(
    later.length > 0 && later.every(({ correctedMs, measuredMs }) => Math.abs(measuredMs! / correctedMs - 1) < 0.03),
  );
  assert.ok(found.measuredMs! <= 4 && found.againMs! <= 4);
  assert.is(
    found.accuracy,
    Math.max(...candidates.filter(({ measuredMs }) => measuredMs! <= 4).map((c) => c.accuracy)),
  );
  assert.equal(finalists.length, 3);
  assert.equal(asked.at(-1)!.when, "again");
  assert.equal(
    new Set(candidates.map(({ network: { key } }) => key)).size,
    candidates.length,
    "each is looked at once",
  );
});

test("the same answers give the same search", async () => {
  const [a, b] = [await searchInTime(options(), played().tools), await searchInTime(options(), played().tools)];
  assert.equal(a, b);
});

test("without a device the table is believed, with what it says of the whole network", async () => {
  const { tools } = played({ time: undefined });
  const { found, finalists } = await searchInTime(options({ known: [timed(10, 12, "dense")] }), tools);
  assert.is(found.measuredMs, undefined);
  near(found.correctedMs / found.predictedMs, 1.2);
  assert.ok(found.correctedMs <= 4 && finalists.length <= 3);
});

test("a finalist that misses the time when it is measured again is out, and the next best is asked", async () => {
  const slow = new Set<string>();
  const { tools } = played();
  const again = async (networks: readonly Expected<Played>[], when: "first" | "again"): Promise<readonly Timed[]> => {
    const times = await tools.time!(networks, when);
    if (when === "first" || slow.size > 0) return times;
    for (const { network } of networks) slow.add(network.key);
    return times.map(() => 4.1);
  };
  const { found, finalists } = await searchInTime(options(), { ...tools, time: again });
  assert.ok(slow.size > 0 && !slow.has(found.network.key));
  assert.ok(found.againMs! <= 4);
  assert.is(finalists.filter(({ againMs }) => againMs === 4.1).length, slow.size, "they are told of all the same");
});

test("where no network keeps the time yet, the best are aimed anew; where none ever does, the nearest is named", async () => {
  const notes: string[] = [];
  let factor = 3;
  const { tools } = played({
    // After each answer it is slower by a half.
    time: (networks) => {
      const times = networks.map(({ network }) => factor * network.predictedMs);
      factor = Math.min(4.5, factor * 1.2);
      return Promise.resolve(times);
    },
    note: (text) => notes.push(text),
  });
  const { found } = await searchInTime(options({ candidates: 4 }), tools);
  assert.ok(found.measuredMs! <= 4 && notes.length > 0);
  const stuck = played({ build: () => Promise.resolve({ predictedMs: 3, kind: "1", key: "one", accuracy: 0 }) });
  await assertRejects(
    searchInTime(options(), stuck.tools),
    /none of 1 networks keeps 4.00 ms: the nearest takes 4\.\d+ ms: ask for more time, or search longer with a larger --search/,
  );
  const nothing = played({ build: () => Promise.resolve(undefined) });
  await assertRejects(searchInTime(options(), nothing.tools), /none of the choices leaves a network of 4.00 ms/);
});

test("a network that the device can't time is left out; where it can time none, its reason is told", async () => {
  const { tools } = played();
  let first = true;
  const some = async (networks: readonly Expected<Played>[], when: "first" | "again"): Promise<readonly Timed[]> => {
    const times = await tools.time!(networks, when);
    const failing = first;
    first = false;
    return times.map((ms) => failing ? { failed: "12 answers don't count" } : ms);
  };
  const { found, candidates } = await searchInTime(options(), { ...tools, time: some });
  assert.is(candidates[0].failed, "12 answers don't count");
  assert.is(found.failed, undefined);
  const none = played({ time: (networks) => Promise.resolve(networks.map(() => ({ failed: "out of memory" }))) });
  await assertRejects(searchInTime(options(), none.tools), /couldn't time any of \d+ networks: out of memory/);
});

const adapter = { vendor: "arm", architecture: "valhall", description: "", fallback: false };
const small = { graph: createModel("digits"), batch: 1, timed: [WHOLE] };

/** Takes what the desk lends and answers with `ms`, until there is nothing for a while. */
async function playPhone(
  phone: ReturnType<typeof livePhone>,
  session: string,
  ms: number | (() => number),
): Promise<void> {
  const { desk, now } = phone.work;
  for (let idle = 0; idle < 40;) {
    const asked = desk.ask({ session, name: "pixel8", adapter }, now());
    if (asked.is !== "job") {
      idle++;
      await new Promise((resolve) => setTimeout(resolve, 10));
      continue;
    }
    idle = 0;
    const samples = Array(8).fill(typeof ms === "number" ? ms : ms());
    const times = asked.job.timed.map((name) => ({ name, samplesMs: samples, repeats: 1 }));
    const { shape } = asked.job;
    const answer = { shape, adapter, clock: "gpu timestamps", quantumMs: 0, times, paceMs: Array(8).fill(0.001) };
    await new Promise((resolve) => setTimeout(resolve, 20));
    try {
      desk.answer(asked.lease, { ...answer, hidden: false }, now());
    } catch {
      // It was refused.
    }
  }
}

test("a phone is waited for, asked in two sessions, and again where that is wanted", async () => {
  const phone = livePhone({ what: "a search", warn: () => {} });
  const { signal } = new AbortController();
  const coming = phone.come(signal);
  let ms = 0.5;
  const playing = ["session-a", "session-b"].map((session) => playPhone(phone, session, () => ms));
  assert.is((await coming).name, "pixel8");
  const job = await timingJob({ title: "digits", ...small });
  const ask = async (again: boolean) =>
    (await phone.times([{ job, expectedMs: 0.5 }], { signal, again })).get(job.shape)!;
  const first = await ask(false);
  assert.ok("times" in first && first.times[0] === 0.5 && first.sessions === 2);
  ms = 0.6;
  const kept = await ask(false);
  assert.ok("times" in kept && kept.times[0] === 0.5, "nothing is asked twice by itself");
  const fresh = await ask(true);
  assert.ok("times" in fresh && fresh.times[0] === 0.6);
  assert.equal(phone.work.offer().total, 3);
  await phone.end();
  assert.ok(phone.work.offer().ended);
  await Promise.all(playing);
});

test("a phone that doesn't come, and one that vanishes, are given up with what to do; nonsense is refused and counts nothing", async () => {
  const { signal } = new AbortController();
  const nobody = livePhone({ what: "a search", warn: () => {}, patience: { firstMs: 50, quietMs: 50, gone: 100 } });
  await assertRejects(nobody.come(signal), /no phone has come in 0.05 s: open the link on one/);
  await nobody.end();
  const warned: string[] = [];
  const phone = livePhone({
    what: "a search",
    warn: (text) => warned.push(text),
    patience: { firstMs: 1000, quietMs: 300, gone: 900 },
    rules: { ...DESK_RULES, faults: 2 },
  });
  const job = await timingJob({ title: "digits", ...small });
  // 1000 times as long as expected: after two such answers the session gets nothing more, and is as good as gone.
  const playing = playPhone(phone, "session-a", 0.0001).catch((error) => error.message as string);
  await phone.come(signal);
  await assertRejects(
    phone.times([{ job, expectedMs: 5 }], { signal }),
    /nothing was heard of pixel8 for 0.9 s: wake it/,
  );
  assert.match(String(await playing), /2 of this session's answers were nonsense/);
  assert.match(warned.join("\n"), /nothing was heard of pixel8 for 0.3 s: wake it/);
  await phone.end();
});

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found / expected - 1) < 1e-9, `${found}, expected ${expected}`);
}

async function assertRejects(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await promise.then(() => undefined, (error: Error) => error);
  assert.ok(error, "it didn't fail");
  assert.is(error.name, "UserError", error.stack);
  assert.match(error.message, message);
}

test.run();
