/**
 * What a sweep does when its store is full, is lost, or is served by a machine that goes:
 *
 *     deno run -A test/nightly/sweep_store.ts
 *
 * Each ends with one line or goes on, and afterwards the sweep comes to the report of an untouched one. As root on Linux, where a
 * small file system can be mounted; what can't be tried is named. Exit code 1 where something fails.
 */
import { findRedis } from "../../scripts/redis.ts";
import { openQueue } from "../../src/sweep/deno/open_queue.ts";
import { denoStore } from "../../src/store/deno.ts";
import { SWEEP } from "../sweep/cells.ts";
import { freePort, startRedis } from "../sweep/redis_server.ts";

const cli = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const root = await Deno.makeTempDir({ prefix: "secateur-sweep-store-" });
const TOKEN = crypto.randomUUID();

interface Process {
  readonly child: Deno.ChildProcess;
  /** Exit code, and what it said to stderr but for progress and warnings. */
  readonly end: Promise<{ readonly code: number; readonly errors: readonly string[] }>;
}

function start(args: readonly string[], token: string = TOKEN): Process {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", cli, ...args, "--quiet"],
    cwd: root,
    env: { SECATEUR_STORE_TOKEN: token, NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const end = child.output().then(({ code, stderr }) => ({
    code,
    errors: new TextDecoder().decode(stderr).split("\n").filter((line) => /^(secateur:|error|\s+at )/.test(line)),
  }));
  return { child, end };
}

const sweep = (dir: string, ...more: string[]) => ["sweep", "sweep.yaml", "--out", dir, ...more];
const report = (dir: string) => Deno.readTextFile(`${root}/${dir}/sweep.json`);

let failures = 0;
function expect(what: string, holds: boolean, found?: unknown): void {
  console.log(`${holds ? "ok    " : "FAILED"} ${what}${holds ? "" : `: ${JSON.stringify(found)}`}`);
  if (!holds) failures++;
}

/** One line, by this exit code. */
function expectLine(what: string, { code, errors }: Awaited<Process["end"]>, line: RegExp): void {
  expect(what, code === 1 && errors.length === 1 && line.test(errors[0]), { code, errors });
  if (errors.length === 1) console.log(`       ${errors[0]}`);
}

async function expectGoesOn(dir: string, whole: string, ...more: string[]): Promise<void> {
  const { code, errors } = await start(["sweep", "--resume", dir, ...more]).end;
  expect("gone on with it comes to the same report", code === 0 && await report(dir) === whole, errors);
}

async function run(program: string, ...args: string[]): Promise<boolean> {
  return (await new Deno.Command(program, { args, stderr: "null" }).output()).success;
}

/** Megabytes of all files. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const path of await denoStore().list(folder)) bytes += (await Deno.stat(path)).size;
  return bytes;
}

/** A folder with room for so many bytes; undefined where nobody may make one. */
async function smallDisk(name: string, bytes: number) {
  const folder = `${root}/${name}`;
  await Deno.mkdir(folder);
  const size = (bytes: number) => `size=${Math.ceil(bytes / 4096) * 4096}`;
  if (!await run("mount", "-t", "tmpfs", "-o", size(bytes), "tmpfs", folder)) return undefined;
  return {
    folder,
    grow: () => run("mount", "-o", `remount,${size(100 * bytes)}`, folder),
    [Symbol.asyncDispose]: async () => void await run("umount", folder),
  };
}

async function fullDisk(whole: string, bytes: number): Promise<void> {
  await using disk = await smallDisk("full", bytes / 2);
  if (!disk) return console.log("left out: a full disk, since nobody may mount a small one here");
  const { end } = start(sweep("a", "--store", disk.folder));
  expectLine(
    "a sweep whose store is full",
    await end,
    /no space left on the device.*; go on with: deno task sweep --resume a$/,
  );
  await disk.grow();
  await expectGoesOn("a", whole);
}

async function lostFolder(whole: string): Promise<void> {
  const { end } = start(sweep("b", "--store", `${root}/lost`));
  let removed = 0;
  while (removed < 2) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if ((await denoStore().list(`${root}/lost/results`)).length < 2) continue;
    await Deno.remove(`${root}/lost`, { recursive: true });
    removed++;
  }
  const { code, errors } = await end;
  expect(
    "a store that is removed twice amid a sweep costs only time",
    code === 0 && await report("b") === whole,
    errors,
  );
}

async function served(whole: string, bytes: number): Promise<void> {
  await using redis = await startRedis();
  const at = `127.0.0.1:${freePort()}`;
  const coordinates = ["--workers", "0", "--queue", redis.url, "--store-at", at];
  await using disk = await smallDisk("served", bytes / 2);
  const store = disk?.folder ?? `${root}/served`;
  let coordinator = start(sweep("c", "--store", store, ...coordinates));
  const queue = await openQueue(redis.url);
  while (!await queue.header()) await new Promise((resolve) => setTimeout(resolve, 100));
  const worker = (token?: string, address = `http://${at}`) =>
    start(["worker", "--queue", redis.url, "--store", address, "--work", "work"], token);

  expectLine(
    "a worker with a wrong token",
    await worker("another-token-than-that").end,
    /the token is missing or wrong/,
  );
  expectLine(
    "a worker whose store isn't there",
    await worker(TOKEN, `http://127.0.0.1:${freePort()}`).end,
    /nothing listens there/,
  );
  if (disk) {
    expectLine(
      "a worker whose served store is full",
      await worker().end,
      /cannot write .*: no space left on the device/,
    );
    await disk.grow();
  } else console.log("left out: a served store on a full disk, since nobody may mount a small one here");
  const last = worker();
  while ((await queue.state()).running.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  coordinator.child.kill("SIGKILL");
  await coordinator.end;
  expectLine("a worker whose served store is lost for good", await last.end, /the store can't be used: .*--store-at$/);
  coordinator = start(["sweep", "--resume", "c", ...coordinates]);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const [{ code }, ended] = await Promise.all([worker().end, coordinator.end]);
  queue.close();
  expect("gone on with it comes to the same report", code + ended.code === 0 && await report("c") === whole, ended);
}

try {
  await Deno.writeTextFile(`${root}/cell.yaml`, SWEEP.recipe);
  await Deno.writeTextFile(
    `${root}/sweep.yaml`,
    SWEEP.file.replace("[l2, taylor, random]", "[l2]").replace("seeds: 5", "seeds: 1"),
  );
  const { code } = await start(sweep("whole", "--store", "store")).end;
  if (code !== 0) throw new Error(`the untouched sweep ended with code ${code}`);
  const [whole, bytes] = [await report("whole"), await sizeOf(`${root}/store`)];
  await fullDisk(whole, bytes);
  await lostFolder(whole);
  if (findRedis() === undefined) {
    console.log("left out: a served store, whose workers need a Redis, of which there is none here");
  } else await served(whole, bytes);
} finally {
  await Deno.remove(root, { recursive: true });
}
console.log(failures === 0 ? "all as they must be" : `${failures} failed`);
Deno.exit(failures === 0 ? 0 : 1);
