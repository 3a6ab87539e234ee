import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { denoStore } from "../../src/store/deno.ts";
import { keepQueuePlace, openQueue } from "../../src/sweep/deno/open_queue.ts";
import type { Lease, Queue } from "../../src/sweep/queue/queue.ts";
import { HEADER, job, queueContract, worker } from "./queue_contract.ts";
import { type RedisServer, startRedis } from "./redis_server.ts";

const test = suite("sweep/redis queue");
/** Longer than a busy machine holds a test up between two commands, short enough to be waited for. */
const rules = { leaseMs: 400, attempts: 3, crashes: 5, backoffMs: 150 };
const passed = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** They share a server, and have a database each. */
let server: RedisServer;
let database = 0;
test.before(async () => {
  server = await startRedis();
});
test.after(async () => {
  await server[Symbol.asyncDispose]();
});

queueContract(test, {
  rules,
  // BullMQ looks for lost leases at intervals, and takes them back at the second look.
  lostMs: 2 * rules.leaseMs,
  async within(rules, run) {
    const opened: Queue[] = [];
    const address = `${server.url}/${database++}`;
    try {
      await run({
        async open() {
          const queue = await openQueue(address, { rules });
          opened.push(queue);
          return queue;
        },
        pass: passed,
      });
    } finally {
      for (const queue of opened) queue.close();
    }
  },
});

/** The message of what must be refused, with nothing of a password in it. */
async function refusal(address: string, patienceMs?: number): Promise<string> {
  try {
    const queue = await openQueue(address, { rules, patienceMs });
    queue.close();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    assert.not.match(error.message, /secret|\n/);
    return error.message;
  }
  throw new Error(`${address} was not refused`);
}

test("an address without a Redis, of another kind or with another password is refused in one line without the password", async () => {
  await using locked = await startRedis(["--requirepass", "right", "--maxmemory-policy", "allkeys-lru"]);
  const where = locked.url.replace("redis://", "");
  assert.match(await refusal("redis://:secret@127.0.0.1:1"), /^redis:\/\/127\.0\.0\.1:1: no Redis answers there: /);
  assert.match(await refusal(`redis://me:secret@${where}`), /: Redis refuses this name or password: /);
  assert.match(await refusal(locked.url), /: Redis asks for a password: /);
  assert.match(await refusal(`redis://:right@${where}`), /maxmemory-policy allkeys-lru\): set it to noeviction/);
  assert.match(await refusal(`${server.url}/99`), /DB index is out of range/);
  assert.match(await refusal(`${server.url}/secret`), /expected a number, such as redis:\/\/host:6379\/1$/);
  assert.match(
    await refusal("redis://:secret@"),
    /^--queue: this is no address of a Redis; expected redis:\/\/host:6379/,
  );
  assert.match(
    await refusal("amqp://me:secret@there"),
    /^--queue: no queue of the kind amqp; give redis:\/\/host:6379/,
  );
});

test("a server that is no Redis, and a database whose keys are somebody else's, are refused in one line", async () => {
  const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answering = (async () => {
    for await (const connection of other) {
      await connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")).catch(() => {});
      connection.close();
    }
  })();
  assert.match(
    await refusal(`redis://:secret@127.0.0.1:${(other.addr as Deno.NetAddr).port}`),
    /^redis:\/\/127\.0\.0\.1:\d+: what answers there is no Redis: correct --queue$/,
  );
  other.close();
  await answering;
  const own = database++;
  const address = `${server.url}/${own}`;
  for (const text of ["somebody's", "null", "{}"]) {
    using client = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(server.url).port) });
    await client.write(new TextEncoder().encode(`SELECT ${own}\r\nSET secateur:sweep "${text}"\r\n`));
    await client.read(new Uint8Array(64));
    const queue = await openQueue(address, { rules });
    await queue.header().then(() => assert.unreachable(text), ({ message }) => {
      assert.match(message, /: its key secateur:sweep is not what a sweep wrote: delete it, or use another database/);
    });
    queue.close();
  }
});

test("a Redis holds one sweep: another waits, and takes the place of one that has ended or that nobody coordinates", async () => {
  const address = `${server.url}/${database++}`;
  const [one, two, mine, late] = await Promise.all([1, 2, 3, 4].map(() => openQueue(address, { rules })));
  try {
    await one.open(HEADER);
    await one.add([job("a")]);
    await mine.header();
    await two.open({ ...HEADER, sweep: "yours" }).then(() => assert.unreachable(), ({ message }) => {
      assert.match(message, /: the sweep mine is running there: wait for its end, or use another database/);
    });
    await two.open(HEADER);
    assert.is((await two.state()).waiting, 1, "the same sweep, resumed");
    await one.end();
    await two.open({ ...HEADER, sweep: "yours" });
    assert.is(await mine.lease(worker("ada")), undefined, "a worker of one sweep gets no jobs of another");
    assert.equal(await mine.header(), { ...HEADER, ended: true });
    assert.equal(await late.header(), { ...HEADER, sweep: "yours" });
  } finally {
    for (const queue of [one, two, mine, late]) queue.close();
  }
});

test("a Redis that is killed comes back with its file, and without it gets its jobs again from the coordinator", async () => {
  for (const kept of ["yes", "no"]) {
    await using killed = await startRedis(["--appendonly", kept]);
    const [queue, other] = [await openQueue(killed.url, { rules }), await openQueue(killed.url, { rules })];
    try {
      await queue.open(HEADER);
      await queue.add([job("a"), job("b")]);
      await other.complete((await other.lease(worker("ada")))!);
      await queue.finished();
      await killed.kill();
      const waiting = other.header();
      await killed.start();
      assert.equal((await waiting)?.ended ?? false, false);
      let lease: Lease | undefined;
      for (let i = 0; i < 100 && !lease; i++) {
        lease = await other.lease(worker("ada"));
        if (!lease) await passed(20);
      }
      assert.is(lease?.job.id, "b", `its file is kept: ${kept}`);
      assert.is(await other.complete(lease!), true);
      let { jobs } = await queue.finished();
      for (let i = 0; i < 100 && jobs.length < 2; i++) {
        await passed(20);
        ({ jobs } = await queue.finished());
      }
      assert.equal(jobs, [{ id: "a" }, { id: "b" }]);
    } finally {
      queue.close();
      other.close();
    }
  }
});

test("what was done before a Redis was killed is told of once, though its events are there as well", async () => {
  await using killed = await startRedis(["--appendonly", "yes"]);
  const [queue, other] = [await openQueue(killed.url, { rules }), await openQueue(killed.url, { rules })];
  try {
    await queue.open(HEADER);
    await queue.finished();
    await queue.add([job("a"), job("b")]);
    await queue.finished();
    for (let i = 0; i < 2; i++) await other.complete((await other.lease(worker("ada")))!);
    await killed.kill();
    await killed.start();
    await queue.header();
    // The coordinator asks for what it has added as soon as it is connected again.
    await passed(300);
    const { jobs, cursor } = await queue.finished();
    assert.equal(jobs, [{ id: "a" }, { id: "b" }]);
    await queue.add([job("a")]);
    await other.complete((await other.lease(worker("ada")))!);
    assert.equal((await queue.finished(cursor)).jobs, [{ id: "a" }], "one that is done anew is told of anew");
  } finally {
    queue.close();
    other.close();
  }
});

test("a sweep's folder leads to its Redis, without telling the password, until the sweep goes on with a journal", async () => {
  const dir = await Deno.makeTempDir({ prefix: "secateur-place-" });
  try {
    const address = `${server.url}/${database++}`;
    const queue = await openQueue(address, { rules });
    await queue.open(HEADER);
    await keepQueuePlace(denoStore(), dir, address.replace("://", "://me:secret@"));
    assert.not.match(await Deno.readTextFile(`${dir}/queue.json`), /secret/);
    const found = await openQueue(dir);
    assert.equal(await found.header(), { ...HEADER, ended: false });
    for (const opened of [queue, found]) opened.close();
    await keepQueuePlace(denoStore(), dir, undefined);
    assert.match(await refusal(dir), /holds no queue of a sweep: queue\.jsonl is missing/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

test("a Redis that stays away ends in one line", async () => {
  await using gone = await startRedis();
  const queue = await openQueue(gone.url, { rules, patienceMs: 100 });
  try {
    await queue.open(HEADER);
    await gone.kill();
    await queue.lease(worker("ada")).then(() => assert.unreachable(), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /^redis:\/\/127\.0\.0\.1:\d+: no Redis answers there: start redis-server/);
    });
  } finally {
    queue.close();
  }
});

test.run();
