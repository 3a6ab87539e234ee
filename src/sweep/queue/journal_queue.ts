/** A queue over journal records, wherever they are kept. */
import type { JournalRecord, JournalState } from "./journal_state.ts";
import type { Failure, Job, Lease, Queue, WorkerInfo } from "./queue.ts";

/** What a transaction decides: records to append, default none. */
export interface Decided<T> {
  readonly records?: readonly JournalRecord[];
  readonly answer: T;
}

/** Where the records are. */
export interface Journal {
  /** What they come to. */
  readonly state: JournalState;
  /** After all records of others, and before any later ones: decides what to append, appends it, and gives the answer. */
  transact<T>(decide: () => Decided<T>): Promise<T>;
  close(): void;
}

/** @param now gives milliseconds since 1970 */
export function journalQueue(journal: Journal, now: () => number): Queue {
  const { state } = journal;
  const transact = <T>(decide: () => Decided<T>) => journal.transact(decide);
  const settle = (records: readonly JournalRecord[]) => transact(() => ({ records, answer: undefined }));

  return {
    add: (jobs: readonly Job[], cursor = Infinity) =>
      transact(() => {
        const records = jobs.filter(({ id }) => state.mayAdd(id, cursor)).map((job) => ({ is: "add", job }) as const);
        return { records, answer: undefined };
      }),
    cancel: (ids) => settle(ids.map((id) => ({ is: "cancel", id }))),
    async lease(worker: WorkerInfo) {
      await transact(() => ({ records: state.lost(now()), answer: undefined }));
      return await transact(() => {
        const at = now();
        const job = state.next(worker, at);
        if (!job) return { answer: undefined };
        const token = crypto.randomUUID();
        const lease: Lease = { job, token, attempt: state.leasesOf(job.id) + 1 };
        return { records: [{ is: "lease", id: job.id, token, worker, at }], answer: lease };
      });
    },
    renew: ({ token }, progress) =>
      transact(() =>
        state.holds(token)
          ? { records: [{ is: "renew", token, at: now(), ...progress !== undefined && { progress } }], answer: true }
          : { answer: false }
      ),
    complete: ({ job: { id } }) =>
      transact(() => state.isDone(id) ? { answer: false } : { records: [{ is: "done", id }], answer: true }),
    fail: ({ job: { id }, token }: Lease, failure: Failure) =>
      transact(() => ({
        records: state.holds(token) ? [{ is: "fail", id, at: now(), failure }] : [],
        answer: undefined,
      })),
    release: ({ job: { id }, token }) =>
      transact(() => ({ records: state.holds(token) ? [{ is: "release", id }] : [], answer: undefined })),
    finished: (cursor = 0) => transact(() => ({ answer: state.finished(cursor) })),
    state: () => transact(() => ({ answer: state.state() })),
    header: () => transact(() => ({ answer: state.header })),
    open: (header) => settle([{ is: "open", header }]),
    end: () => settle([{ is: "end" }]),
    close: () => journal.close(),
  };
}
