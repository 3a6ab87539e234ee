/** How jobs come to workers: a small interface, behind which a file or a server keeps them. */

/** What is to be done. Small and plain JSON: weights go by content hash through a store. */
export interface Job {
  /** Says all of what is to be done: two jobs of one id are the same job, and it is done once. */
  readonly id: string;
  /** "shared" with other jobs, or "alone": nothing else runs on the adapter meanwhile, since the job measures time. */
  readonly adapterUse: "shared" | "alone";
  /** Name of the adapter that it must run on; workers of another one aren't given it. */
  readonly adapter: string;
  readonly payload: unknown;
}

/** Who asks for jobs. */
export interface WorkerInfo {
  /** Of this worker and no other: machine, process and a random part. */
  readonly name: string;
  /** Adapters of one name on two machines are two adapters: this one's machine. */
  readonly machine: string;
  readonly adapter: string;
}

/** A worker has the job until the lease ends; renewing it is how the worker says that it is alive. */
export interface Lease {
  readonly job: Job;
  /** Of this lease and no other. */
  readonly token: string;
  /** How often the job has been leased, this time included. */
  readonly attempt: number;
}

/** Why a job has not been done. */
export interface Failure {
  readonly reason: string;
  /**
   * - `error`: the work itself went wrong, and may go right the next time: tried again after a while, 3 times in all.
   * - `crash`: the work's process died, or its worker: tried again after a while, more often, since machines stop and sleep.
   * - `final`: it would fail the same way again: not tried again.
   */
  readonly kind: "error" | "crash" | "final";
}

/** A job that is over. */
export interface Finished {
  readonly id: string;
  /** Absent where it was done. */
  readonly failed?: string;
}

/** Jobs of a queue at one moment. */
export interface QueueState {
  readonly waiting: number;
  readonly done: number;
  readonly failed: number;
  readonly running: readonly RunningJob[];
}

export interface RunningJob {
  readonly id: string;
  readonly worker: string;
  readonly attempt: number;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly renewed: number;
  /** What the worker last said of it. */
  readonly progress?: string;
}

/**
 * Every promise may reject with a UserError where the queue can't be reached or written; what was promised before stays. What one
 * process was told is done, no kill of any process takes back.
 */
export interface Queue {
  /**
   * Adds those that don't wait or run yet. One that is over is done anew if it was over before `cursor`, which `finished` gave:
   * whoever adds it knew that, and lacks its result. Later than that, `finished` will tell of it. Default: as far as was told.
   */
  add(jobs: readonly Job[], cursor?: number): Promise<void>;
  /** Takes back those that nobody has begun. */
  cancel(ids: readonly string[]): Promise<void>;
  /** A job for this worker; undefined where there is none for it at the moment. */
  lease(worker: WorkerInfo): Promise<Lease | undefined>;
  /** Prolongs the lease; false where the job was given to another worker, or is over: then this worker stops with it. */
  renew(lease: Lease, progress?: string): Promise<boolean>;
  /** The job is done. False where it was over already, done by another worker. */
  complete(lease: Lease): Promise<boolean>;
  /** The job could not be done; the queue decides whether it is tried again. */
  fail(lease: Lease, failure: Failure): Promise<void>;
  /** Gives the job back as if it had never been leased. */
  release(lease: Lease): Promise<void>;
  /** Jobs that are over and were not told of by an earlier call with the cursor that this one gives. */
  finished(cursor?: number): Promise<{ readonly jobs: readonly Finished[]; readonly cursor: number }>;
  state(): Promise<QueueState>;
  /** What every worker must know before it takes a job; undefined before `open`. */
  header(): Promise<QueueHeader | undefined>;
  /** Begins the sweep, or goes on with it: workers come. */
  open(header: QueueHeader): Promise<void>;
  /** Ends the sweep: workers go. */
  end(): Promise<void>;
  /** Lets go of files or connections. */
  close(): void;
}

/** Which Secateur it is: results of two are not mixed. */
export interface Identity {
  /** "secateur 0.1.0" */
  readonly tool: string;
  readonly commit: string;
  /** SHA-256 over its source. */
  readonly source: string;
}

/** What a sweep says to its workers. */
export interface QueueHeader {
  readonly sweep: string;
  readonly identity: Identity;
  readonly adapter: string;
  /** Where results and checkpoints are kept. */
  readonly store: string;
  /** SHA-256 of a content that lies there: a worker that doesn't find it has another store. */
  readonly mark?: string;
  /** Whether there will be no more jobs. */
  readonly ended: boolean;
}

/** How queues treat workers that fall silent, and jobs that fail. In milliseconds. */
export interface QueueRules {
  /** A worker that hasn't renewed its lease for so long has lost it. */
  readonly leaseMs: number;
  /** Errors after which a job has failed for good. */
  readonly attempts: number;
  /** Crashes after which it has: machines stop and sleep, but a job that kills each of its workers must end. */
  readonly crashes: number;
  /** Before the second attempt; twice as long before each further one. */
  readonly backoffMs: number;
}

export const RULES: QueueRules = { leaseMs: 60_000, attempts: 3, crashes: 8, backoffMs: 2_000 };
