/**
 * A queue on Redis, by BullMQ: workers anywhere. Of BullMQ it takes leases that a worker holds and renews by hand. Its own way of running jobs isn't
 * used: work that keeps the event loop busy would lose its lock there and be done twice.
 *
 * A Redis (or one database of it) holds one sweep at a time, under keys of its own, so that workers need only its address. Redis may
 * lose the last second, or everything, when it is killed: whoever coordinates the sweep puts back what is missing.
 */
import { createHash } from "node:crypto";
import { UserError } from "../../../errors.ts";
import {
  type Finished,
  type Job,
  type Lease,
  type Queue,
  type QueueHeader,
  type QueueRules,
  RULES,
  type RunningJob,
  type WorkerInfo,
} from "../../queue/queue.ts";
import type { Redis } from "./clients.ts";
import { connect, type Connection } from "./connection.ts";
import { type AdapterUse, Lane } from "./lane.ts";
import { type Held, type Occupancy, openOccupancy, type Place } from "./occupancy.ts";

export interface RedisQueueOptions {
  readonly rules?: QueueRules;
  /** A Redis that was there, and is gone for so long, is given up. */
  readonly patienceMs?: number;
}

/** The sweep that the Redis holds, as JSON. */
const SWEEP = "secateur:sweep";
/** Id of the sweep that somebody coordinates now. */
const COORDINATOR = "secateur:coordinator";

interface Kept {
  readonly id: string;
  readonly header: QueueHeader;
}

/**
 * @param url redis://name:password@host:port/database, or rediss:// by TLS
 * @throws UserError where no Redis answers there, or not to this password
 */
export async function openRedisQueue(
  url: string,
  { rules = RULES, patienceMs }: RedisQueueOptions = {},
): Promise<Queue> {
  const queue = new RedisQueue(await connect(url, patienceMs), rules);
  const { connection: { guard } } = queue;
  return {
    add: (jobs) => guard(() => queue.add(jobs)),
    cancel: (ids) => guard(() => queue.cancel(ids)),
    lease: (worker) => guard(() => queue.lease(worker)),
    renew: (lease, progress) => guard(() => queue.renew(lease, progress)),
    complete: (lease) => guard(() => queue.settle(lease, (lane, id, token) => lane.complete(id, token))),
    fail: (lease, failure) => guard(() => queue.settle(lease, (lane, id, token) => lane.fail(id, token, failure))),
    release: (lease) => guard(() => queue.settle(lease, (lane, id, token) => lane.release(id, token))),
    finished: (cursor) => guard(() => queue.finished(cursor)),
    state: () => guard(() => queue.state()),
    header: () => guard(() => queue.header()),
    open: (header) => guard(() => queue.open(header)),
    end: () => guard(() => queue.end()),
    close: () => queue.close(),
  };
}

class RedisQueue {
  readonly #redis: Redis;
  readonly #occupancy: Occupancy;
  readonly #lanes = new Map<string, Lane>();
  /** The sweep that this handle is of, once it is known. */
  #sweep: Kept | undefined;
  /** Jobs that this process added and that aren't over, as far as it knows. */
  readonly #added = new Map<string, Job>();
  /** All that are over, in the order in which this process learnt of them. */
  readonly #over: Finished[] = [];
  /** Of these it learnt by asking for them when Redis had come back; their events may still be there to be read. */
  readonly #askedFor = new Set<string>();
  #keeping: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(readonly connection: Connection, readonly rules: QueueRules) {
    this.#redis = connection.redis;
    this.#occupancy = openOccupancy(this.#redis, rules.leaseMs);
  }

  get #prefix(): string {
    if (!this.#sweep) throw new UserError(`${this.connection.where}: no sweep has begun there`);
    return `secateur:${this.#sweep.id}`;
  }

  async #kept(): Promise<Kept | undefined> {
    const text = await this.#redis.get(SWEEP);
    if (text === null) return undefined;
    try {
      const kept: Partial<Kept> | null = JSON.parse(text);
      if (typeof kept?.id === "string" && typeof kept.header === "object") return kept as Kept;
    } catch { /* said below */ }
    throw new UserError(
      `${this.connection.where}: its key ${SWEEP} is not what a sweep wrote: delete it, or use another database, such as redis://host:6379/1`,
    );
  }

  async #bind(): Promise<boolean> {
    this.#sweep ??= await this.#kept();
    return this.#sweep !== undefined;
  }

  #lane(adapter: string, use: AdapterUse): Lane {
    const key = JSON.stringify([adapter, use]);
    let lane = this.#lanes.get(key);
    if (!lane) {
      // A lane's errors are those of its connection, which this handle's own commands meet as well.
      lane = new Lane(adapter, use, { redis: this.#redis, prefix: this.#prefix, rules: this.rules, warn() {} });
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** All lanes to which anybody has added. */
  async #known(): Promise<Lane[]> {
    if (!await this.#bind()) return [];
    for (const text of await this.#redis.smembers(`${this.#prefix}:lanes`)) {
      const [adapter, use] = JSON.parse(text) as [string, AdapterUse];
      this.#lane(adapter, use);
    }
    return [...this.#lanes.values()];
  }

  async add(jobs: readonly Job[]): Promise<void> {
    await this.#bind();
    for (const [lane, added] of this.#byLane(jobs)) {
      await this.#redis.sadd(`${this.#prefix}:lanes`, JSON.stringify([lane.adapter, lane.use]));
      await lane.add(added);
    }
    for (const job of jobs) {
      this.#added.set(job.id, job);
      this.#askedFor.delete(job.id);
    }
  }

  #byLane(jobs: Iterable<Job>): Map<Lane, Job[]> {
    const found = new Map<Lane, Job[]>();
    for (const job of jobs) {
      const lane = this.#lane(job.adapter, job.adapterUse);
      found.set(lane, [...found.get(lane) ?? [], job]);
    }
    return found;
  }

  async cancel(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#added.delete(id);
    for (const lane of await this.#known()) await lane.cancel(ids);
  }

  #place({ machine, adapter }: WorkerInfo): Place {
    return { there: `${this.#prefix}:at:${JSON.stringify([machine, adapter])}`, held: `${this.#prefix}:held` };
  }

  async lease(worker: WorkerInfo): Promise<Lease | undefined> {
    if (!await this.#bind()) return undefined;
    // What may share the adapter comes first.
    for (const use of ["shared", "alone"] as const) {
      const place = this.#place(worker);
      const id = crypto.randomUUID();
      const since = await this.#occupancy.enter(place, id, use);
      if (since === undefined) return undefined;
      const token = tokenOf({ worker, use, id });
      const job = await this.#lane(worker.adapter, use).next(token);
      if (!job) {
        await this.#occupancy.leave(place, undefined, id, use);
        continue;
      }
      const attempt = job.attemptsStarted;
      const held: Held = { token: id, worker: worker.name, attempt, since, renewed: since };
      await this.#occupancy.hold(place, job.id!, held);
      return { job: { id: job.id!, adapter: worker.adapter, adapterUse: use, payload: job.data }, token, attempt };
    }
  }

  async renew({ job, token }: Lease, progress?: string): Promise<boolean> {
    const taken = readToken(token);
    await this.#bind();
    if (!taken || !await this.#lane(job.adapter, job.adapterUse).extend(job.id, token)) return false;
    await this.#occupancy.renew(this.#place(taken.worker), job.id, taken.id, taken.use, progress);
    return true;
  }

  /** Gives the job up, in the way that `action` says. */
  async settle<T>({ job, token }: Lease, action: (lane: Lane, id: string, token: string) => Promise<T>): Promise<T> {
    await this.#bind();
    const answer = await action(this.#lane(job.adapter, job.adapterUse), job.id, token);
    const taken = readToken(token);
    if (taken) await this.#occupancy.leave(this.#place(taken.worker), job.id, taken.id, taken.use);
    return answer;
  }

  async finished(cursor = 0): Promise<{ jobs: readonly Finished[]; cursor: number }> {
    for (const lane of await this.#known()) {
      for (const outcome of await lane.finished()) {
        this.#added.delete(outcome.id);
        if (!this.#askedFor.delete(outcome.id)) this.#over.push(outcome);
      }
    }
    return { jobs: this.#over.slice(cursor), cursor: this.#over.length };
  }

  async state() {
    const lanes = await Promise.all((await this.#known()).map((lane) => lane.counts()));
    const sum = (count: "waiting" | "done" | "failed") => lanes.reduce((sum, counts) => sum + counts[count], 0);
    const active = lanes.flatMap((counts) => counts.active);
    const texts = active.length === 0 ? [] : await this.#redis.hmget(`${this.#prefix}:held`, ...active);
    const running = active.flatMap((id, i): RunningJob[] => {
      if (!texts[i]) return [];
      const { token: _, ...held } = JSON.parse(texts[i]) as Held;
      return [{ id, ...held }];
    });
    return { waiting: sum("waiting"), done: sum("done"), failed: sum("failed"), running };
  }

  async header(): Promise<QueueHeader | undefined> {
    const kept = await this.#kept();
    this.#sweep ??= kept;
    if (!kept || !this.#sweep) return undefined;
    // Another sweep has begun: this one is over.
    return kept.id === this.#sweep.id ? kept.header : { ...this.#sweep.header, ended: true };
  }

  async open(header: QueueHeader): Promise<void> {
    const id = createHash("sha256").update(JSON.stringify({ ...header, ended: undefined })).digest("hex").slice(0, 16);
    if (await this.#redis.set(COORDINATOR, id, "PX", COORDINATES_MS, "NX") === null) {
      const other = await this.#redis.get(COORDINATOR);
      if (other !== null && other !== id) await this.#refuse();
    }
    const before = await this.#kept();
    if (before && before.id !== id) await this.#forget(before.id);
    this.#sweep = { id, header: { ...header, ended: false } };
    await this.#keep();
    if (this.#keeping !== undefined) return;
    const restore = () => void this.#restore().catch(() => {});
    this.#keeping = setInterval(restore, COORDINATES_MS / 3);
    this.#redis.on("ready", restore);
  }

  async #refuse(): Promise<never> {
    const name = (await this.#kept())?.header.sweep ?? "another one";
    throw new UserError(
      `${this.connection.where}: the sweep ${name} is running there: wait for its end, or use another database, such as redis://host:6379/1`,
    );
  }

  async #keep(): Promise<void> {
    await this.#redis.set(SWEEP, JSON.stringify(this.#sweep));
    await this.#redis.set(COORDINATOR, this.#sweep!.id, "PX", COORDINATES_MS);
  }

  /** Says that the sweep goes on, and brings back what a Redis that was killed has lost. */
  async #restore(): Promise<void> {
    if (this.#sweep!.header.ended || this.#redis.status !== "ready") return;
    await this.#keep();
    for (const [lane, jobs] of this.#byLane(this.#added.values())) {
      const ids = jobs.map(({ id }) => id);
      const missing = new Set(await lane.missing(ids));
      // What was told or taken back meanwhile isn't missed.
      if (missing.size > 0) await this.add(jobs.filter(({ id }) => missing.has(id) && this.#added.has(id)));
      for (const outcome of await lane.outcomes(ids.filter((id) => !missing.has(id)))) {
        if (!this.#added.delete(outcome.id)) continue;
        this.#askedFor.add(outcome.id);
        this.#over.push(outcome);
      }
    }
  }

  async end(): Promise<void> {
    clearInterval(this.#keeping);
    await this.#bind();
    const { id, header } = this.#sweep!;
    this.#sweep = { id, header: { ...header, ended: true } };
    await this.#redis.set(SWEEP, JSON.stringify(this.#sweep));
    await this.#redis.del(COORDINATOR);
    await this.#forget(id);
  }

  /** Removes all of a sweep but its header. */
  async #forget(id: string): Promise<void> {
    for await (const keys of this.#redis.scanStream({ match: `secateur:${id}:*`, count: 1000 })) {
      if (keys.length > 0) await this.#redis.unlink(...keys);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#keeping);
    for (const lane of this.#lanes.values()) lane.close();
    this.#redis.disconnect();
  }
}

/** Of a sweep that nobody coordinates any more, another one may take the place. */
const COORDINATES_MS = 30_000;

/** Whose lease it is, on which adapter: what giving it up has to know. */
interface Taken {
  readonly worker: WorkerInfo;
  readonly use: AdapterUse;
  readonly id: string;
}

function tokenOf(taken: Taken): string {
  return JSON.stringify(taken);
}

function readToken(token: string): Taken | undefined {
  try {
    return JSON.parse(token);
  } catch {
    return undefined;
  }
}
