/** A queue that lasts as long as its process: for work that nobody goes on with later. */
import { journalQueue } from "./journal_queue.ts";
import { JournalState } from "./journal_state.ts";
import { type Queue, type QueueRules, RULES } from "./queue.ts";

export function memoryQueue({ rules = RULES, now = Date.now }: {
  readonly rules?: QueueRules;
  readonly now?: () => number;
} = {}): Queue {
  const state = new JournalState(rules);
  return journalQueue({
    state,
    transact(decide) {
      const { records = [], answer } = decide();
      for (const record of records) state.apply(record);
      return Promise.resolve(answer);
    },
    close() {},
  }, now);
}
