/**
 * The queue's worker for phones: it leases timing jobs, holds their leases while sessions of a phone measure them at the desk, keeps
 * what they agree on, and completes the jobs. Phones come and go; they never see the queue.
 */
import type { TimingJob } from "../../measure/asked/types.ts";
import type { Job, Lease, Queue } from "../queue/queue.ts";
import { Desk, DESK_RULES, type DeskRules, type Settled } from "./desk.ts";
import type { TimingResult, TimingResults } from "./timing_results.ts";
import { wait } from "../wait.ts";

/** What a queue's job for a phone holds. */
export interface PhonePayload {
  readonly job: TimingJob;
  /** About so long all of its parts should take together, where something tells. */
  readonly expectedMs?: number;
}

/** Names the adapter of jobs that are for a phone, whichever is connected. */
export const PHONE = "phone";

export function phoneJob(payload: PhonePayload): Job {
  return { id: payload.job.shape, adapterUse: "alone", adapter: PHONE, payload };
}

export interface PhoneWorkerOptions {
  readonly queue: Queue;
  readonly results: TimingResults;
  /** Of this server and no other. */
  readonly name: string;
  readonly rules?: DeskRules;
  /** Told of what sessions have said that doesn't count, and of shapes that can't be timed. */
  readonly warn: (text: string) => void;
  /** Told of each shape that is done. */
  readonly done?: (result: TimingResult) => void;
  /** Milliseconds that only grow. */
  readonly now?: () => number;
}

/** So many shapes lie on the desk at once: a phone that has timed one waits for nobody before it times the next. */
const SLOTS = 8;
/** Of a queue's lease of a minute. */
const RENEW_MS = 15_000;
const IDLE_MS = 200;

/** What the server asks of it. */
export interface PhoneWorker {
  readonly desk: Desk;
  readonly now: () => number;
  /** Works until the sweep is over, or the signal says stop: then what is open goes back to the queue. */
  run(signal: AbortSignal): Promise<void>;
}

export function createPhoneWorker(options: PhoneWorkerOptions): PhoneWorker {
  const { queue, results, name, rules = DESK_RULES, warn, done = () => {}, now = () => performance.now() } = options;
  const leases = new Map<string, { readonly lease: Lease; readonly slot: number; renewed: number }>();
  const settling: Promise<void>[] = [];
  const desk = new Desk((settled) => settling.push(settle(settled)), rules);

  async function settle(settled: Settled): Promise<void> {
    const { shape, title } = settled.job;
    const held = leases.get(shape);
    if (!held) return;
    leases.delete(shape);
    if ("failed" in settled) {
      warn(`${title}: ${settled.failed}`);
      return await queue.fail(held.lease, { kind: "final", reason: settled.failed });
    }
    for (const { device, session, times } of settled.agreed.outvoted) {
      const ms = times.reduce((sum, part) => sum + part, 0).toPrecision(3);
      warn(
        `${title}: ${device}, session ${
          session.slice(0, 8)
        }, says ${ms} ms, and others agree on another time: left out`,
      );
    }
    const result = resultOf(settled.job, settled.agreed);
    if (result.doubt !== undefined) warn(`${title}: ${result.doubt}; the median counts`);
    await results.write(result);
    await queue.complete(held.lease);
    done(result);
  }

  /** Leases as many as there is room for; each slot counts as a machine of its own, for each session times alone. */
  async function fill(): Promise<void> {
    const used = new Set([...leases.values()].map(({ slot }) => slot));
    for (let slot = 0; slot < SLOTS; slot++) {
      if (used.has(slot)) continue;
      const lease = await queue.lease({ name, machine: `${name}/${slot}`, adapter: PHONE });
      if (!lease) return;
      const { job, expectedMs } = lease.job.payload as PhonePayload;
      leases.set(job.shape, { lease, slot, renewed: now() });
      desk.open(job, expectedMs);
    }
  }

  async function renew(): Promise<void> {
    for (const [shape, held] of leases) {
      if (now() - held.renewed < RENEW_MS) continue;
      held.renewed = now();
      // A queue that can't be reached for a moment costs nothing before the lease ends.
      if (await queue.renew(held.lease).catch(() => true)) continue;
      leases.delete(shape);
      desk.take(shape);
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        await fill();
        await renew();
        await Promise.all(settling.splice(0));
        if (leases.size === 0 && (await queue.header())?.ended) return desk.end();
        await wait(IDLE_MS, signal);
      }
    } finally {
      await Promise.all(settling.splice(0));
      for (const [shape, { lease }] of leases) {
        desk.take(shape);
        await queue.release(lease);
      }
      leases.clear();
    }
  }

  return { desk, now, run };
}

function resultOf(
  { shape, title }: TimingJob,
  { times, counted, doubt }: Extract<Settled, { agreed: unknown }>["agreed"],
) {
  return {
    shape,
    title,
    times,
    sessions: counted.length,
    clock: counted[0].clock,
    quantumMs: Math.max(...counted.map(({ quantumMs }) => quantumMs)),
    ...doubt !== undefined && { doubt },
  };
}
