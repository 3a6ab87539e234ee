/** One process for a run's folder. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { denoStore } from "../../src/store/deno.ts";
import { lockFolder } from "../../src/store/deno_lock.ts";
import { complaint } from "../data/fixtures.ts";

const test = suite("store: locks");
const root = await Deno.makeTempDir({ prefix: "secateur-lock-" });
const module = new URL("../../src/store/deno_lock.ts", import.meta.url).href;

/** A process that takes the folder's lock, says so (or why not), and waits. */
function taker(folder: string) {
  const code = `import { lockFolder } from "${module}";
    const said = await lockFolder(${JSON.stringify(folder)}).then(() => "taken", (error) => error.message);
    console.log(said);
    if (said === "taken") setInterval(() => {}, 1000);`;
  const child = new Deno.Command(Deno.execPath(), { args: ["eval", code], stdout: "piped", stderr: "null" }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  return { child, said: lines.read().then(({ value }) => value!.trim()), end: () => lines.cancel() };
}

test("the second is refused with the first one's number; when that is killed, the folder is free", async () => {
  const folder = `${root}/run`;
  const first = taker(folder);
  assert.is(await first.said, "taken");
  const said = await complaint(() => lockFolder(folder));
  assert.match(
    said,
    new RegExp(`run: process ${first.child.pid} \\(since 20[^)]+\\) is at work in this folder: wait for it`),
  );
  const second = taker(folder);
  assert.is(await second.said, said);
  await Promise.all([second.child.status, second.end()]);
  assert.equal(await denoStore().list(folder), [], "the lock is no file of the run's");
  first.child.kill("SIGKILL");
  await Promise.all([first.child.status, first.end()]);
  const lock = await lockFolder(folder);
  assert.instance(await lockFolder(folder).catch((error) => error), UserError, "also within one process");
  await lock[Symbol.asyncDispose]();
  await lock[Symbol.asyncDispose]();
  assert.equal([...Deno.readDirSync(folder)], []);
});

test("a file that a dead process left is taken over, though another process has its number by now", async () => {
  const folder = `${root}/left`;
  await Deno.mkdir(folder);
  for (const text of [JSON.stringify({ pid: Deno.pid, started: "2026-01-01T00:00:00.000Z" }), "", "{"]) {
    await Deno.writeTextFile(`${folder}/.lock`, text);
    await using _lock = await lockFolder(folder);
    assert.is(JSON.parse(await Deno.readTextFile(`${folder}/.lock`)).pid, Deno.pid);
  }
});

test("twenty that come at once: one gets it, and the others are told its number", async () => {
  const folder = `${root}/crowd`;
  for (let round = 0; round < 5; round++) {
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)));
    for (const one of tries) {
      if (one.status === "rejected") assert.match(one.reason.message, /process \d+ \(since /);
    }
    const got = tries.filter((one) => one.status === "fulfilled");
    assert.is(got.length, 1);
    await got[0].value[Symbol.asyncDispose]();
  }
});

test.after(() => Deno.remove(root, { recursive: true }));
test.run();
