import { suite } from "uvu";
import { openJournal } from "../../src/sweep/deno/journal.ts";
import type { Queue } from "../../src/sweep/queue/queue.ts";
import { queueContract } from "./queue_contract.ts";

const test = suite("sweep/queue");
const rules = { leaseMs: 60_000, attempts: 3, crashes: 8, backoffMs: 2_000 };

/** A journal, with a clock that moves only when it is told to. */
queueContract(test, {
  rules,
  lostMs: rules.leaseMs,
  async within(rules, run) {
    const dir = await Deno.makeTempDir();
    const opened: Queue[] = [];
    let now = 1_000_000;
    try {
      await run({
        async open() {
          const queue = await openJournal(dir, { rules, now: () => now });
          opened.push(queue);
          return queue;
        },
        pass(ms) {
          now += ms;
          return Promise.resolve();
        },
      });
    } finally {
      for (const queue of opened) queue.close();
      await Deno.remove(dir, { recursive: true });
    }
  },
});

test.run();
