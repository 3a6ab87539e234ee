/**
 * What a sweep's code holds when the sweep is large: trials by many workers in four processes on one Redis, with jobs that only take time:
 *
 *     deno run -A test/nightly/sweep_load.ts --trials 10000 --workers 100 --ms 100
 *
 * Exit code 1 where a trial isn't done once, the coordinator takes more than 500 MB, or Redis gives less than 300 jobs a second though
 * workers would do more.
 */
import { parseArgs } from "node:util";
import type { FakeEnd, FakeSettings } from "../sweep/fake_process.ts";
import { startRedis } from "../sweep/redis_server.ts";

const { values } = parseArgs({
  options: {
    trials: { type: "string", default: "10000" },
    workers: { type: "string", default: "100" },
    ms: { type: "string", default: "100" },
  },
});
const [trials, workers, jobMs] = [values.trials, values.workers, values.ms].map(Number);
const PROCESSES = 4;
const script = new URL("../sweep/fake_process.ts", import.meta.url).pathname;
const dir = await Deno.makeTempDir({ prefix: "secateur-load-" });
const server = await startRedis();
const settings = {
  queue: server.url,
  dir,
  trials,
  jobMs,
  inside: true,
  rules: { leaseMs: 60_000, attempts: 3, crashes: 8, backoffMs: 2000 },
};

function start(own: Pick<FakeSettings, "role" | "workers">): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", script, JSON.stringify({ ...settings, ...own } satisfies FakeSettings)],
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

/** Of the Redis, in bytes, the most that it has had. */
function redisBytes(): number {
  const status = Deno.readTextFileSync(`/proc/${server.pid()}/status`);
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0);
}

async function folderBytes(path: string): Promise<{ files: number; bytes: number }> {
  let [files, bytes] = [0, 0];
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    const inner = isDirectory
      ? await folderBytes(`${path}/${name}`)
      : { files: 1, bytes: (await Deno.stat(`${path}/${name}`)).size };
    files += inner.files;
    bytes += inner.bytes;
  }
  return { files, bytes };
}

let failures = 0;
function expect(what: string, holds: boolean): void {
  console.log(`${holds ? "ok    " : "FAILED"} ${what}`);
  if (!holds) failures++;
}

try {
  const shares = Array.from({ length: PROCESSES - 1 }, (_, i) => Math.floor((workers + i) / (PROCESSES - 1)));
  const processes = [
    start({ role: "coordinator" }),
    ...shares.map((count) => start({ role: "worker", workers: count })),
  ];
  const codes = await Promise.all(processes.map(async ({ status }) => (await status).code));
  expect(
    `coordinator and ${PROCESSES - 1} processes of ${workers} workers end well`,
    codes.every((code) => code === 0),
  );
  const end: FakeEnd = JSON.parse(await Deno.readTextFile(`${dir}/end.json`));
  const rate = end.jobs / end.seconds;
  const done = end.trials.filter(({ state }) => state === "done").length;
  const mega = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  expect(`${done} of ${trials} trials are done, by ${end.jobs} jobs in ${end.seconds.toFixed(0)} s`, done === trials);
  const most = workers / (jobMs / 2 / 1000);
  const asked = Math.min(300, 0.7 * most);
  expect(`${rate.toFixed(0)} jobs a second; without a queue ${most.toFixed(0)}`, rate >= asked);
  expect(`the coordinator took ${mega(end.peakBytes)}`, end.peakBytes <= 500e6);
  const { files, bytes } = await folderBytes(`${dir}/store`);
  console.log(`Redis took ${mega(redisBytes())}; the store has ${files} files of ${mega(bytes)}`);
} finally {
  // Deno.exit below would leave it running.
  await server[Symbol.asyncDispose]();
  await Deno.remove(dir, { recursive: true });
}
console.log(failures === 0 ? "all as they must be" : `${failures} failed`);
Deno.exit(failures === 0 ? 0 : 1);
