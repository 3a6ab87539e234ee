import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  emptyPlans,
  firstPlans,
  type Plans,
  plansCache,
  plansName,
  readPlans,
  winnersOf,
  withTuned,
  writePlans,
} from "../../src/measure/plans.ts";
import { memoryStore } from "../../src/store/memory.ts";

const test = suite("tuned plans in a file");

const adapter = { vendor: "acme", architecture: "gen 3", description: "Acme GPU (driver 1.2)", fallback: false };
const FILE = "plans/acme.json";

const some = withTuned(emptyPlans(adapter), [{
  shapeClass: "gemm nt 1x2x3",
  untuned: "8x8",
  winner: "4x4",
  measured: [{ name: "8x8", medianMs: 3 }, { name: "4x4", medianMs: 2 }],
  refused: [],
}]);

/** What reading `content` gives, and the lines it says. */
async function read(content?: string, on = adapter): Promise<{ plans: Plans; lines: string[] }> {
  const store = memoryStore();
  if (content !== undefined) await store.write(FILE, new TextEncoder().encode(content));
  const lines: string[] = [];
  return { plans: await readPlans(store, FILE, on, (line) => lines.push(line)), lines };
}

test("what was written is read again", async () => {
  const store = memoryStore();
  await writePlans(store, FILE, some);
  const plans = await readPlans(store, FILE, adapter, (line) => assert.unreachable(line));
  assert.equal(plans, some);
  assert.equal(winnersOf(plans), { "gemm nt 1x2x3": "4x4" });
  assert.equal(plans.plans["gemm nt 1x2x3"], { winner: "4x4", medianMs: 2, untunedMs: 3 });
});

test("no file: no plans, and nothing to say", async () => {
  assert.equal(await read(), { plans: emptyPlans(adapter), lines: [] });
});

/** The text of a file that holds `some`. */
async function written(): Promise<string> {
  const store = memoryStore();
  await writePlans(store, FILE, some);
  return new TextDecoder().decode(await store.read(FILE));
}

test("a file that can't be used is ignored with one line that says why", async () => {
  const whole = await written();
  const changed = (change: Record<string, unknown>) => JSON.stringify({ ...JSON.parse(whole), ...change });
  for (
    const [content, words] of [
      ["", "it isn't JSON"],
      ['{"version":1', "it isn't JSON"],
      ["[]", "version: "],
      [whole.slice(0, -10), "it isn't JSON"],
      [changed({ version: 1 }), "version"],
      [whole.replace('"winner": "4x4"', '"winner": "8x8"'), "its SHA-256 doesn't match its content"],
      [whole.replace('"medianMs": 2', '"medianMs": 0'), "its SHA-256 doesn't match its content"],
      [whole.replace("gemm nt 1x2x3", "gemm nt 1x2x7"), "its SHA-256 doesn't match its content"],
      [JSON.stringify(some), "sha256"],
      [changed({ plans: { "gemm nt 1x2x3": { winner: 4 } } }), "plans.gemm nt 1x2x3"],
      [changed({ extra: 1 }), "extra"],
      [changed({ kernels: "00000000" }), "its SHA-256 doesn't match its content"],
    ]
  ) {
    const { plans, lines } = await read(content);
    assert.equal(plans, emptyPlans(adapter), content);
    assert.is(lines.length, 1, content);
    assert.ok(lines[0].startsWith(`ignored the tuned plans in ${FILE}: `) && lines[0].includes(words), lines[0]);
    assert.not.match(lines[0], /\n/);
  }
});

test("plans of another state of the kernels are no use", async () => {
  const store = memoryStore();
  await writePlans(store, FILE, { ...some, kernels: "00000000" });
  const lines: string[] = [];
  assert.equal(await readPlans(store, FILE, adapter, (line) => lines.push(line)), emptyPlans(adapter));
  assert.equal(lines, [`ignored the tuned plans in ${FILE}: the kernels have changed since`]);
});

test("a folder that can't be used costs the plans and one warning, not the run", async () => {
  const store = memoryStore();
  await store.write("plans", Uint8Array.of(1));
  const warnings: string[] = [];
  const cache = plansCache(store, FILE, { note: assert.unreachable, warn: (text) => warnings.push(text) });
  assert.equal(await cache.read(adapter), emptyPlans(adapter));
  await cache.add(some);
  await cache.add(some);
  assert.equal(warnings, [
    `tuned plans aren't kept for the next run: cannot write ${FILE}: plans is a file, not a folder; choose another path`,
  ]);
});

test("what is added to a device's plans joins those that are there, and leaves out the points of a run", async () => {
  const store = memoryStore();
  const cache = plansCache(store, FILE, { note: assert.unreachable, warn: assert.unreachable });
  const other = { "gemm nt 4x4x4": { winner: "4x4", medianMs: 1, untunedMs: 1 } };
  await cache.add({ ...some, points: { "0 {}": 1 } });
  await cache.add({ ...some, plans: other });
  assert.equal(await cache.read(adapter), { ...some, plans: { ...some.plans, ...other } });
});

test("a run's plans keep its points, and tell those of the first classes", async () => {
  const store = memoryStore();
  const run = { ...some, points: { "0 {}": 0, "1 {}": 1 } };
  await writePlans(store, FILE, run);
  assert.equal(await readPlans(store, FILE, adapter, (line) => assert.unreachable(line)), run);
  assert.equal(firstPlans(run, 0).plans, {});
  assert.equal(firstPlans(run, 1), run);
  const changed = new TextDecoder().decode(await store.read(FILE)).replace('"1 {}": 1', '"1 {}": 0');
  assert.match((await read(changed)).lines[0], /its SHA-256 doesn't match/);
});

test("plans of another adapter are no use here", async () => {
  const { plans, lines } = await read(await written(), { ...adapter, description: "Acme GPU (driver 1.3)" });
  assert.equal(plans.plans, {});
  assert.equal(lines, [
    `ignored the tuned plans in ${FILE}: measured on Acme GPU (driver 1.2), this is Acme GPU (driver 1.3)`,
  ]);
});

test("an adapter's file name is a name on every system", () => {
  assert.is(plansName(adapter), "acme-gen-3-acme-gpu-driver-1-2.json");
  assert.is(plansName({ vendor: "", architecture: "", description: "", fallback: false }), "adapter.json");
  assert.ok(plansName({ ...adapter, description: "x/..\\:".repeat(99) }).match(/^[a-z0-9-]{1,80}\.json$/));
});

test.run();
