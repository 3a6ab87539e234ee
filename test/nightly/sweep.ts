/**
 * A sweep of sixty small cells (3 criteria × 4 ratios × 5 seeds) by one process, by two workers of a journal, by two through a Redis, of which one comes to the
 * store over HTTP, and by two workers of each while coordinator, workers, their children and the Redis are killed at random moments:
 *
 *     deno run -A test/nightly/sweep.ts --kills 30 --seed 1
 *
 * All must write the same sweep.json, byte for byte; exit code 1 where they don't.
 */
import { parseArgs } from "node:util";
import { random } from "../../kernels/random/philox.ts";
import { findRedis } from "../../scripts/redis.ts";
import { denoStore } from "../../src/store/deno.ts";
import { openQueue } from "../../src/sweep/deno/open_queue.ts";
import { freePort, type RedisServer, startRedis } from "../sweep/redis_server.ts";
import { JOURNAL } from "../../src/sweep/deno/journal.ts";
import type { SweepReport } from "../../src/sweep/report.ts";
import { SWEEP } from "../sweep/cells.ts";

const { values } = parseArgs({
  options: { kills: { type: "string", default: "30" }, seed: { type: "string", default: "1" } },
});
const cli = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const root = await Deno.makeTempDir({ prefix: "secateur-sweep-" });

const TOKEN = crypto.randomUUID();

interface Process {
  readonly args: readonly string[];
  child: Deno.ChildProcess;
  ended: boolean;
}

function start(...args: string[]): Process {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", cli, ...args],
    cwd: root,
    env: { SECATEUR_STORE_TOKEN: TOKEN },
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const process: Process = { args, child, ended: false };
  child.status.then(() => process.ended = true);
  return process;
}

async function report(dir: string): Promise<string> {
  return await Deno.readTextFile(`${root}/${dir}/sweep.json`);
}

/** Until the sweep has begun, so that there is a queue to work for. */
async function begun(dir: string): Promise<void> {
  for (;;) {
    const text = await Deno.readTextFile(`${root}/${dir}/${JOURNAL}`).catch(() => "");
    if (text.includes('"open"')) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Every process gets a store of its own, so that nobody finds what another has done. */
const sweep = (
  dir: string,
  workers: number,
) => ["sweep", "sweep.yaml", "--out", dir, "--store", `${dir}-store`, "--workers", String(workers), "--quiet"];

async function byOne(): Promise<string> {
  const { code } = await start(...sweep("one", 1)).child.status;
  if (code !== 0) throw new Error(`the sweep by one process ended with code ${code}`);
  return await report("one");
}

async function byTwo(): Promise<string> {
  const coordinator = start(...sweep("two", 0));
  await begun("two");
  const workers = [start("worker", "--queue", "two", "--quiet"), start("worker", "--queue", "two", "--quiet")];
  const codes = await Promise.all([coordinator, ...workers].map(async ({ child }) => (await child.status).code));
  if (codes.some((code) => code !== 0)) throw new Error(`coordinator and workers ended with ${codes}`);
  return await report("two");
}

/** Until a sweep has begun on the Redis. */
async function opened(url: string): Promise<void> {
  const queue = await openQueue(url);
  while (!await queue.header()) await new Promise((resolve) => setTimeout(resolve, 100));
  queue.close();
}

/** A store that the coordinator serves, and that the second worker comes to over HTTP; the first one sees its folder. */
function storeAt(): { readonly served: readonly string[]; ofWorker(i: number): readonly string[] } {
  const at = `127.0.0.1:${freePort()}`;
  return { served: ["--store-at", at], ofWorker: (i) => i === 0 ? [] : ["--store", `http://${at}`] };
}

/** The same through a Redis. */
async function byRedis(): Promise<string> {
  await using server = await startRedis();
  const store = storeAt();
  const queue = ["--queue", server.url];
  const coordinator = start(...sweep("redis", 0), ...queue, ...store.served);
  await opened(server.url);
  const workers = [0, 1].map((i) =>
    start("worker", ...queue, "--work", `redis-work-${i}`, "--quiet", ...store.ofWorker(i))
  );
  const codes = await Promise.all([coordinator, ...workers].map(async ({ child }) => (await child.status).code));
  if (codes.some((code) => code !== 0)) throw new Error(`coordinator and workers ended with ${codes}`);
  return await report("redis");
}

/** Processes that a process has started, from /proc. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`).catch(() => "");
  return text.split(" ").filter((word) => word !== "").map(Number);
}

interface Kills {
  readonly dir: string;
  readonly kills: number;
  readonly seed: number;
  /** The queue's, which is killed as well and started again; undefined: a journal. */
  readonly redis?: RedisServer;
}

async function underKills(
  { dir, kills, seed, redis }: Kills,
): Promise<{ text: string; killed: Record<string, number> }> {
  const rng = random(seed, "sweep kills");
  const killed = { coordinator: 0, worker: 0, child: 0, ...redis && { redis: 0 } };
  const store = storeAt();
  const queue = redis ? ["--queue", redis.url] : [];
  const coordinates = [...queue, ...redis ? store.served : []];
  let coordinator = start(...sweep(dir, 0), ...coordinates);
  await (redis ? opened(redis.url) : begun(dir));
  const worker = (i: number) =>
    redis
      ? start("worker", ...queue, "--work", `${dir}-work-${i}`, "--quiet", ...store.ofWorker(i))
      : start("worker", "--queue", dir, "--quiet");
  const workers = [0, 1].map(worker);
  const revive = () => {
    if (coordinator.ended) coordinator = start("sweep", "--resume", dir, "--workers", "0", "--quiet", ...coordinates);
    workers.forEach(({ ended }, i) => ended && (workers[i] = worker(i)));
  };
  const count = () => Object.values(killed).reduce((sum, times) => sum + times, 0);
  for (let step = 0; count() < kills; step++) {
    const [when, who, which] = [0, 1, 2].map((index) => rng.uniform(step, index));
    await new Promise((resolve) => setTimeout(resolve, 200 + 1000 * when));
    if (await isEnded(dir)) break;
    const victim = workers[which < 0.5 ? 0 : 1];
    if (who < 0.2) kill("coordinator", coordinator.child.pid);
    else if (redis && who < 0.4) {
      await redis.kill();
      killed.redis!++;
      await new Promise((resolve) => setTimeout(resolve, 1000 * which));
      await redis.start();
    } else if (who < 0.7) kill("worker", victim.child.pid);
    else for (const pid of await childrenOf(victim.child.pid)) kill("child", pid);
    await new Promise((resolve) => setTimeout(resolve, 50));
    revive();
  }
  for (;;) {
    const { code } = await coordinator.child.status;
    if (code === 0) break;
    revive();
  }
  for (const { child } of workers) await child.status;
  return { text: await report(dir), killed };

  function kill(what: "coordinator" | "worker" | "child", pid: number): void {
    try {
      Deno.kill(pid, "SIGKILL");
      killed[what]++;
    } catch { /* it has ended a moment ago */ }
  }
}

async function isEnded(dir: string): Promise<boolean> {
  return (JSON.parse(await report(dir).catch(() => "{}")) as Partial<SweepReport>).ended ?? false;
}

/** Jobs that the journal counts as done more than once. */
async function doneTwice(dir: string): Promise<string[]> {
  const records = (await Deno.readTextFile(`${root}/${dir}/${JOURNAL}`)).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  const done = records.filter(({ is }) => is === "done").map(({ id }) => id as string);
  return done.filter((id, i) => done.indexOf(id) !== i);
}

/** Files of results in the store, those that say what differs included. */
async function results(dir: string): Promise<number> {
  const files = await denoStore().list(`${root}/${dir}-store/results`);
  return files.length;
}

const started = performance.now();
const seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;

let failures = 0;
function expect(what: string, holds: boolean): void {
  console.log(`${holds ? "ok    " : "FAILED"} ${what}`);
  if (!holds) failures++;
}

async function expectSame(which: string, one: string, options: Kills): Promise<void> {
  const { text, killed } = await underKills(options);
  const count = Object.values(killed).reduce((sum, times) => sum + times, 0);
  const what = Object.entries(killed).map(([name, times]) => `${times} × ${name}`).join(", ");
  expect(
    `${count} kills (${what}) ${which} change nothing in the report (${seconds()})`,
    text === one && count >= options.kills,
  );
  const { jobs } = JSON.parse(one) as SweepReport;
  expect("the store has a result of each job, and no second one", await results(options.dir) === jobs);
}

try {
  await Deno.writeTextFile(`${root}/sweep.yaml`, SWEEP.file);
  await Deno.writeTextFile(`${root}/cell.yaml`, SWEEP.recipe);
  const one = await byOne();
  const { trials, differences } = JSON.parse(one) as SweepReport;
  expect(`sixty trials are done (${seconds()})`, trials.length === 60 && trials.every(({ state }) => state === "done"));
  expect("no job came to other bits", differences.length === 0);
  const two = await byTwo();
  expect(`two workers write the same report (${seconds()})`, two === one);
  const hasRedis = findRedis() !== undefined;
  if (!hasRedis) console.log("left out: two workers through a Redis, also under kills, of which there is none here");
  else {
    const redis = await byRedis();
    expect(`two workers through a Redis write the same report (${seconds()})`, redis === one);
  }
  const [kills, seed] = [Number(values.kills), Number(values.seed)];
  await expectSame("of a journal's", one, { dir: "killed", kills, seed });
  expect("no job was counted twice", (await doneTwice("killed")).length === 0);
  if (hasRedis) {
    await using redis = await startRedis();
    await expectSame("through a Redis", one, { dir: "killed-redis", kills, seed, redis });
  }
} finally {
  await Deno.remove(root, { recursive: true });
}
console.log(failures === 0 ? "all as they must be" : `${failures} failed`);
Deno.exit(failures === 0 ? 0 : 1);
