import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { drawn } from "../long.ts";
import type { FakeEnd, FakeSettings } from "./fake_process.ts";
import { startRedis } from "./redis_server.ts";

const test = suite("sweep/redis kills");
const script = new URL("./fake_process.ts", import.meta.url).pathname;
const rules = { leaseMs: 600, attempts: 3, crashes: 20, backoffMs: 20 };

interface Process {
  readonly role: FakeSettings["role"];
  readonly child: Deno.ChildProcess;
  code?: number;
}

function start(settings: FakeSettings): Process {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", script, JSON.stringify(settings)],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const process: Process = { role: settings.role, child };
  child.status.then(({ code }) => process.code = code);
  return process;
}

const VICTIMS = ["child", "redis", "worker", "coordinator"] as const;

/** Processes that a process has started, from /proc. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`).catch(() => "");
  return text.split(" ").filter((word) => word !== "").map(Number);
}

/** Trials of a sweep by two workers, with so many kills of workers, their children, the coordinator and Redis; by one where there are none. */
async function sweep(kills: number): Promise<{ trials: FakeEnd["trials"]; jobs: number; killed: Set<string> }> {
  const dir = await Deno.makeTempDir({ prefix: "secateur-redis-kills-" });
  await using server = await startRedis();
  const own = {
    queue: server.url,
    dir,
    trials: drawn({ suite: 12, nightly: 60 }),
    rules,
    jobMs: 60,
    inside: kills === 0,
  };
  const begin = (role: FakeSettings["role"]) => start({ ...own, role });
  const processes = [begin("coordinator"), begin("worker"), ...kills > 0 ? [begin("worker")] : []];
  const ended = () => Deno.stat(`${dir}/end.json`).then(() => true, () => false);
  const killed = new Set<string>();
  const end = (what: string, pid: number) => {
    try {
      Deno.kill(pid, "SIGKILL");
      killed.add(what);
    } catch { /* it has ended a moment ago */ }
  };
  const rng = random(3, "redis kills");
  try {
    while (kills > 0 && (await childrenOf(processes[1].child.pid)).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (let i = 0; i < kills || !await ended(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 150 + 250 * rng.uniform(i, 0)));
      if (i < kills) {
        const victim = processes[1 + rng.below(2, i, 1)].child.pid;
        const what = VICTIMS[i % VICTIMS.length];
        if (what === "child") { for (const pid of await childrenOf(victim)) end(what, pid); }
        if (what === "worker") end(what, victim);
        if (what === "coordinator") end(what, processes[0].child.pid);
        if (what === "redis") {
          killed.add(what);
          await server.kill();
          await server.start();
        }
      }
      assert.ok(i < kills + 200, "the sweep has not ended");
      for (const [i, { role, code }] of processes.entries()) {
        if (code !== undefined && !await ended()) processes[i] = begin(role);
      }
    }
    const { trials, jobs }: FakeEnd = JSON.parse(await Deno.readTextFile(`${dir}/end.json`));
    return { trials, jobs, killed };
  } finally {
    for (const { child, code } of processes) if (code === undefined) child.kill("SIGKILL");
    await Promise.all(processes.map(({ child }) => child.status));
    await Deno.remove(dir, { recursive: true });
  }
}

test("kills of workers, children, the coordinator and Redis change nothing in what comes of a sweep", async () => {
  const kills = drawn({ suite: 5, nightly: 40 });
  const [untouched, under] = await Promise.all([sweep(0), sweep(kills)]);
  assert.equal([...under.killed].sort(), ["child", "coordinator", "redis", "worker"]);
  assert.ok(untouched.trials.every(({ state }) => state === "done"));
  assert.equal(under.trials, untouched.trials);
  assert.is(under.jobs, untouched.jobs);
});

test.run();
