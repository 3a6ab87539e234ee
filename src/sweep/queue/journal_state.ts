/**
 * The state of a queue that is kept as a journal: what its records, read in order, come to. Pure: processes that have read the
 * same records know the same.
 */
import type { Failure, Finished, Job, QueueHeader, QueueRules, QueueState, RunningJob, WorkerInfo } from "./queue.ts";

/** A line of the journal. `at` is in milliseconds since 1970. */
export type JournalRecord =
  | { readonly is: "open"; readonly header: QueueHeader }
  | { readonly is: "add"; readonly job: Job }
  | { readonly is: "cancel"; readonly id: string }
  | {
    readonly is: "lease";
    readonly id: string;
    readonly token: string;
    readonly worker: WorkerInfo;
    readonly at: number;
  }
  | { readonly is: "renew"; readonly token: string; readonly at: number; readonly progress?: string }
  | { readonly is: "done"; readonly id: string }
  /** `lost` where nobody heard of its worker any more. */
  | { readonly is: "fail"; readonly id: string; readonly at: number; readonly failure: Failure }
  | { readonly is: "release"; readonly id: string }
  | { readonly is: "end" };

interface Entry {
  readonly job: Job;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  leases: number;
  errors: number;
  crashes: number;
  /** Not leased before this moment. */
  notBefore: number;
  /** Its place among the finished jobs, once it is over. */
  over: number;
  lease?: {
    readonly token: string;
    readonly worker: WorkerInfo;
    readonly since: number;
    renewed: number;
    progress?: string;
  };
}

export class JournalState {
  #entries = new Map<string, Entry>();
  /** Ids that may wait, in the order in which they are to be leased: shared ones, and those that need an adapter alone. */
  #waiting = { shared: new Set<string>(), alone: new Set<string>() };
  #running = new Map<string, Entry>();
  #byToken = new Map<string, string>();
  #finished: Finished[] = [];
  #failed = 0;
  #header: QueueHeader | undefined;

  constructor(readonly rules: QueueRules) {}

  get header(): QueueHeader | undefined {
    return this.#header;
  }

  /** Takes a record in. One that no longer fits, such as of a lease that was lost, changes nothing. */
  apply(record: JournalRecord): void {
    switch (record.is) {
      case "open":
        this.#header = record.header;
        return;
      case "end":
        if (this.#header) this.#header = { ...this.#header, ended: true };
        return;
      case "add":
        return this.#add(record.job);
      case "renew": {
        const entry = this.#running.get(this.#byToken.get(record.token) ?? "");
        if (entry?.lease?.token !== record.token) return;
        entry.lease.renewed = record.at;
        entry.lease.progress = record.progress ?? entry.lease.progress;
        return;
      }
      default: {
        const entry = this.#entries.get(record.id);
        if (entry) this.#change(entry, record);
      }
    }
  }

  #add(job: Job): void {
    const before = this.#entries.get(job.id);
    if (before?.state === "waiting" || before?.state === "running") return;
    if (before?.state === "failed") this.#failed--;
    this.#wait({ job, state: "waiting", leases: 0, errors: 0, crashes: 0, notBefore: 0, over: 0 });
  }

  #wait(entry: Entry): void {
    entry.state = "waiting";
    this.#entries.set(entry.job.id, entry);
    this.#waiting[entry.job.adapterUse].add(entry.job.id);
  }

  #change(entry: Entry, record: Exclude<JournalRecord, { is: "open" | "end" | "add" | "renew" }>): void {
    const { id, adapterUse } = entry.job;
    if (record.is === "cancel" && entry.state === "waiting") {
      this.#waiting[adapterUse].delete(id);
      entry.state = "cancelled";
    } else if (record.is === "lease" && entry.state === "waiting") {
      const { token, worker, at } = record;
      this.#waiting[adapterUse].delete(id);
      Object.assign(entry, { state: "running", lease: { token, worker, since: at, renewed: at } });
      entry.leases++;
      this.#running.set(id, entry);
      this.#byToken.set(token, id);
    } else if (record.is === "release" && entry.state === "running") {
      this.#stop(entry);
      entry.leases--;
      this.#wait(entry);
    } else if (record.is === "done" && entry.state !== "done") {
      this.#waiting[adapterUse].delete(id);
      if (entry.state === "running") this.#stop(entry);
      if (entry.state === "failed") this.#failed--;
      entry.state = "done";
      entry.over = this.#finished.length;
      this.#finished.push({ id });
    } else if (record.is === "fail" && entry.state === "running") {
      this.#stop(entry);
      this.#failOrRetry(entry, record.failure, record.at);
    }
  }

  #stop(entry: Entry): void {
    this.#running.delete(entry.job.id);
    if (entry.lease) this.#byToken.delete(entry.lease.token);
    entry.lease = undefined;
  }

  #failOrRetry(entry: Entry, { kind, reason }: Failure, at: number): void {
    const { attempts, crashes, backoffMs } = this.rules;
    if (kind === "error") entry.errors++;
    if (kind === "crash") entry.crashes++;
    if (kind === "final" || entry.errors >= attempts || entry.crashes >= crashes) {
      entry.state = "failed";
      entry.over = this.#finished.length;
      this.#failed++;
      this.#finished.push({ id: entry.job.id, failed: reason });
      return;
    }
    entry.notBefore = at + backoffMs * 2 ** (entry.errors + entry.crashes - 1);
    this.#wait(entry);
  }

  /** Leases that ran out before `now`, as records of jobs whose worker is lost. */
  lost(now: number): JournalRecord[] {
    const found: JournalRecord[] = [];
    for (const [id, { lease }] of this.#running) {
      if (!lease || now - lease.renewed < this.rules.leaseMs) continue;
      const silent = Math.round((now - lease.renewed) / 1000);
      const reason = `nothing was heard of ${lease.worker.name} for ${silent} s`;
      found.push({ is: "fail", id, at: now, failure: { kind: "crash", reason } });
    }
    return found;
  }

  /**
   * The next job for the worker. What may share the adapter comes first; a job that needs it alone is given once nothing else is
   * left to begin or running there, and nothing else begins meanwhile.
   */
  next({ machine, adapter }: WorkerInfo, now: number): Job | undefined {
    const there = [...this.#running.values()].filter(({ lease }) =>
      lease!.worker.machine === machine && lease!.worker.adapter === adapter
    );
    if (there.some(({ job }) => job.adapterUse === "alone")) return undefined;
    const ready = (ids: Iterable<string>) => {
      for (const id of ids) {
        const { job, notBefore } = this.#entries.get(id)!;
        if (job.adapter === adapter && notBefore <= now) return job;
      }
    };
    return ready(this.#waiting.shared) ?? (there.length === 0 ? ready(this.#waiting.alone) : undefined);
  }

  /** How often the job has been leased so far. */
  leasesOf(id: string): number {
    return this.#entries.get(id)?.leases ?? 0;
  }

  /** Whether the lease still holds: nobody else has the job, and it isn't over. */
  holds(token: string): boolean {
    return this.#byToken.has(token);
  }

  isDone(id: string): boolean {
    return this.#entries.get(id)?.state === "done";
  }

  /** Whether it is neither waiting nor running, and was over before `cursor` if it is over. */
  mayAdd(id: string, cursor: number): boolean {
    const entry = this.#entries.get(id);
    if (!entry || entry.state === "cancelled") return true;
    return (entry.state === "done" || entry.state === "failed") && entry.over < cursor;
  }

  finished(cursor: number): { readonly jobs: readonly Finished[]; readonly cursor: number } {
    return { jobs: this.#finished.slice(cursor), cursor: this.#finished.length };
  }

  state(): QueueState {
    const running: RunningJob[] = [...this.#running.values()].map(({ job, leases, lease }) => {
      const { worker, since, renewed, progress } = lease!;
      return { id: job.id, worker: worker.name, attempt: leases, since, renewed, progress };
    });
    const failed = this.#failed;
    const done = this.#finished.filter((job) => job.failed === undefined).length;
    return { waiting: this.#waiting.shared.size + this.#waiting.alone.size, done, failed, running };
  }
}
