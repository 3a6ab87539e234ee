import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { random } from "../../kernels/random/philox.ts";
import { JOURNAL, openJournal } from "../../src/sweep/deno/journal.ts";
import type { Job, Lease, Queue, QueueRules, WorkerInfo } from "../../src/sweep/queue/queue.ts";

const test = suite("sweep/journal");

const RULES: QueueRules = { leaseMs: 60_000, attempts: 3, crashes: 8, backoffMs: 2_000 };
const job = (id: string, adapterUse: Job["adapterUse"] = "shared", adapter = "gpu"): Job => ({
  id,
  adapterUse,
  adapter,
  payload: { id },
});
const worker = (name: string, adapter = "gpu", machine = "here"): WorkerInfo => ({ name, machine, adapter });
const [ada, bob] = [worker("ada"), worker("bob")];

/** A queue, and further handles on its file as other processes have them, with a clock that only moves when it is told to. */
async function within(
  run: (open: () => Promise<Queue>, clock: { ms: number }, dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  const clock = { ms: 1_000_000 };
  const opened: Queue[] = [];
  try {
    await run(
      async () => {
        const queue = await openJournal(dir, { rules: RULES, now: () => clock.ms });
        opened.push(queue);
        return queue;
      },
      clock,
      dir,
    );
  } finally {
    for (const queue of opened) queue.close();
    await Deno.remove(dir, { recursive: true });
  }
}

const idOf = (lease: Lease | undefined) => lease?.job.id;

test("a job is given once, by whichever process asks first, and adding it again changes nothing", () =>
  within(async (open) => {
    const [one, two] = [await open(), await open()];
    await one.add([job("a"), job("b"), job("a")]);
    await two.add([job("b")]);
    const first = await two.lease(ada);
    assert.equal([idOf(first), idOf(await one.lease(bob)), await one.lease(bob)], ["a", "b", undefined]);
    assert.is(await one.complete(first!), true);
    assert.is(await two.complete(first!), false, "it is over already");
    const { jobs, cursor } = await two.finished();
    assert.equal(jobs, [{ id: "a" }]);
    await one.add([job("a")], cursor - 1);
    assert.is(await one.lease(bob), undefined, "it was over only after its result was looked for");
    const { waiting, done, running } = await two.state();
    assert.equal([waiting, done, running.map(({ id, worker }) => [id, worker])], [0, 1, [["b", "bob"]]]);
    await two.add([job("a")], cursor);
    assert.is(idOf(await one.lease(ada)), "a", "its result was lost");
  }));

test("a lease that isn't renewed is lost, and the worker that had it is told", () =>
  within(async (open, clock) => {
    const queue = await open();
    await queue.add([job("a")]);
    const first = (await queue.lease(ada))!;
    clock.ms += 50_000;
    assert.is(await queue.renew(first, "epoch 3"), true);
    assert.is((await queue.state()).running[0].progress, "epoch 3");
    clock.ms += 59_999;
    assert.is(await queue.lease(bob), undefined, "renewed less than a lease ago");
    clock.ms += 1;
    assert.is(await queue.lease(bob), undefined, "lost, and not tried again at once");
    clock.ms += RULES.backoffMs;
    const second = (await queue.lease(bob))!;
    assert.equal([second.job.id, second.attempt], ["a", 2]);
    assert.is(await queue.renew(first), false);
    await queue.fail(first, { kind: "error", reason: "too late to say" });
    assert.is(await queue.renew(second), true);
    // The result is the same whoever hands it in.
    assert.is(await queue.complete(first), true);
    assert.is(await queue.complete(second), false);
  }));

test("errors are tried again after 2 and 4 seconds, and the third is the last", () =>
  within(async (open, clock) => {
    const queue = await open();
    await queue.add([job("a")]);
    for (const wait of [2000, 4000]) {
      await queue.fail((await queue.lease(ada))!, { kind: "error", reason: "no luck" });
      clock.ms += wait - 1;
      assert.is(await queue.lease(ada), undefined);
      clock.ms += 1;
    }
    await queue.fail((await queue.lease(ada))!, { kind: "error", reason: "no luck again" });
    clock.ms += 1e9;
    assert.is(await queue.lease(ada), undefined);
    const { jobs, cursor } = await queue.finished();
    assert.equal(jobs, [{ id: "a", failed: "no luck again" }]);
    // Asked for once more, it gets all of its attempts.
    await queue.add([job("a")]);
    assert.is((await queue.lease(ada))!.attempt, 1);
    assert.equal((await queue.finished(cursor)).jobs, []);
  }));

test("a job that kills its workers ends, one that was given back counts no attempt, and a final failure is one", () =>
  within(async (open, clock) => {
    const queue = await open();
    await queue.add([job("a"), job("b")]);
    for (let i = 0; i < 20; i++) await queue.release((await queue.lease(ada))!);
    for (let crash = 0; crash < RULES.crashes; crash++) {
      const lease = (await queue.lease(ada))!;
      assert.equal([lease.job.id, lease.attempt], ["a", crash + 1]);
      const other = (await queue.lease(bob))!;
      await queue.fail(lease, { kind: "crash", reason: "killed" });
      await queue.release(other);
      clock.ms += 1e6;
      // The one that waits longest is first.
      await queue.cancel(["b"]);
      await queue.add(crash + 1 < RULES.crashes ? [job("b")] : []);
    }
    assert.equal((await queue.finished()).jobs, [{ id: "a", failed: "killed" }]);
    await queue.add([job("c")]);
    await queue.fail((await queue.lease(ada))!, { kind: "final", reason: "no such layer" });
    assert.equal((await queue.finished(1)).jobs, [{ id: "c", failed: "no such layer" }]);
  }));

test("a job that times has its adapter alone, behind those that may share it; other adapters don't count", () =>
  within(async (open) => {
    const queue = await open();
    await queue.add([job("time", "alone"), job("a"), job("b")]);
    const a = (await queue.lease(ada))!;
    const b = (await queue.lease(bob))!;
    assert.equal([idOf(a), idOf(b), await queue.lease(worker("cyd"))], ["a", "b", undefined]);
    assert.is(
      idOf(await queue.lease(worker("dan", "gpu", "there"))),
      "time",
      "the same adapter of another machine is another one",
    );
    await queue.add([job("time 2", "alone"), job("c")]);
    await queue.complete(a);
    assert.is(idOf(await queue.lease(ada)), "c");
    await queue.complete(b);
    assert.is(await queue.lease(bob), undefined, "c is still running");
    const state = await queue.state();
    await queue.complete({ job: job("c"), token: "", attempt: 1 });
    assert.is(state.waiting, 1);
    assert.is(idOf(await queue.lease(bob)), "time 2");
    await queue.add([job("d")]);
    assert.is(await queue.lease(ada), undefined, "nothing begins beside it");
    assert.is(await queue.lease(worker("eve", "another gpu")), undefined, "jobs are for one adapter");
  }));

test("a line that was cut off is as if it had never been, also for the process that wrote it", () =>
  within(async (open, _clock, dir) => {
    const [one, two] = [await open(), await open()];
    await one.add([job("a")]);
    await Deno.writeTextFile(`${dir}/${JOURNAL}`, '{"is":"done","id":"a', { append: true });
    assert.equal((await two.finished()).jobs, []);
    await two.add([job("b")]);
    assert.is((await (await open()).state()).waiting, 2);
    await Deno.remove(`${dir}/${JOURNAL}`);
    await one.add([job("c")]).then(() => assert.unreachable(), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /queue\.jsonl/);
    });
  }));

test("whatever three processes do in whatever order, each job is done once and none is forgotten", () =>
  within(async (open, clock) => {
    const queues = [await open(), await open(), await open()];
    const rng = random(7, "journal");
    const jobs = Array.from({ length: 40 }, (_, i) => job(`${i}`, i % 5 === 0 ? "alone" : "shared"));
    let completed = 0;
    const held: (Lease | undefined)[] = [undefined, undefined, undefined];
    for (let step = 0; completed < jobs.length; step++) {
      assert.ok(step < 5000, `${completed} of ${jobs.length} are done`);
      const who = rng.below(3, step, 0);
      const queue = queues[who];
      const lot = rng.uniform(step, 1);
      clock.ms += 1 + rng.below(9000, step, 2);
      if (step < 10) await queue.add(jobs.slice(4 * step, 4 * step + 6));
      const lease = held[who];
      if (!lease) held[who] = await queue.lease(worker(`w${who}`));
      else if (lot < 0.5) {
        if (await queue.complete(lease)) completed++;
        held[who] = undefined;
      } else if (lot < 0.6) {
        await queue.release(lease);
        held[who] = undefined;
      } else if (lot < 0.7) held[who] = undefined; // It was killed, and nobody is told.
      else await queue.renew(lease);
    }
    const told = (await queues[1].finished()).jobs;
    assert.is(new Set(told.map(({ id }) => id)).size, jobs.length);
    assert.is(told.length, jobs.length);
    assert.ok(told.every(({ failed }) => failed === undefined));
  }));

test.run();
