/** The jobs of one adapter that are done in one way, as a queue of BullMQ. */
import { createHash } from "node:crypto";
import type { Failure, Finished, Job, QueueRules } from "../../queue/queue.ts";
import {
  type BullJob,
  type BullQueue,
  type BullWorker,
  Queue,
  type Redis,
  UnrecoverableError,
  Worker,
} from "./clients.ts";

export type AdapterUse = Job["adapterUse"];

/** Codes of BullMQ's errors for a job that its caller hasn't got any more: no such job, no such lock, not active, another's lock. */
const NOT_OURS = [-1, -2, -3, -6];

/** Takes a job out of where it is, to be completed by whoever has its result: the lock is theirs from now on. */
const SEIZE = `if redis.call("EXISTS", KEYS[1]) == 0 or redis.call("ZSCORE", KEYS[6], ARGV[1]) then return 0 end
redis.call("LREM", KEYS[2], 0, ARGV[1])
redis.call("LREM", KEYS[3], 0, ARGV[1])
redis.call("ZREM", KEYS[4], ARGV[1])
redis.call("ZREM", KEYS[5], ARGV[1])
redis.call("LPUSH", KEYS[3], ARGV[1])
redis.call("SET", KEYS[1] .. ":lock", ARGV[2], "PX", ARGV[3])
return 1`;

export interface LaneOptions {
  readonly redis: Redis;
  /** Begins all keys of the sweep. */
  readonly prefix: string;
  readonly rules: QueueRules;
  readonly warn: (error: Error) => void;
}

export class Lane {
  readonly name: string;
  readonly #queue: BullQueue;
  #worker: BullWorker | undefined;
  /** What this process has leased, by the lease's token. */
  readonly #leased = new Map<string, BullJob>();
  /** Of the stream of events, up to which `over` was read. */
  #read: string | undefined;

  constructor(readonly adapter: string, readonly use: AdapterUse, readonly options: LaneOptions) {
    const { redis, prefix } = options;
    this.name = `${createHash("sha256").update(adapter).digest("hex").slice(0, 16)}-${use}`;
    this.#queue = new Queue(this.name, {
      connection: redis,
      prefix,
      skipVersionCheck: true,
      streams: { events: { maxLen: EVENTS } },
    });
    this.#queue.on("error", options.warn);
  }

  key(name: string): string {
    return this.#queue.toKey(name);
  }

  /** BullMQ's worker, which looks for leases that ended, and never takes a job by itself. */
  async #opened(): Promise<BullWorker> {
    if (!this.#worker) {
      const { redis, prefix, rules: { leaseMs, crashes }, warn } = this.options;
      this.#worker = new Worker(this.name, undefined, {
        connection: redis,
        prefix,
        skipVersionCheck: true,
        autorun: false,
        lockDuration: leaseMs,
        stalledInterval: Math.ceil(leaseMs / 4),
        // The last crash that is allowed is counted as well.
        maxStalledCount: crashes - 1,
      });
      this.#worker.on("error", warn);
      await this.#worker.startStalledCheckTimer();
    }
    return this.#worker;
  }

  /** Adds those that don't wait or run yet; those that are over begin anew. */
  async add(jobs: readonly Job[]): Promise<void> {
    const { rules: { attempts, backoffMs } } = this.options;
    const ids = jobs.map(({ id }) => id);
    const over = await this.#over(ids);
    await Promise.all(ids.filter((_, i) => over[i]).map((id) => this.#queue.remove(id)));
    await this.#queue.addBulk(jobs.map(({ id, payload }) => ({
      name: "job",
      data: payload,
      opts: {
        jobId: id,
        attempts,
        backoff: { type: "exponential", delay: backoffMs },
        removeOnComplete: false,
        removeOnFail: false,
        stackTraceLimit: 0,
      },
    })));
  }

  async cancel(ids: readonly string[]): Promise<void> {
    const waiting = (await this.#over(ids)).map((over, i) => over ? undefined : ids[i]);
    // Those that are being done are locked, which this leaves alone.
    await Promise.all(waiting.map((id) => id === undefined ? undefined : this.#queue.remove(id)));
  }

  /** Which of the jobs are over. */
  async #over(ids: readonly string[]): Promise<("done" | "failed" | undefined)[]> {
    if (ids.length === 0) return [];
    const { redis } = this.options;
    const [done, failed] = await Promise.all(
      ["completed", "failed"].map((state) => redis.zmscore(this.key(state), ...ids)),
    );
    return ids.map((_, i) => done[i] !== null ? "done" : failed[i] !== null ? "failed" : undefined);
  }

  async missing(ids: readonly string[]): Promise<string[]> {
    const there = await Promise.all(ids.map((id) => this.options.redis.exists(this.key(id))));
    return ids.filter((_, i) => there[i] === 0);
  }

  /** The next job, locked for `token`. */
  async next(token: string): Promise<BullJob | undefined> {
    const worker = await this.#opened();
    for (;;) {
      const job = await worker.getNextJob(token, { block: false });
      if (job && !job.deferredFailure) this.#leased.set(token, job);
      if (!job?.deferredFailure) return job;
      // BullMQ leaves it to the next worker to say that a job's workers fell silent once too often.
      await job.moveToFailed(new UnrecoverableError(SILENT), token);
    }
  }

  async extend(id: string, token: string): Promise<boolean> {
    const worker = await this.#opened();
    const lost = await worker.extendJobLocks([id], [token], this.options.rules.leaseMs);
    if (lost.length > 0) this.#leased.delete(token);
    return lost.length === 0;
  }

  async #job(id: string, token: string): Promise<BullJob | undefined> {
    const leased = this.#leased.get(token);
    this.#leased.delete(token);
    return leased ?? await this.#queue.getJob(id);
  }

  /** False where it was over already. */
  async complete(id: string, token: string): Promise<boolean> {
    const job = await this.#job(id, token);
    if (!job) return false;
    if (await ours(() => job.moveToCompleted(null, token, false))) return true;
    const { redis, rules } = this.options;
    const keys = [id, "wait", "active", "delayed", "failed", "completed"].map((name) => this.key(name));
    const seized = await redis.eval(SEIZE, keys.length, ...keys, id, token, rules.leaseMs);
    return seized === 1 && await ours(() => job.moveToCompleted(null, token, false));
  }

  async fail(id: string, token: string, { kind, reason }: Failure): Promise<void> {
    const job = await this.#job(id, token);
    if (!job) return;
    const { redis, rules: { crashes, backoffMs } } = this.options;
    if (kind !== "crash") {
      const error = kind === "final" ? new UnrecoverableError(reason) : new Error(reason);
      return void await ours(() => job.moveToFailed(error, token));
    }
    const holds = await redis.get(`${this.key(id)}:lock`) === token;
    if (!holds) return;
    // Where BullMQ counts the workers that fell silent.
    const crashed = await redis.hincrby(this.key(id), "stc", 1);
    const wait = backoffMs * 2 ** (job.attemptsMade + crashed - 1);
    await ours(() =>
      crashed >= crashes
        ? job.moveToFailed(new UnrecoverableError(reason), token)
        : job.moveToDelayed(Date.now() + wait, token)
    );
  }

  /** Back to the front. */
  async release(id: string, token: string): Promise<void> {
    const job = await this.#job(id, token);
    if (job && await ours(() => job.moveToWait(token))) await this.options.redis.hincrby(this.key(id), "ats", -1);
  }

  /** Jobs that are over and weren't told of by an earlier call, in the order in which they ended. */
  async finished(): Promise<Finished[]> {
    const { redis } = this.options;
    const events = this.key("events");
    if (this.#read === undefined) {
      const [last, done, failed] = await Promise.all([
        redis.xrevrange(events, "+", "-", "COUNT", 1),
        redis.zrange(this.key("completed"), 0, -1),
        redis.zrange(this.key("failed"), 0, -1),
      ]);
      this.#read = last[0]?.[0] ?? "0";
      return [...done.map((id) => ({ id })), ...await this.#failures(failed)];
    }
    const found: Finished[] = [];
    for (const [id, fields] of await redis.xrange(events, `(${this.#read}`, "+")) {
      const event = Object.fromEntries(fields.flatMap((name, i) => i % 2 === 0 ? [[name, fields[i + 1]]] : []));
      if (event.event === "completed") found.push({ id: event.jobId });
      if (event.event === "failed") found.push({ id: event.jobId, failed: event.failedReason });
      this.#read = id;
    }
    return found;
  }

  /** What became of jobs, from where BullMQ keeps them: for those whose event was never seen. */
  async outcomes(ids: readonly string[]): Promise<Finished[]> {
    const over = await this.#over(ids);
    const done = ids.filter((_, i) => over[i] === "done").map((id) => ({ id }));
    return [...done, ...await this.#failures(ids.filter((_, i) => over[i] === "failed"))];
  }

  async #failures(ids: readonly string[]): Promise<Finished[]> {
    const reasons = await Promise.all(ids.map((id) => this.options.redis.hget(this.key(id), "failedReason")));
    return ids.map((id, i) => ({ id, failed: reasons[i] ?? "" }));
  }

  async counts(): Promise<{ waiting: number; done: number; failed: number; active: string[] }> {
    const { wait, delayed, completed, failed } = await this.#queue.getJobCounts(
      "wait",
      "delayed",
      "completed",
      "failed",
    );
    const active = await this.options.redis.lrange(this.key("active"), 0, -1);
    return { waiting: wait + delayed, done: completed, failed, active };
  }

  close(): void {
    this.#worker?.close(true).catch(() => {});
    this.#queue.close().catch(() => {});
  }
}

/** Of events; those that nobody reads in time are found again by what they said. */
const EVENTS = 100_000;
const SILENT = "its workers fell silent again and again: each time nothing was heard of one for a whole lease";

/** Whether the caller still had the job. */
async function ours(move: () => Promise<unknown>): Promise<boolean> {
  try {
    await move();
    return true;
  } catch (error) {
    if (NOT_OURS.includes((error as { code?: number }).code ?? 0)) return false;
    throw error;
  }
}
