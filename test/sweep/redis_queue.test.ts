import { suite } from "uvu";
import { openQueue } from "../../src/sweep/deno/open_queue.ts";
import type { Queue } from "../../src/sweep/queue/queue.ts";
import { queueContract } from "./queue_contract.ts";
import { type RedisServer, startRedis } from "./redis_server.ts";

const test = suite("sweep/redis queue");
const rules = { leaseMs: 150, attempts: 3, crashes: 5, backoffMs: 20 };
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

test.run();
