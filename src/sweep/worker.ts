/**
 * A worker: takes jobs from the queue and has them done in another process, one at a time. It does nothing itself that takes long,
 * so that it renews its lease in time however busy the work is.
 */
import { UserError } from "../errors.ts";
import type { Failure, Identity, Job, Lease, Queue, QueueHeader, WorkerInfo } from "./queue/queue.ts";
import type { JobPayload } from "./job.ts";
import { wait } from "./wait.ts";

/** What became of a job in the work's process. */
export type Outcome =
  | { readonly is: "done"; readonly seconds: number; readonly warning?: string }
  | { readonly is: "failed"; readonly failure: Failure }
  /** It was stopped, and has kept what it had. */
  | { readonly is: "stopped" }
  /** This machine can't go on: its disk is full, or the store is gone. Others may. */
  | { readonly is: "unable"; readonly reason: string };

/** A process that does jobs, started again where it died. */
export interface WorkProcess {
  /** @param progress is told, now and then, what is being done */
  run(job: Job, progress: (text: string) => void): Promise<Outcome>;
  /** Asks it to keep what it has and stop. */
  stop(): void;
  /** Ends it at once, and with it the job: `run` gives "stopped". */
  kill(): void;
  close(): void;
}

export interface WorkerOptions {
  readonly queue: Queue;
  readonly info: WorkerInfo;
  readonly work: WorkProcess;
  readonly signal: AbortSignal;
  readonly ui: { note(text: string): void; warn(text: string): void };
  /** How often leases are renewed. */
  readonly renewMs: number;
  /** How often an idle worker asks for a job. */
  readonly idleMs?: number;
}

const IDLE_MS = 200;

/**
 * Works until the sweep is over.
 * @throws UserError where this machine can't go on, with its job given back; what `signal` was aborted with
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { queue, info, signal, idleMs = IDLE_MS } = options;
  for (;;) {
    if (signal.aborted) throw signal.reason;
    const lease = await queue.lease(info);
    if (lease) await workOn(options, lease);
    else if ((await queue.header())?.ended) return;
    else await wait(idleMs, signal);
  }
}

/** @throws UserError where a worker of this commit and adapter can't work for the sweep */
export function requireFit(
  { sweep, identity, adapter }: QueueHeader,
  own: { readonly identity: Identity; readonly adapter: string },
): void {
  requireIdentity(`the sweep ${sweep}`, identity, own.identity);
  if (adapter !== own.adapter) {
    throw new UserError(
      `the sweep ${sweep} is for the adapter ${adapter}, and this worker has ${own.adapter}: their results would not be the same; ` +
        "begin a sweep of its own here",
    );
  }
}

/** @throws UserError where results of the two would not be the same */
export function requireIdentity(what: string, theirs: Identity, own: Identity): void {
  if (theirs.source === own.source) return;
  const same = theirs.commit === own.commit;
  throw new UserError(
    `${what} is of ${theirs.tool} at commit ${theirs.commit}, and this is ${own.tool} at ${own.commit}` +
      `${same ? " with other changes to its files" : ""}: their results would not be the same; ` +
      (same ? "bring the same files here" : `check out ${theirs.commit} here`),
  );
}

async function workOn({ queue, work, signal, ui, renewMs }: WorkerOptions, lease: Lease): Promise<void> {
  const { label } = lease.job.payload as JobPayload;
  let progress: string | undefined;
  let lost = false;
  const renew = async () => {
    // A queue that can't be reached for a moment costs nothing before the lease ends.
    const holds = await queue.renew(lease, progress).catch(() => true);
    if (holds) return;
    lost = true;
    work.kill();
  };
  const timer = setInterval(renew, renewMs);
  const stop = () => work.stop();
  signal.addEventListener("abort", stop);
  ui.note(`${label}${lease.attempt > 1 ? `, attempt ${lease.attempt}` : ""}`);
  try {
    const outcome = await work.run(lease.job, (text) => progress = text);
    if (outcome.is === "done") {
      if (outcome.warning !== undefined) ui.warn(`${label}: ${outcome.warning}`);
      await queue.complete(lease);
    } else if (lost) ui.warn(`${label}: another worker has it now`);
    else if (outcome.is === "failed") {
      ui.warn(`${label}: ${outcome.failure.reason}`);
      await queue.fail(lease, outcome.failure);
    } else await queue.release(lease);
    if (outcome.is === "unable") throw new UserError(outcome.reason);
  } finally {
    clearInterval(timer);
    signal.removeEventListener("abort", stop);
  }
}
