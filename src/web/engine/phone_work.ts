/**
 * Works for a sweep: takes timing jobs from the page's server, times them one after the other, and posts what came out. A job is
 * returned when the page is hidden or stopped. Each session is one opening of the device: when the server wants to hear another
 * one, the device is opened anew.
 */
import { UserError } from "../../errors.ts";
import { adapterName } from "../../gpu/adapter.ts";
import { DeviceLimitError, DeviceLostError } from "../../gpu/errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { timeJob } from "../../measure/asked/time_job.ts";
import { pause } from "../../measure/session/pause.ts";
import { untilVisible, type Visibility } from "../../measure/session/visibility.ts";
import { sessionName } from "../../report/devices/record.ts";
import type { Asked } from "../../sweep/phones/desk.ts";
import type { WorkEvent, WorkResult } from "../messages.ts";

export interface PhoneWorkOptions {
  /** The page's address: api/ is below it. */
  readonly base: URL;
  readonly token: string;
  /** As its owner calls the device. */
  readonly name: string;
  /** Opens the device on its safe path. */
  readonly open: () => Promise<Gpu>;
  readonly visibility: Visibility;
  readonly signal: AbortSignal;
  readonly tell: (event: WorkEvent) => void;
}

type Job = Extract<Asked, { is: "job" }>;

/** Between two questions where there is nothing to do at the moment. */
const IDLE_MS = 500;
/** A server that is away is asked again after a second, then after twice as long each time, up to this. */
const LONGEST_PAUSE_MS = 10_000;
/** In a row, without a job that was done. */
const MOST_LOST = 3;

/**
 * Works until there is nothing left to do, or the signal says stop.
 * @throws UserError where the server turns this device away, or the device is lost again and again
 */
export async function workForSweep(options: PhoneWorkOptions): Promise<WorkResult> {
  const { visibility, signal, tell } = options;
  const worker = { ...options, server: createServer(options), counted: 0, lost: 0 };
  while (!signal.aborted) {
    if (visibility.state === "hidden") tell({ kind: "work", counted: worker.counted, text: "the page is hidden" });
    await untilVisible(visibility, signal);
    if (signal.aborted) break;
    using gpu = await options.open();
    if (await workSession(worker, gpu, sessionName()) === "ended") return { counted: worker.counted, ended: true };
  }
  return { counted: worker.counted, ended: false };
}

interface Working extends PhoneWorkOptions {
  readonly server: Server;
  /** Answers that count. */
  counted: number;
  /** Devices lost in a row. */
  lost: number;
}

/** One opening of the device. */
async function workSession(worker: Working, gpu: Gpu, session: string): Promise<"ended" | "another session"> {
  const { server, name, signal, visibility, tell } = worker;
  const { vendor, architecture, description, fallback } = gpu.info;
  const who = { session, name, adapter: { vendor, architecture, description, fallback } };
  while (!signal.aborted && visibility.state === "visible") {
    const asked = await server.post<Asked>("ask", who);
    if (!asked) return "another session";
    if (asked.is === "ended" || asked.is === "another session") return asked.is;
    if (asked.is === "wait") {
      tell({ kind: "work", counted: worker.counted, text: "waiting for something to time" });
      await pause(IDLE_MS);
      continue;
    }
    tell({ kind: "work", counted: worker.counted, text: asked.job.title });
    try {
      if (await doJob(worker, gpu, asked)) worker.counted++;
      worker.lost = 0;
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      await server.post("return", { lease: asked.lease });
      if (++worker.lost < MOST_LOST) return "another session";
      throw new UserError(
        `the device was lost ${MOST_LOST} times in a row (${adapterName(gpu.info)}): reload the page`,
      );
    }
  }
  return "another session";
}

/** True where the answer counts. */
async function doJob(
  { server, visibility, signal }: Working,
  gpu: Gpu,
  { lease, leaseMs, job }: Job,
): Promise<boolean> {
  let held = true, hidden = false;
  const unwatch = visibility.onChange((state) => {
    if (state !== "hidden" || hidden) return;
    hidden = true;
    // At once: a page that sleeps does nothing more.
    void server.post("return", { lease });
  });
  const renewing = setInterval(async () => {
    const answer = await server.post<{ readonly held: boolean }>("renew", { lease });
    if (answer?.held === false) held = false;
  }, leaseMs / 4);
  try {
    const beforeSample = async () => {
      // Lets messages in, such as the one that stops this.
      await pause(0);
      return held && !hidden && !signal.aborted ? "go on" as const : "enough" as const;
    };
    const answer = await timeJob(gpu, job, { beforeSample });
    if (answer && !hidden) return await server.post("answer", { lease, answer: { ...answer, hidden } }) !== undefined;
    if (held && !hidden) await server.post("return", { lease });
    return false;
  } catch (error) {
    const cannot = error instanceof UserError || error instanceof DeviceLimitError || error instanceof RangeError;
    if (!cannot || error instanceof DeviceLostError) throw error;
    await server.post("fail", { lease, reason: error.message });
    return false;
  } finally {
    clearInterval(renewing);
    unwatch();
  }
}

interface Server {
  /** Undefined where the server doesn't take it: the lease is gone, or the answer doesn't count. */
  post<T>(action: string, body: unknown): Promise<T | undefined>;
}

/** Waits for a server that is away, and for one that is asked too often. */
function createServer({ base, token, signal, tell }: PhoneWorkOptions): Server {
  return {
    async post<T>(action: string, body: unknown) {
      for (let pauseMs = 1000;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
        const response = await fetch(new URL(`api/work/${action}`, base), {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify(body),
          keepalive: action === "return",
        }).catch(() => undefined);
        const told = await response?.json().catch(() => undefined);
        if (response?.ok && told !== undefined) return told as T;
        const { status = 0 } = response ?? {};
        const reason = typeof told?.error === "string" ? told.error : "the server doesn't answer";
        if (status === 401 || status === 403 || status === 404) throw new UserError(reason);
        if (status === 409 || status === 422) return undefined;
        // What can't be delivered now is of no use later: the lease has ended by then.
        if (action === "renew" || action === "return" || signal.aborted) return undefined;
        tell({ kind: "work", text: reason });
        await pause(pauseMs);
      }
    },
  };
}
