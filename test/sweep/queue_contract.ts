/** What holds for every queue, whatever keeps it: registered for each implementation. */
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import type { Job, Lease, Queue, QueueHeader, QueueRules, WorkerInfo } from "../../src/sweep/queue/queue.ts";

/** One queue, as several processes see it. */
export interface OpenedQueue {
  /** A handle as another process has it. */
  open(): Promise<Queue>;
  /** Lets so much time go by. */
  pass(ms: number): Promise<void>;
}

export interface QueueKind {
  /** The queue has these rules and nothing in it, and goes when `run` has ended. */
  within(rules: QueueRules, run: (queue: OpenedQueue) => Promise<void>): Promise<void>;
  readonly rules: QueueRules;
  /** Time after which a lease that isn't renewed is given to another worker in any case. */
  readonly lostMs: number;
}

export const job = (id: string, adapterUse: Job["adapterUse"] = "shared", adapter = "gpu"): Job => ({
  id,
  adapterUse,
  adapter,
  payload: { id, label: `what ${id} does` },
});
export const worker = (name: string, adapter = "gpu", machine = "here"): WorkerInfo => ({ name, machine, adapter });
export const HEADER: QueueHeader = {
  sweep: "mine",
  identity: { tool: "secateur 0.1.0", commit: "0123456789ab", source: "s" },
  adapter: "gpu",
  store: "/store",
  ended: false,
};
const [ada, bob] = [worker("ada"), worker("bob")];
const idOf = (lease: Lease | undefined) => lease?.job.id;

type Test = (name: string, run: () => Promise<void>) => void;

export function queueContract(test: Test, kind: QueueKind): void {
  const { rules } = kind;
  /** Leases end while the test runs: where that is what it tests. */
  const withLosses = (run: (queue: OpenedQueue) => Promise<void>) => () => kind.within(rules, run);
  /** No lease ends by itself, however long a busy machine holds the test up. */
  const within = (run: (queue: OpenedQueue) => Promise<void>, backoffMs = rules.backoffMs) => () =>
    kind.within({ ...rules, leaseMs: Math.max(rules.leaseMs, 60_000), backoffMs }, run);
  /** Long enough for a job to be asked for before its time has come. */
  const patience = 2 * rules.backoffMs;
  /** A handle on a sweep that has begun. */
  const begin = async ({ open }: OpenedQueue) => {
    const queue = await open();
    await queue.open(HEADER);
    return queue;
  };

  test(
    "a sweep's header comes to whoever opens its queue, and says when it has ended",
    within(async (opened) => {
      const other = await opened.open();
      assert.is(await other.header(), undefined);
      const queue = await begin(opened);
      assert.equal(await other.header(), HEADER);
      await queue.end();
      assert.equal(await other.header(), { ...HEADER, ended: true });
      await queue.open(HEADER);
      assert.equal(await (await opened.open()).header(), HEADER, "it goes on");
    }),
  );

  test(
    "a job is given once, by whichever process asks first, and adding it again changes nothing",
    within(async (opened) => {
      const one = await begin(opened);
      const two = await opened.open();
      assert.is(await two.lease(ada), undefined);
      await one.add([job("a"), job("b"), job("a")]);
      await two.add([job("b")]);
      const first = (await two.lease(ada))!;
      assert.equal(first.job, job("a"));
      assert.equal([idOf(await one.lease(bob)), await one.lease(bob)], ["b", undefined]);
      assert.is(await one.complete(first), true);
      assert.is(await two.complete(first), false, "it is over already");
      assert.equal((await two.finished()).jobs, [{ id: "a" }]);
      const { waiting, done, failed, running } = await two.state();
      assert.equal([waiting, done, failed], [0, 1, 0]);
      assert.equal(running.map(({ id, worker, attempt }) => [id, worker, attempt]), [["b", "bob", 1]]);
    }),
  );

  test(
    "a lease that isn't renewed is lost, the worker that had it is told, and its result is taken all the same",
    withLosses(async (opened) => {
      const queue = await begin(opened);
      await queue.add([job("a")]);
      const first = (await queue.lease(ada))!;
      for (let i = 0; i < 6; i++) {
        await opened.pass(rules.leaseMs / 4);
        assert.is(await queue.renew(first, `epoch ${i}`), true);
        assert.is(await queue.lease(bob), undefined, "renewed less than a lease ago");
      }
      assert.is((await queue.state()).running[0].progress, "epoch 5");
      await opened.pass(kind.lostMs);
      await queue.lease(worker("nobody", "another gpu"));
      await opened.pass(rules.backoffMs);
      const second = (await queue.lease(bob))!;
      assert.equal([second.job.id, second.attempt], ["a", 2]);
      assert.is(await queue.renew(first), false);
      await queue.fail(first, { kind: "error", reason: "too late to say" });
      await queue.release(first);
      assert.is(await queue.renew(second), true);
      assert.is(await queue.complete(first), true, "the result is the same whoever hands it in");
      assert.is(await queue.complete(second), false);
      assert.equal((await queue.finished()).jobs, [{ id: "a" }]);
      assert.equal((await queue.state()).running, []);
    }),
  );

  test(
    "errors are tried again a little later, the third is the last, and a job that is asked for once more begins anew",
    within(async (opened) => {
      const queue = await begin(opened);
      await queue.add([job("a")]);
      for (const wait of [patience, 2 * patience]) {
        await queue.fail((await queue.lease(ada))!, { kind: "error", reason: "no luck" });
        assert.is(await queue.lease(ada), undefined);
        await opened.pass(wait + 5);
      }
      const last = (await queue.lease(ada))!;
      assert.is(last.attempt, 3);
      assert.equal((await queue.finished()).jobs, []);
      await queue.fail(last, { kind: "error", reason: "no luck again" });
      const { jobs, cursor } = await queue.finished();
      assert.equal(jobs, [{ id: "a", failed: "no luck again" }]);
      assert.is((await queue.state()).failed, 1);
      await queue.add([job("a"), job("b")]);
      const [again, b] = [(await queue.lease(ada))!, (await queue.lease(ada))!];
      assert.equal([again.job.id, again.attempt], ["a", 1]);
      assert.equal((await queue.finished(cursor)).jobs, []);
      await queue.fail(b, { kind: "final", reason: "no such layer" });
      await queue.complete(again);
      const told = (await queue.finished(cursor)).jobs;
      assert.equal(told, [{ id: "b", failed: "no such layer" }, { id: "a" }]);
      await queue.add([job("a")]);
      assert.is(idOf(await queue.lease(ada)), "a", "its result was lost");
    }, patience),
  );

  test(
    "a job that kills its workers ends, and one that was given back counts no attempt",
    within(async (opened) => {
      const queue = await begin(opened);
      await queue.add([job("a")]);
      for (let i = 0; i < 5; i++) await queue.release((await queue.lease(ada))!);
      for (let crash = 0; crash < rules.crashes; crash++) {
        const lease = (await queue.lease(ada))!;
        assert.equal([lease.job.id, lease.attempt], ["a", crash + 1]);
        assert.equal((await queue.finished()).jobs, []);
        await queue.fail(lease, { kind: "crash", reason: "killed" });
        await opened.pass(rules.backoffMs * 2 ** crash + 5);
      }
      assert.equal((await queue.finished()).jobs, [{ id: "a", failed: "killed" }]);
      assert.is(await queue.lease(ada), undefined);
    }),
  );

  test(
    "a job whose workers fall silent ends as well",
    () =>
      kind.within({ ...rules, crashes: 2 }, async (opened) => {
        const queue = await begin(opened);
        await queue.add([job("a")]);
        for (let crash = 0; crash < 2; crash++) {
          assert.is((await queue.lease(ada))!.attempt, crash + 1);
          await opened.pass(kind.lostMs);
          // Whoever asks next finds it lost.
          if (crash === 0) await queue.lease(worker("nobody", "another gpu"));
          await opened.pass(2 * rules.backoffMs);
        }
        assert.is(await queue.lease(bob), undefined);
        const [{ id, failed }] = (await queue.finished()).jobs;
        assert.is(id, "a");
        assert.match(failed!, /nothing was heard of/);
      }),
  );

  test(
    "jobs that nobody has begun can be taken back, others not",
    within(async (opened) => {
      const queue = await begin(opened);
      await queue.add([job("a"), job("b"), job("time", "alone")]);
      const a = (await queue.lease(ada))!;
      await queue.cancel(["a", "b", "time", "never heard of"]);
      assert.is(await queue.lease(bob), undefined);
      assert.is(await queue.complete(a), true);
      assert.equal((await queue.finished()).jobs, [{ id: "a" }]);
      await queue.add([job("b")]);
      assert.is(idOf(await queue.lease(bob)), "b");
    }),
  );

  test(
    "a job that times has its adapter alone, behind those that may share it; other adapters don't count",
    within(async (opened) => {
      const queue = await begin(opened);
      await queue.add([job("time", "alone"), job("a"), job("b")]);
      const [a, b] = [(await queue.lease(ada))!, (await queue.lease(bob))!];
      assert.equal([idOf(a), idOf(b), await queue.lease(worker("cyd"))], ["a", "b", undefined]);
      const there = worker("dan", "gpu", "there");
      assert.is(idOf(await queue.lease(there)), "time", "the same adapter of another machine is another one");
      await queue.add([job("time 2", "alone"), job("c")]);
      await queue.complete(a);
      const c = (await queue.lease(ada))!;
      await queue.complete(b);
      assert.is(await queue.lease(bob), undefined, "c is still running");
      await queue.complete(c);
      const time = (await queue.lease(bob))!;
      await queue.add([job("d")]);
      assert.is(await queue.lease(ada), undefined, "nothing begins beside it");
      assert.is(await queue.lease(worker("eve", "another gpu")), undefined, "jobs are for one adapter");
      await queue.complete(time);
      assert.equal([idOf(c), idOf(time), idOf(await queue.lease(ada))], ["c", "time 2", "d"]);
    }),
  );

  test(
    "whatever three processes do in whatever order, each job is done once and none is forgotten",
    withLosses(async (opened) => {
      const queues = [await begin(opened), await opened.open(), await opened.open()];
      const rng = random(7, "queue");
      const jobs = Array.from({ length: 40 }, (_, i) => job(`job ${i}`, i % 5 === 0 ? "alone" : "shared"));
      let completed = 0;
      let killed = 0;
      const held: (Lease | undefined)[] = [undefined, undefined, undefined];
      for (let step = 0; completed < jobs.length; step++) {
        assert.ok(step < 5000, `${completed} of ${jobs.length} are done`);
        const who = rng.below(3, step, 0);
        const queue = queues[who];
        const lot = rng.uniform(step, 1);
        if (step < 10) await queue.add(jobs.slice(4 * step, 4 * step + 6));
        const lease = held[who];
        if (!lease) {
          held[who] = await queue.lease(worker(`w${who}`));
          // Nothing to do, or somebody has fallen silent.
          if (!held[who] && killed > 0) await opened.pass(rules.leaseMs / 5);
        } else if (lot < 0.5) {
          if (await queue.complete(lease)) completed++;
          held[who] = undefined;
        } else if (lot < 0.6) {
          await queue.release(lease);
          held[who] = undefined;
        } else if (lot < 0.65) {
          held[who] = undefined; // It was killed, and nobody is told.
          killed++;
        } else await queue.renew(lease);
      }
      assert.ok(killed > 0);
      const told = (await queues[1].finished()).jobs;
      assert.equal(told.map(({ id }) => id).sort(), jobs.map(({ id }) => id).sort());
      assert.ok(told.every(({ failed }) => failed === undefined));
    }),
  );
}
